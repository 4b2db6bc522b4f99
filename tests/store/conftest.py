"""A private cluster with a gateway's record for all the tests of the commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster, private_cluster
from tests.store.scenario import fill_live

LOGINS = {
    "audrey": "ctaudit_auditor",
    "rex": "ctaudit_recorder",
    "mary": "ctaudit_maintainer",
    "desk": "ctaudit_front",
    "sue": "ctaudit_supervisor",
    "reg": "ctaudit_registrar",
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with recorded_cluster() as made:
        yield made


@pytest.fixture(scope="session")
def primary() -> Iterator[Cluster]:
    """One that holds nothing else, so that a standby of it is made in a second."""
    with recorded_cluster() as made:
        yield made


@contextmanager
def recorded_cluster() -> Iterator[Cluster]:
    with private_cluster(settings={"fsync": "off"}) as made:
        made.create_database("ctaudit")
        schema.install(made.dsn())
        with psycopg.connect(made.dsn(), autocommit=True) as connection:
            for login, role in LOGINS.items():
                connection.execute(f"CREATE ROLE {login} LOGIN IN ROLE {role}")  # type: ignore[arg-type]
            connection.execute("CREATE ROLE stranger LOGIN")
            connection.execute('CREATE ROLE "ctaudit-web" LOGIN IN ROLE ctaudit_front')
        fill_live(made.dsn(user="rex"))
        yield made


@pytest.fixture(scope="session")
def dsn(cluster: Cluster) -> str:
    return cluster.dsn(user="audrey")


@pytest.fixture
def owner(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def web_login(cluster: Cluster) -> str:
    return cluster.dsn(user="ctaudit-web")


@pytest.fixture(scope="module")
def client(web_login: str) -> Iterator[Any]:
    """Of the pages, behind a web server that says who asks."""
    from tests.store.pages import browsing

    with browsing(web_login, is_named=True) as made:
        yield made


@pytest.fixture(scope="module")
def local(web_login: str) -> Iterator[Any]:
    """Of the pages, on loopback."""
    from tests.store.pages import browsing

    with browsing(web_login) as made:
        yield made
