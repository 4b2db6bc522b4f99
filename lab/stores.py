"""Several stores and a front before them, each a private cluster of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg

from ctaudit.admin import stores
from ctaudit.database import front, schema
from lab.cluster import Cluster, private_cluster

ASKER = "ctaudit_front_login"  # the front's, at each store


@dataclass(frozen=True)
class Fleet:
    """``stores``: by the names that the front has for them."""

    stores: Mapping[str, Cluster]
    front: Cluster

    def dsn(self, user: str) -> str:
        return self.front.dsn(user=user)


@contextmanager
def fleet(
    names: str,
    logins: Mapping[str, str],
    settings: Mapping[str, str | int] | None = None,
    patience: float = 5.0,
) -> Iterator[Fleet]:
    """A store for each letter of ``names``. ``logins``: name and role, of front and stores."""
    with ExitStack() as stack:
        made = {name: stack.enter_context(private_cluster(settings=settings)) for name in names}
        asking = stack.enter_context(private_cluster(settings=settings))
        for cluster in made.values():
            cluster.create_database("ctaudit")
            schema.install(cluster.dsn())
            _add_logins(cluster, {**logins, ASKER: "ctaudit_front"})
        asking.create_database("ctaudit")
        front.install(asking.dsn())
        _add_logins(asking, logins)
        for name, cluster in made.items():
            stores.add(asking.dsn(), name, cluster.dsn(user=ASKER), patience)
        yield Fleet(made, asking)


def _add_logins(cluster: Cluster, logins: Mapping[str, str]) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        for login, role in logins.items():
            connection.execute(f"CREATE ROLE {login} LOGIN IN ROLE {role}".encode())
