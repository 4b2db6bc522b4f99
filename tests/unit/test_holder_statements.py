"""Statements of who has an address: from a list, dnsmasq's and Kea's leases; and leases joined."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, ip_network
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.admin.holder_csv import COLUMNS, read_csv
from ctaudit.admin.holder_leases import read_dnsmasq, read_kea
from ctaudit.admin.holder_statement import Statement, Unreadable, join_leases
from ctaudit.admin.import_holders import Files, read_files, read_settled
from ctaudit.errors import UsageError

T = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOON = int(T.timestamp())
NET = IPv4Network("10.0.0.7/32")
KEA4 = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state"
KEA6 = (
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,"
    "fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context"
)
WORDS = st.text("abcxyz0189.:,;*/- \t\"'\n\x00é", max_size=12)


def at(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def lease(line: int, holder: str, begin: float, until: float | None) -> Statement:
    return Statement(line, NET, holder, at(begin), None if until is None else at(until))


def end(line: int, holder: str | None, begin: float, until: float | None = None) -> Statement:
    ends = None if until is None else at(until)
    return Statement(line, NET, holder, at(begin), ends, is_end=True)


def read_one(found: list[Statement | Unreadable]) -> Statement:
    (one,) = found
    assert isinstance(one, Statement), one
    return one


def reason_of(found: list[Statement | Unreadable]) -> str:
    (one,) = found
    assert isinstance(one, Unreadable), one
    return one.reason


def test_dnsmasq() -> None:
    lines = [
        f"{NOON + 60} 00:16:3E:00:00:01 10.0.0.7 laptop 01:00:16:3e:00:00:01",
        "0 06-00:16:3e:00:00:02 10.0.0.8 * *",
        f"{NOON - 1} 00:16:3e:00:00:03 10.0.0.9 gone *",
        "duid 00:01:00:01:2a",
        f"{NOON + 90} 12345 2001:db8::7 phone 00:01:00:01:AA",
        f"{NOON + 90} T12345 2001:db8::8 * 00:01:00:01:aa",
        "",
    ]
    assert list(read_dnsmasq(lines, T)) == [
        Statement(1, NET, "00:16:3e:00:00:01", T, at(60), "laptop"),
        Statement(2, IPv4Network("10.0.0.8/32"), "06-00:16:3e:00:00:02", T, None),
        Statement(5, ip_network("2001:db8::7"), "duid 00:01:00:01:aa", T, at(90), "phone"),
        Statement(6, ip_network("2001:db8::8"), "duid 00:01:00:01:aa", T, at(90)),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1 2 3", "not a lease: it has fewer than four words"),
        ("soon aa 10.0.0.7 *", "the lease's end 'soon' is no whole number"),
        (f"{NOON} aa 10.0.0 *", "'10.0.0' is no address"),
        (
            "3600 aa 10.0.0.7 * *",
            "the lease's end 3600 is no time; this dnsmasq was",
        ),
        ("999999999999 aa 10.0.0.7 *", "999999999999 s since 1970 is no time"),
        (f"{NOON + 9} 1 2001:db8::7 phone *", "a lease of IPv6 without a DUID"),
        (f"{NOON + 9} aa fe80::1%eth0 * aa", "leave out the zone index"),
    ],
)
def test_no_lease_of_dnsmasq(line: str, reason: str) -> None:
    assert reason in reason_of(list(read_dnsmasq([line], T)))


def test_kea_of_ipv4() -> None:
    lines = [
        KEA4,
        f"10.0.0.7,AA:01,01:aa:01,60,{NOON + 60},1,0,0,a&#x2cb.example.,0",
        f"10.0.0.7,aa:01,,0,{NOON},1,0,0,,0",
        f"10.0.0.7,aa:01,,60,{NOON + 60},1,0,0,,2",
        f"10.0.0.7,,,86400,{NOON + 86400},1,0,0,,1",
        f"10.0.0.7,aa:01,,4294967295,{NOON + 4294967295},1,0,0,,0",
        f"10.0.0.7,aa:01,,4294967295,{NOON - 1},1,0,0,,0",
    ]
    assert list(read_kea(lines)) == [
        Statement(2, NET, "aa:01", T, at(60), "a,b.example"),
        end(3, "aa:01", 0),
        lease(4, "aa:01", 0, 60),
        end(4, "aa:01", 0, 60),
        end(5, None, 0, 0),
        lease(6, "aa:01", 0, None),
        lease(7, "aa:01", 0, None),
    ]


def test_kea_of_ipv6() -> None:
    lines = [
        KEA6,
        f"2001:db8::7,00:01:AA,60,{NOON + 60},1,30,0,7,128,0,0,phone.,aa:01,0,",
        f"2001:db8:5::,00:01:aa,60,{NOON + 60},1,30,2,7,48,0,0,,,0,",
        f"2001:db8::8,00,60,{NOON + 60},1,30,0,7,128,0,0,,,1,",
    ]
    assert list(read_kea(lines)) == [
        Statement(2, ip_network("2001:db8::7"), "duid 00:01:aa", T, at(60), "phone, aa:01"),
        Statement(3, ip_network("2001:db8:5::/48"), "duid 00:01:aa", T, at(60)),
        Statement(4, ip_network("2001:db8::8"), None, T, T, is_end=True),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("10.0.0.7,aa:01,,60", "the line ends before expire"),
        (f"10.0.0,aa:01,,60,{NOON},1,0,0,,0", "'10.0.0' is no address"),
        (f"10.0.0.7,aa:01,,sixty,{NOON},1,0,0,,0", "valid_lifetime 'sixty' is no whole number"),
        (f"10.0.0.7,aa:01,,60,-{NOON},1,0,0,,0", "is no whole number"),
        (f"10.0.0.7,,,60,{NOON},1,0,0,,0", "a lease of nobody: it has no hardware address"),
    ],
)
def test_no_lease_of_kea(line: str, reason: str) -> None:
    assert reason in reason_of(list(read_kea([KEA4, line])))


def test_no_header_of_kea() -> None:
    with pytest.raises(UsageError, match="is not the header of Kea's leases4"):
        list(read_kea(["address,holder,from"]))


A60 = lease(1, "a", 0, 60)


@pytest.mark.parametrize(
    ("said", "joined"),
    [
        ([lease(1, "a", 0, 60), lease(2, "a", 30, 90)], [lease(1, "a", 0, 90)]),
        ([lease(1, "a", 0, 60), lease(2, "a", 30, 40)], [lease(1, "a", 0, 40)]),
        ([lease(1, "a", 0, 60), lease(2, "a", 60, None)], [lease(1, "a", 0, None)]),
        ([A60, lease(2, "a", 61, 90)], [A60, lease(2, "a", 61, 90)]),
        ([A60, lease(2, "b", 30, 90)], [lease(1, "a", 0, 30), lease(2, "b", 30, 90)]),
        ([A60, end(2, "b", 0), lease(3, "a", 30, 90)], [lease(1, "a", 0, 90), end(2, "b", 0)]),
        ([A60, end(2, "a", 0), lease(3, "a", 0, 90)], [end(2, "a", 0), lease(3, "a", 0, 90)]),
        ([lease(1, "a", 0, 60), lease(2, "b", 0, 90)], [lease(2, "b", 0, 90)]),
        ([lease(1, "a", 0, 60), end(2, "a", 0)], [end(2, "a", 0)]),
        (
            [lease(1, "a", 0, 60), lease(2, "a", 30, 90), end(3, "a", 30)],
            [lease(1, "a", 0, 30), end(3, "a", 30)],
        ),
        (
            [lease(1, "a", 0, 60), end(2, "a", 0, 60), end(3, "a", 0)],
            [lease(1, "a", 0, 60), end(2, "a", 0, 60)],
        ),
        ([A60, end(2, None, 20, 20)], [lease(1, "a", 0, 20), end(2, None, 20, 20)]),
        ([lease(1, "a", 0, 60), end(2, "b", 20)], [lease(1, "a", 0, 60), end(2, "b", 20)]),
    ],
)  # fmt: skip
def test_leases_are_joined(said: list[Statement], joined: list[Statement]) -> None:
    assert list(join_leases(said)) == joined


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.integers(1, 30), st.booleans()),
        max_size=12,
    )
)
def test_joined_leases_are_no_more_than_was_said(said: list[tuple[str, int, int, bool]]) -> None:
    """In the order of their begins: no two overlap, and each second was somebody's by a lease."""
    leases = [
        end(line, holder, begin) if is_end else lease(line, holder, begin, begin + length)
        for line, (holder, begin, length, is_end) in enumerate(sorted(said, key=lambda one: one[1]))
    ]
    joined = [one for one in join_leases(leases) if not one.is_end]
    for before, after in pairwise(joined):
        assert before.until is not None
        assert before.until <= after.begin
    for one in joined:
        assert one.until is not None
        for second in range((one.begin - T).seconds, (one.until - T).seconds):
            assert any(
                each.holder == one.holder and each.begin <= at(second) < (each.until or T)
                for each in leases
            )


