"""Notes come back as they were written, and nothing else is taken for one."""

from __future__ import annotations

import json
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.conntrack.nlmsg import HEADER
from ctaudit.spool.note import (
    DRAINED,
    NAMED,
    Note,
    pack_drained,
    pack_note,
    unpack_drained,
    unpack_note,
)

times = st.integers(0, (1 << 63) - 1)
details = st.dictionaries(
    st.text(max_size=10).filter(lambda name: name != "at"),
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    max_size=4,
)


def packed(kind: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, 0, 0, 0) + body


@given(st.sampled_from(sorted(NAMED.values())), times, details)
def test_what_was_packed_is_read(name: str, at: int, detail: dict[str, object]) -> None:
    note = Note(name, at, detail)
    message = pack_note(note)
    assert len(message) % 4 == 0
    length, kind = HEADER.unpack_from(message)[:2]
    assert length == len(message)
    assert NAMED[kind] == name
    assert unpack_note(message) == note


@given(st.integers(0, (1 << 64) - 1))
def test_drained(at: int) -> None:
    message = pack_drained(at)
    assert HEADER.unpack_from(message)[:2] == (len(message), DRAINED)
    assert unpack_drained(message) == at
    assert unpack_drained(message[:-1]) is None
    assert unpack_drained(message + b"\0\0\0\0") is None


def test_no_kernel_sends_their_types() -> None:
    """The subsystems of nfnetlink are numbered up to 13 (linux/netfilter/nfnetlink.h)."""
    for kind in (DRAINED, *NAMED):
        assert kind >> 8 > 100
    assert DRAINED not in NAMED
    assert len(set(NAMED.values())) == len(NAMED)


@pytest.mark.parametrize("kind", [0, 1, 3, 0x100, 0x102, DRAINED, 0xCA01, 0xFFFF])
def test_other_messages_are_no_notes(kind: int) -> None:
    assert unpack_note(packed(kind, json.dumps({"at": 5}).encode())) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b"{}",
        b'{"at": "now"}',
        b'{"at": null}',
        b'{"at": true}',
        b'{"at": 1.5}',
        b'{"at": -1}',
        b'{"at": 9223372036854775808}',
        b'{"at": 1' + b"0" * 5000 + b"}",
        b"\xff\xfe\xfd",
        b"[" * 100_000,
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_damaged_notes(body: bytes) -> None:
    assert unpack_note(packed(next(iter(NAMED)), body)) is None


def test_any_damage_raises_nothing() -> None:
    chooser = random.Random(4)
    whole = pack_note(Note("overrun", 1_708_603_183_000_000_000, {"lost": 17, "last_read_at": 3}))
    for _ in range(3000):
        damaged = bytearray(whole)
        for _ in range(chooser.randint(1, 4)):
            damaged[chooser.randrange(HEADER.size, len(damaged))] = chooser.randrange(256)
        struct.pack_into("=I", damaged, 0, len(damaged))
        note = unpack_note(bytes(damaged[: chooser.randint(HEADER.size, len(damaged))]))
        assert note is None or (note.name == "overrun" and 0 <= note.at < 1 << 63)
