"""When the recorder sends its canary, looks for it, and says that it is not found."""

from __future__ import annotations

import errno
import logging
import socket
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest

from ctaudit.host.log import MESSAGE_IDS
from ctaudit.record.canary import DISCARD, Canary, Sent, send_packet
from ctaudit.record.in_flight import Committed
from ctaudit.record.positions import Span

COMMITTED = Committed(Span("gw1", UUID(int=7), 0, 100), 3)
INTERVAL = 300.0


@dataclass
class Site:
    """A clock, what was sent, and a record in which the canary is found or not."""

    now: float = 1000.0
    sent: list[Sent] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    is_recorded: bool = True
    is_connected: bool = True
    error: psycopg.Error | None = None
    refusal: OSError | None = None

    def find_canary(self, span: Span, sent_at: int, sport: int, dport: int) -> bool:
        assert (span, dport) == (COMMITTED.span, DISCARD)
        assert sent_at == sport * 10
        self.asked.append(sport)
        if self.error is not None:
            raise self.error
        return self.is_recorded

    def send(self) -> Sent:
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(Sent((len(self.sent) + 1) * 10, len(self.sent) + 1))
        return self.sent[-1]

    def canary(self) -> Canary:
        return Canary(self, INTERVAL, self.send, lambda: self.now)  # type: ignore[arg-type]


def follow(site: Site, canary: Canary, seconds: float, every: float = 0.2) -> None:
    """Commits for so long."""
    for _ in range(round(seconds / every)):
        canary.follow(COMMITTED)
        site.now += every


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    for record in caplog.records:
        if record.levelno >= logging.WARNING:
            assert record.__dict__["MESSAGE_ID"] == MESSAGE_IDS["canary"]
    return caplog.messages


def test_one_packet_an_interval_and_one_look_where_it_is_found() -> None:
    site = Site()
    follow(site, site.canary(), 3 * INTERVAL - 1)
    assert len(site.sent) == 3
    assert site.asked == [1, 2, 3]


def test_looks_once_a_second_until_the_next_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    site = Site(is_recorded=False)
    canary = site.canary()
    follow(site, canary, 3 * INTERVAL)
    assert 0.9 * 3 * INTERVAL < len(site.asked) <= 3 * INTERVAL
    assert len(said(caplog)) == 1
    assert "sent 300 s ago is not in the record" in caplog.messages[0]
    site.is_recorded = True
    follow(site, canary, 2)
    assert said(caplog)[1:] == ["the canary is found again"]
    follow(site, canary, INTERVAL)
    assert len(said(caplog)) == 2


def test_an_older_database_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(error=psycopg.errors.UndefinedFunction("function does not exist"))
    follow(site, site.canary(), 3 * INTERVAL)
    assert said(caplog) == ["the canary cannot be looked for: function does not exist"]


def test_a_connection_that_breaks_is_a_fault() -> None:
    site = Site(error=psycopg.OperationalError("gone"), is_connected=False)
    canary = site.canary()
    canary.follow(COMMITTED)
    with pytest.raises(psycopg.OperationalError):
        canary.follow(COMMITTED)


def test_a_unit_without_such_sockets_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(refusal=OSError(errno.EAFNOSUPPORT, "Address family not supported"))
    follow(site, site.canary(), 2 * INTERVAL)
    [sentence] = said(caplog)
    assert "cannot be sent: Address family not supported; look at Restrict" in sentence


def test_the_packet_goes_to_the_discard_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        monkeypatch.setattr("ctaudit.record.canary.DISCARD", receiver.getsockname()[1])
        sent = send_packet()
        content, sender = receiver.recvfrom(100)
    assert (content, sender) == (b"ctaudit", ("127.0.0.1", sent.sport))