def test_a_list() -> None:
    lines = [
        "\ufefffrom,Holder,address,until\n",
        "2026-11-26T12:00:00Z,Ann,10.0.0.7,2026-11-26 13:00:00+00:00\n",
        "\n",
        '2026-11-26T12:00:00Z,"Ben, of house 7",2001:db8::/64,\n',
    ]
    assert list(read_csv(lines)) == [
        lease(2, "Ann", 0, 3600),
        Statement(4, ip_network("2001:db8::/64"), "Ben, of house 7", T, None),
    ]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("address,from", "has no column holder"),
        ("address,holder,from,untill", "has a column 'untill'"),
        ("address,holder,from,from", "has a column twice"),
        ("", "has no column address"),
    ],
)
def test_no_header(header: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        list(read_csv([header + "\n"]))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("10.0.0.7,Ann", "2 values, but the header names 6"),
        ("10.0.0.7,,2026-11-26T12:00:00Z,,,", "no holder"),
        ("10.0.0.7/8,Ann,2026-11-26T12:00:00Z,,,", "has host bits set"),
        ("10.0.0.7,Ann,tomorrow,,,", "from 'tomorrow'"),
        ("10.0.0.7,Ann,2026-11-26T12:00:00Z,,,70000", "a conntrack zone is a whole number"),
        ("10.0.0.7,\ufffd,2026-11-26T12:00:00Z,,,", "not UTF-8"),
    ],
)
def test_no_row(line: str, reason: str) -> None:
    found = list(read_csv(["address,holder,from,until,node,zone\n", line + "\n"]))
    assert reason in reason_of(found)


