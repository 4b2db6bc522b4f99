"""A dump read to its end, with what is said when it was not whole; the kernel is played here."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from ctaudit.errors import PrivilegeError, UsageError
from ctaudit.query import table
from ctaudit.query.answer import Answer
from ctaudit.query.question import FlowsQuestion
from tests.unit.messages import Entry, attribute, build, message
from tests.unit.test_entry import IN, OUT

DONE = message(3, 0x2, bytes(4))
CHANGED = 0x10  # NLM_F_DUMP_INTR

Play = Callable[..., tuple[list[Answer], list[str]]]


def refused(number: int) -> bytes:
    """NLMSG_ERROR with the header of the request."""
    return message(2, 0, struct.pack("=i", -number) + bytes(16))


def with_flags(data: bytes, flags: int) -> bytes:
    return data[:6] + struct.pack("=H", flags) + data[8:]


def numbered(count: int) -> list[Entry]:
    return [replace(OUT, ct_id=number) for number in range(count)]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Reads a table that the kernel sends in these datagrams."""

    def read(*datagrams: bytes, limit: int | None = None) -> tuple[list[Answer], list[str]]:
        ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        monkeypatch.setattr(table, "open_dump_socket", lambda: ours)
        said: list[str] = []
        with kernel:
            for datagram in datagrams:
                kernel.send(datagram)
            answers = list(table.read_table("gw1", FlowsQuestion(limit=limit), said.append))
        assert ours.fileno() == -1
        return answers, said

    return read


def test_all_datagrams_up_to_the_end(play: Play) -> None:
    sent = list(map(build, numbered(5)))
    answers, said = play(sent[0] + sent[1], sent[2] + sent[3] + sent[4], DONE)
    assert [answer.ct_id for answer in answers] == [0, 1, 2, 3, 4]
    assert said == []


def test_end_in_the_same_datagram(play: Play) -> None:
    answers, _ = play(build(OUT) + build(IN) + DONE, b"never read")
    assert {answer.ct_id for answer in answers} == {1, 2}


def test_limit(play: Play) -> None:
    answers, said = play(b"".join(map(build, numbered(5))), limit=3)
    assert [answer.ct_id for answer in answers] == [0, 1, 2]
    assert said == []


def test_a_table_that_changed_is_shown_and_said(play: Play) -> None:
    answers, [said] = play(build(OUT), with_flags(build(IN), 0x2 | CHANGED), DONE)
    assert len(answers) == 2
    assert said.startswith("the table changed while it was read: connections may be missing or")


def test_what_cannot_be_decoded_is_counted(play: Play) -> None:
    broken = message(0x100, 0x2, struct.pack("=BBH", 2, 0, 0) + attribute(12, b"\0\0\0\1"))
    answers, said = play(build(OUT) + broken + build(IN) + broken, DONE)
    assert [answer.ct_id for answer in answers] == [1, 2]
    assert said == ["2 entries could not be decoded, the last one: no orig_src"]


def test_refusals(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PrivilegeError, match=r"needs CAP_NET_ADMIN .*: run as root"):
        play(refused(errno.EPERM))
    with pytest.raises(UsageError, match=r"\(Invalid argument\): modprobe nf_conntrack_netlink"):
        play(refused(errno.EINVAL))
    monkeypatch.setattr(table, "_PATIENCE", 0.01)
    with pytest.raises(UsageError, match="timed out"):
        play(build(OUT))


def test_no_such_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> socket.socket:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr(table, "open_dump_socket", fail)
    with pytest.raises(UsageError, match="Protocol not supported"):
        list(table.read_table("gw1", FlowsQuestion(), print))
