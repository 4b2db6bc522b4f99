"""What the pages need to know of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from ctaudit.config import Config
from ctaudit.config.readers import split_listen
from ctaudit.conntrack.endpoint import Address
from ctaudit.query.notation import Network


@dataclass(frozen=True)
class WebSettings:
    """``path``: the socket file, None: ``address`` and ``port`` of loopback.

    ``timeout``: of a statement, in seconds. ``ours``: the networks of [scope]; none: it is not set.
    ``hosts``: the names by which the pages are opened; none: any.
    """

    dsn: str
    path: str | None
    address: str
    port: int
    person_header: str
    supervisors: frozenset[str]
    timeout: float
    ours: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def is_ours(self, address: Address) -> bool:
        return any(address in network for network in self.ours)

    @property
    def names_persons(self) -> bool:
        """Whether the web server before the pages says who asks."""
        return self.path is not None


def read_settings(config: Config) -> WebSettings:
    """``dsn`` as web.dsn or database.dsn has it, not checked."""
    web = config.web
    place, port = split_listen(web.listen)
    return WebSettings(
        web.dsn or config.database.dsn,
        place if port == 0 else None,
        place if port else "",
        port,
        web.person_header,
        frozenset(web.supervisors),
        web.timeout,
        config.scope.networks,
        frozenset(name.lower().rstrip(".") for name in web.hosts),
    )