@given(st.lists(st.lists(WORDS, max_size=8), max_size=5), st.lists(st.sampled_from(COLUMNS)))
def test_any_list_is_read_or_refused(rows: list[list[str]], names: list[str]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["address", "holder", "from", *names], *rows])
    lines = list(io.StringIO(text.getvalue(), newline=""))
    if len(set(names)) < len(names) or set(names) & {"address", "holder", "from"}:
        with pytest.raises(UsageError, match="has a column twice"):
            list(read_csv(lines))
    else:
        assert all(one.line > 1 for one in read_csv(lines))


@given(st.lists(st.one_of(WORDS, st.integers(0, 1 << 40).map(str)), max_size=12))
def test_any_leases_are_read_or_named(words: list[str]) -> None:
    for found in (
        list(read_dnsmasq([" ".join(words)], T)),
        list(read_kea([KEA4 + "\n", ",".join(words) + "\n"])),
        list(read_kea([KEA6 + "\n", ",".join(words) + "\n"])),
    ):
        for one in found:
            assert isinstance(one, Unreadable) or one.is_end or one.holder


@given(st.integers(1, 2**32 - 2), st.integers(0, 2**33), st.sampled_from((0, 2)))
def test_a_lease_of_kea_ends_when_it_says(lifetime: int, expire: int, state: int) -> None:
    first, *rest = read_kea([KEA4, f"10.0.0.7,aa:01,,{lifetime},{expire},1,0,0,,{state}"])
    if isinstance(first, Statement):
        assert first.until == datetime.fromtimestamp(expire, UTC)
        assert len(rest) == (state == 2)
        assert expire < lifetime or first.until - first.begin == timedelta(seconds=lifetime)


def test_a_line_that_is_being_written_is_left(tmp_path: Path) -> None:
    path = tmp_path / "leases4.csv"
    whole = f"{KEA4}\n10.0.0.7,aa:01,,60,{NOON + 60},1,0,0,,0\n"
    path.write_text(f"{whole}10.0.0.8,aa:02,,6")
    said = read_files(Files([path], "kea", "dhcp", "gw1", 3))
    ((_, one),) = said.statements
    assert (one.node, one.zone, said.unreadable, said.is_whole) == ("gw1", 3, [], False)


def test_leases_of_several_files_are_joined(tmp_path: Path) -> None:
    old, new = tmp_path / "leases4.csv.2", tmp_path / "leases4.csv"
    old.write_text(f"{KEA4}\n10.0.0.7,aa:01,,60,{NOON + 60},1,0,0,,2\n")
    new.write_text(f"{KEA4}\n10.0.0.7,aa:01,,0,{NOON},1,0,0,,0\nnonsense\n")
    said = read_files(Files([old, new], "kea", "dhcp"))
    assert [(path, one.line, one.is_end) for path, one in said.statements] == [
        (old, 2, False), (old, 2, True),
    ]  # fmt: skip
    assert [(path, one.line) for path, one in said.unreadable] == [(new, 3)]
    with pytest.raises(UsageError, match="--format csv: takes one file"):
        read_files(Files([old, new], "csv", "dhcp"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none: cannot be read: No such file or directory"):
        read_settled(tmp_path / "none")
