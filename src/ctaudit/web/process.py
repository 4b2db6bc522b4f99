"""The process that serves the pages, by waitress."""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import create_server

from ctaudit.errors import SUCCESS, UNFORESEEN, PrivilegeError, UsageError
from ctaudit.host.systemd import Watchdog, notify
from ctaudit.web.application import BODY_MAX, create_app
from ctaudit.web.settings import WebSettings

_SLICE = 0.5  # seconds until a signal is noticed, at most
_REQUEST_SECONDS = 60.0  # for a whole request to arrive
# More than a page takes, so that it is the page that refuses it: waitress would answer before it
# has read all, which a web server before it takes for a failure (Apache: 502).
_BODY_READ = 4 * BODY_MAX
# A reader that is slow holds a channel, not a thread; waitress ends one that says nothing.
_LIMITS = {
    "threads": 8, "connection_limit": 100, "channel_timeout": 60, "cleanup_interval": 10,
    "max_request_body_size": _BODY_READ, "max_request_header_size": 32_768,
    "ident": "", "clear_untrusted_proxy_headers": True,
}  # fmt: skip

log = logging.getLogger(__name__)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """Ends with a request that arrives byte by byte, which waitress takes for activity."""

    _begun: float | None = None

    def received(self, data: bytes) -> bool:
        is_taken: bool = super().received(data)
        if self.request is None:
            self._begun = None
        elif self._begun is None:
            self._begun = time.monotonic()
        elif time.monotonic() - self._begun > _REQUEST_SECONDS:
            self.will_close = True
        return is_taken


def run(settings: WebSettings, stop: Sequence[int]) -> int:
    """Serves until ``stop`` holds a signal."""
    # A line for each request that waits would fill the journal of a host with many readers.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = _listen(settings)
    server.channel_class = _Channel
    where = settings.path or f"http://{_format_host(settings.address)}:{settings.port}/"
    serving = threading.Thread(target=server.run, name="web", daemon=True)
    serving.start()
    log.info("serving the pages at %s", where)
    notify("READY=1", f"STATUS=serving the pages at {where}")
    watchdog = Watchdog()
    while not stop and serving.is_alive():
        watchdog.feed()
        time.sleep(_SLICE)
    notify("STOPPING=1")
    server.close()
    if settings.path is not None:
        Path(settings.path).unlink(missing_ok=True)
    if not stop:
        log.error("the pages are served no more, for a reason that was not foreseen; see above")
        return UNFORESEEN
    return SUCCESS


def _format_host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _listen(settings: WebSettings) -> Any:
    """Raises UsageError or PrivilegeError where the place cannot be listened at."""
    app = create_app(settings)
    try:
        if settings.path is not None:
            _remove_stale(Path(settings.path))
            return create_server(app, unix_socket=settings.path, unix_socket_perms="660", **_LIMITS)
        return create_server(app, host=settings.address, port=settings.port, **_LIMITS)
    except OSError as error:
        place = settings.path or f"{_format_host(settings.address)}:{settings.port}"
        reason = os.strerror(error.errno) if error.errno else str(error)
        text = f"web.listen: {place} cannot be listened at: {reason}"
        if error.errno in (errno.EACCES, errno.EPERM):
            raise PrivilegeError(f"{text}; run it by systemctl start ctaudit-web") from None
        raise UsageError(f"{text}; another program has it, or its folder is absent") from None


def _remove_stale(path: Path) -> None:
    """The socket file that a process left which was killed; nothing else is removed.

    Raises UsageError or OSError.
    """
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise UsageError(f"web.listen: {path} is there and is no socket; name another file")
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
