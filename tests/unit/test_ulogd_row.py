"""What a row of ulogd2's table is taken for, and why one is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ctaudit.admin.ulogd_row import (
    CLOCK_WENT_BACK,
    NO_END,
    Connection,
    Limits,
    RawRow,
    Refused,
    read_row,
)

SECOND = 1_000_000
LIMITS = Limits(kept_since=1_700_000_000 * SECOND, until=1_800_000_000 * SECOND)
# As ulogd 2.0.8 wrote it, with nf_conntrack_timestamp = 1 and hash_enable=0.
ENDED = RawRow(
    number=1, proto=6,
    orig_src="192.168.1.129", orig_dst="19.1.16.7", reply_src="19.1.16.7", reply_dst="1.2.3.4",
    orig_sport=45667, orig_dport=443, reply_sport=443, reply_dport=45667,
    orig_bytes=420, orig_packets=6, reply_bytes=316, reply_packets=4,
    icmp_code=None, icmp_type=None, mark=0,
    start_sec=1795666294, start_usec=514869, end_sec=1795666295, end_usec=199417, event=4,
)  # fmt: skip
START, END = 1795666294514869, 1795666295199417


def read(**changes: Any) -> Connection:
    return read_row(ENDED._replace(**changes), LIMITS)


def test_an_ended_connection() -> None:
    found = read()
    assert (found.is_ended, found.received_us, found.started_us, found.ended_us) == (
        True, END, START, END,
    )  # fmt: skip
    assert (found.orig_packets, found.orig_bytes) == (6, 420)
    assert (found.reply_packets, found.reply_bytes) == (4, 316)
    assert (found.mark, found.status, found.ended_cause) == (None, 0x10, None)


def test_a_new_of_the_live_copy() -> None:
    """INSERT_OR_REPLACE_CT before the DESTROY: no end, and counters that nobody sent."""
    found = read(end_sec=None, end_usec=None, event=1, orig_packets=0, orig_bytes=0)
    assert (found.is_ended, found.received_us, found.ended_us) == (False, START, None)
    assert found.orig_packets is found.reply_packets is None


def test_without_the_kernels_stamps_and_the_hash_table() -> None:
    found = read(start_sec=None, start_usec=None)
    assert (found.is_ended, found.received_us, found.started_us) == (True, END, None)
    assert read(start_sec=0, start_usec=0) == found


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 0x10),
        ({"reply_dst": "192.168.1.129"}, 0),
        ({"reply_dst": "192.168.1.129", "reply_dport": 1024}, 0x10),
        ({"orig_dst": "1.2.3.4", "reply_src": "192.168.1.130", "reply_dst": "192.168.1.129"}, 0x20),
        ({"reply_dst": "192.168.1.129", "orig_dport": 8443}, 0x20),
        ({"orig_dst": "9.9.9.9"}, 0x30),
    ],
)
def test_translations_are_those_that_the_tuples_show(changes: dict[str, Any], status: int) -> None:
    assert read(**changes).status == status


def test_icmp() -> None:
    ports = dict.fromkeys(("orig_sport", "orig_dport", "reply_sport", "reply_dport"))
    found = read(proto=1, icmp_type=8, icmp_code=0, **ports)
    assert (found.orig_sport, found.orig_dport, found.reply_sport, found.reply_dport) == (
        -1, 8 * 256, -1, -1,
    )  # fmt: skip
    assert found.status == 0x10


def test_nothing_was_counted() -> None:
    assert read(orig_packets=0, orig_bytes=0, reply_packets=0, reply_bytes=0)[16:20] == (None,) * 4


def test_an_end_before_its_start() -> None:
    """A start by ulogd2's clock may be later than an end by the kernel's."""
    found = read(end_sec=1795666294, end_usec=0)
    assert (found.started_us, found.ended_us) == (1795666294 * SECOND,) * 2
    found = read(end_sec=1795666294 - 61)
    assert (found.ended_us, found.stop_sent_us) == (None, END - 62 * SECOND)
    assert (found.received_us, found.ended_cause) == (START, CLOCK_WENT_BACK)
    assert read(end_sec=None).ended_cause == NO_END


def test_an_address_of_mysql_that_is_mapped() -> None:
    assert read(orig_src="::ffff:10.0.0.1").orig_src == "10.0.0.1"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"proto": None}, "no protocol"),
        ({"proto": 256}, "no protocol"),
        ({"reply_dst": None}, "no address"),
        ({"orig_src": "10.0.0"}, "not an address"),
        ({"orig_src": "2001:db8::1"}, "IPv4 and IPv6 in one row"),
        ({"start_sec": None, "end_sec": 0}, "no time"),
        ({"end_sec": -5}, "no time"),
        ({"start_sec": 1 << 60}, "no time"),
        ({"start_usec": -1}, "no time"),
        ({"end_usec": 1 << 70}, "no time"),
        ({"proto": 1, "icmp_type": 1 << 30}, "not an ICMP type and code"),
        ({"proto": 1, "icmp_type": 3, "icmp_code": -1}, "not an ICMP type and code"),
        ({"start_sec": 1 << 32, "end_sec": 1 << 32}, "a time in the future"),
        ({"end_sec": 1_699_999_999, "start_sec": None}, "past retention"),
        ({"orig_sport": 65536}, "not a port"),
        ({"orig_bytes": 1 << 63}, "not a count"),
        ({"mark": -1}, "not a count"),
    ],
)
def test_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        read(**changes)
