"""What the pages need to know of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from ctaudit.config import Config
from ctaudit.config.readers import split_listen


@dataclass(frozen=True)
class WebSettings:
    """``path``: the socket file, None: ``address`` and ``port`` of loopback.

    ``timeout``: of a statement, in seconds.
    """

    dsn: str
    path: str | None
    address: str
    port: int
    person_header: str
    supervisors: frozenset[str]
    timeout: float

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
    )
