"""What the pages need to know of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from ctaudit.config import Config
from ctaudit.config.readers import split_listen
from ctaudit.web.guard import LOOPBACK


@dataclass(frozen=True)
class WebSettings:
    """``path``: the socket file, None: ``address`` and ``port`` of loopback.

    ``timeout``: of a statement, in seconds. ``hosts``: names by which the pages are opened.
    """

    dsn: str
    path: str | None
    address: str
    port: int
    person_header: str
    supervisors: frozenset[str]
    timeout: float
    hosts: frozenset[str] = frozenset()

    @property
    def names_persons(self) -> bool:
        """Whether the web server before the pages says who asks."""
        return self.path is not None

    @property
    def names(self) -> frozenset[str] | None:
        """The hosts that these pages are, as a Host header has them; None: any."""
        if self.path is None:
            return self.hosts | LOOPBACK
        return self.hosts or None


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
        frozenset(name.lower().rstrip(".") for name in web.hosts),
    )
