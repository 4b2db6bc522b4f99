"""A request has a minute to arrive, also one that comes byte by byte."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("flask")
pytest.importorskip("waitress")

from ctaudit.web import process
from ctaudit.web.process import _Channel


class Parser:
    """A request of which the last byte is a dot."""

    def __init__(self, _: object) -> None:
        self.completed = self.empty = False
        self.expect_continue = self.headers_finished = False

    def received(self, data: bytes) -> int:
        self.completed = self.empty = data.endswith(b".")
        return len(data)


class Server:
    """What a channel needs of its server."""

    active_channels: dict[int, object]

    def __init__(self) -> None:
        self.active_channels = {}


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Channel]:
    from waitress.adjustments import Adjustments

    monkeypatch.setattr(_Channel, "parser_class", Parser)
    near, far = socket.socketpair()
    made = _Channel(
        Server(), near, ("", None), Adjustments(clear_untrusted_proxy_headers=True), map={}
    )
    yield made
    made.close()
    far.close()


def test_byte_by_byte(channel: _Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    channel.received(b"G")
    now += process._REQUEST_SECONDS - 1
    channel.received(b"E")
    assert not channel.will_close
    now += 2
    channel.received(b"T")
    assert channel.will_close


def test_each_request_has_its_own_minute(
    channel: _Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(5):
        channel.received(b"GET")
        now += process._REQUEST_SECONDS - 1
        channel.received(b".")
    assert not channel.will_close
