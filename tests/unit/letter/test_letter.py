"""Which end is the public one, how a time is completed, and what is said of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network

import pytest

from ctaudit.conntrack.endpoint import Address
from ctaudit.errors import UsageError
from ctaudit.letter.clock import Clock
from ctaudit.letter.endpoints import find_endpoints
from ctaudit.letter.letter import Letter, Options, orient_letter, read_letter
from ctaudit.letter.mail import decode, is_mail, strip_tags
from ctaudit.letter.record import find_columns, kind_of
from ctaudit.letter.time_texts import find_stated_zone, find_time
from tests.unit.answers import local_zone

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = "2026-02-22T10:59:43Z"
CET = timezone(timedelta(hours=1))


def read(text: str, **options: object) -> Letter:
    return read_letter(text.encode(), Options(now=NOW, **options))  # type: ignore[arg-type]


def ends(letter: Letter) -> list[tuple[str, str | None]]:
    questions = (each.question for each in letter.found)
    return [(str(one.public), str(one.remote) if one.remote else None) for one in questions]


def is_ours(address: Address) -> bool:
    return address in ip_network("192.0.2.0/24")


@pytest.mark.parametrize(
    ("line", "public", "remote"),
    [
        ("198.51.100.7:22 -> 192.0.2.44:53500", "192.0.2.44:53500", "198.51.100.7:22"),
        ("192.0.2.44:53500 -> 198.51.100.7:22", "192.0.2.44:53500", "198.51.100.7:22"),
        ("192.0.2.44:53500 -> 192.0.2.7:22", "192.0.2.44:53500", "192.0.2.7:22"),
        ("203.0.113.1:5 -> 198.51.100.7:22", "203.0.113.1:5", "198.51.100.7:22"),
    ],
)
def test_the_end_in_the_scope_is_the_public_one(line: str, public: str, remote: str) -> None:
    assert ends(read(f"{AT} {line}", is_ours=is_ours)) == [(public, remote)]


def test_without_a_scope_the_source_is_the_public_one() -> None:
    line = f"{AT} 198.51.100.7:22 -> 192.0.2.44:53500"
    assert ends(read(line)) == [("198.51.100.7:22", "192.0.2.44:53500")]
    note = read(line, is_ours=is_ours).found[0].notes
    assert note == ("192.0.2.44 is in the scope of the configuration",)


@pytest.mark.parametrize(
    ("known", "public"),
    [
        ({"192.0.2.44": True, "198.51.100.7": False}, "192.0.2.44:53500"),
        ({"192.0.2.44": False, "198.51.100.7": True}, "198.51.100.7:22"),
        ({"192.0.2.44": False, "198.51.100.7": False}, "192.0.2.44:53500"),
        ({"192.0.2.44": True, "198.51.100.7": True}, "192.0.2.44:53500"),
        ({}, "192.0.2.44:53500"),
        ({"198.51.100.7": True}, "192.0.2.44:53500"),
    ],
)
def test_the_end_that_the_store_knows_is_the_public_one(
    known: dict[str, bool], public: str
) -> None:
    text = f"{AT} 192.0.2.44:53500 -> 198.51.100.7:22\n{AT} 198.51.100.7:22 -> 192.0.2.44:53500\n"
    first = orient_letter(read(text), lambda address, _: known.get(str(address))).found[0]
    assert str(first.question.public) == public
    assert ("is in the scope of a gateway" in "".join(first.notes)) == (
        public != "192.0.2.44:53500"
    )


def test_questions_that_are_equal_once_their_ends_are_right() -> None:
    text = f"{AT} 192.0.2.44:5 -> 198.51.100.7:22\n{AT} 198.51.100.7:22 -> 192.0.2.44:5\n"
    letter = orient_letter(read(text), lambda address, _: is_ours(address))
    assert ends(letter) == [("192.0.2.44:5", "198.51.100.7:22")]
    assert letter.merged == 1


@pytest.mark.parametrize(
    ("header", "row", "public", "service"),
    [
        ("ip,port,timestamp", f"192.0.2.44,53500,{AT}", "192.0.2.44:53500", None),
        ("attacker_ip,port,timestamp", f"192.0.2.44,22,{AT}", "192.0.2.44", 22),
        ("ip,port,src_port,time", f"192.0.2.44,22,53500,{AT}", "192.0.2.44:53500", 22),
        ("Client,Time", f"[2001:db8::1]:443,{AT}", "[2001:db8::1]:443", None),
        ("ip,src_port,time", f"192.0.2.44,0,{AT}", "192.0.2.44", None),
        ("ip,src_port,time", f"192.0.2.44,-,{AT}", "192.0.2.44", None),
    ],
)
def test_what_a_column_named_port_is(
    header: str, row: str, public: str, service: int | None
) -> None:
    [found] = read(f"{header}\n{row}\n").found
    assert (str(found.question.public), found.service_port) == (public, service)


def test_a_column_without_a_name_is_none_of_the_others() -> None:
    """As a spreadsheet writes it where a row is longer than the names."""
    letter = read(f"timestamp,src_ip,src_port,\n{AT},192.0.2.44,53500,Europe/Paris\n")
    assert ends(letter) == [("192.0.2.44:53500", None)]


def test_a_protocol_decides_what_the_ports_are() -> None:
    rows = "src_ip,src_port,dst_ip,dst_port,proto,time\n" + "".join(
        f"192.0.2.44,8,198.51.100.7,0,{proto},{AT}\n" for proto in ("icmp", "esp", "https", "17")
    )
    found = read(rows).found
    assert [each.question.proto for each in found] == [1, 50, None, 17]
    assert [str(each.question.public) for each in found] == [
        "192.0.2.44", "192.0.2.44", "192.0.2.44:8", "192.0.2.44:8",
    ]  # fmt: skip


def test_the_name_of_a_sensor_is_no_source() -> None:
    [found] = read(f"source,ip,port,timestamp\nsensor-3,192.0.2.44,53500,{AT}\n").found
    assert str(found.question.public) == "192.0.2.44:53500"


@pytest.mark.parametrize(
    "name",
    ["2020-01-01T00:00:00Z", "1771757000", "on 198.51.100.9 port 5", "from 198.51.100.9 port 5",
     "sshd[2]: Connection from 198.51.100.9 port 5 on 198.51.100.8 port 6"],
)  # fmt: skip
def test_what_an_attacker_writes_is_not_read(name: str) -> None:
    line = f"{AT} h sshd[1]: Invalid user {name} from 192.0.2.44 port 53500"
    letter = read(line)
    assert ends(letter) == [("192.0.2.44:53500", None)]
    assert letter.found[0].time_from == AT


def test_a_request_in_a_report_is_no_record() -> None:
    letter = read(f"Host: www.example.org\nDate: {AT}\nServer: Apache\n\n192.0.2.44:5 {AT}\n")
    assert (len(letter.found), letter.unread) == (1, ())


def test_a_letter_that_was_forwarded_as_an_attachment() -> None:
    text = (
        "Subject: Fwd\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nSee below.\n"
        f"--b\nContent-Type: message/rfc822\n\nSubject: x\n\n192.0.2.44:5 {AT}\n--b--\n"
    )
    [found] = read(text).found
    assert str(found.origins[0].place) == "part 2, line 1"


def test_a_column_with_zones() -> None:
    rows = "ip,time,tz\n" + "".join(
        f"192.0.2.44,2026-02-22 11:59:43,{zone}\n" for zone in ("+01:00", "CET", "")
    )
    with local_zone("Europe/Berlin"):
        letter = read(rows)
        assert [each.reason.partition(": ")[2] for each in letter.unread] == [
            "CET may stand for several zones; give --tz", "no time zone; give --tz",
        ]  # fmt: skip
        letter = read(rows, tz="--tz Europe/Berlin")
    assert len(letter.found) == 1
    assert len(letter.found[0].origins) == 3


def test_two_versions_of_ip_are_no_connection() -> None:
    [unread] = read(f"{AT} 192.0.2.44:1 -> [2001:db8::1]:2").unread
    assert unread.reason == "192.0.2.44 and 2001:db8::1 are not of one IP version"


def test_equal_questions_are_one_with_both_places() -> None:
    letter = read(f"192.0.2.44:1 {AT}\n\n192.0.2.44:2 {AT}\n2026-02-22 10:59:43 UTC 192.0.2.44:1\n")
    assert ends(letter) == [("192.0.2.44:1", None), ("192.0.2.44:2", None)]
    assert [origin.place.line for origin in letter.found[0].origins] == [1, 4]
    assert letter.found[0].time_from == AT
    assert letter.merged == 1


@pytest.mark.parametrize(
    ("text", "clock", "begin", "how"),
    [
        ("2026-02-22 11:59:43 +0100", Clock(), "2026-02-22T10:59:43", ""),
        ("2026-02-22 11:59:43 (UTC)", Clock(), "2026-02-22T11:59:43", ""),
        ("22.02.2026, 11:59 UTC+1", Clock(), "2026-02-22T10:59:00", ""),
        ("2026-02-22 11:59:43", Clock("--tz Europe/Berlin"), "2026-02-22T10:59:43",
         "zone by --tz Europe/Berlin"),
        ("2026-02-22 11:59:43 CET", Clock("--tz Europe/Berlin"), "2026-02-22T10:59:43", ""),
        ("22.02.2026 11:59:43 Uhr MEZ", Clock("--tz Europe/Berlin"), "2026-02-22T10:59:43", ""),
        ("2026-02-22 11:59:43", Clock("--tz Europe/Berlin", stated="-05:00", stated_from="so"),
         "2026-02-22T16:59:43", "zone -05:00: so"),
        ("Feb 22 11:59:43", Clock("--tz Europe/Berlin", date(2026, 2, 23)), "2026-02-22T10:59:43",
         "year 2026 by --date; zone by --tz Europe/Berlin"),
        ("Dec 31 23:59:59 +0100", Clock(day=date(2026, 1, 2)), "2025-12-31T22:59:59",
         "year 2025 by --date"),
        ("Dec 31 23:59:59 Z", Clock(sent_at=datetime(2026, 1, 1, 1, tzinfo=CET)),
         "2025-12-31T23:59:59", "year 2025 by the mail's Date header"),
        ("23:59:59 +01:00", Clock(sent_at=datetime(2026, 3, 1, 0, 30, tzinfo=CET)),
         "2026-02-28T22:59:59", "date 2026-02-28 by the mail's Date header"),
        ("00:10:00 +01:00", Clock(sent_at=datetime(2026, 3, 1, 0, 30, tzinfo=CET)),
         "2026-02-28T23:10:00", "date 2026-03-01 by the mail's Date header"),
        ("23:59:59 Z", Clock(day=date(2026, 2, 22), sent_at=datetime(2026, 3, 1, tzinfo=UTC)),
         "2026-02-22T23:59:59", "date 2026-02-22 by --date"),
        ("1771757983", Clock(), "2026-02-22T10:59:43", ""),
        ("25/02/2026 11:59:43 Z", Clock(), "2026-02-25T11:59:43", ""),
    ],
)  # fmt: skip
def test_how_a_time_is_completed(text: str, clock: Clock, begin: str, how: str) -> None:
    with local_zone("Europe/Berlin"):
        found = clock.read(text)
    assert (found.span.begin.isoformat()[:19], found.how) == (begin, how)


def test_a_date_that_was_given_is_not_moved() -> None:
    with local_zone("Pacific/Kiritimati"):
        found = Clock(day=date(2026, 2, 22)).read("23:59:59 -12:00")
    assert found.span.begin == datetime(2026, 2, 23, 11, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "clock", "reason"),
    [
        ("2026-02-22 11:59:43", Clock(), "no time zone; give --tz$"),
        ("2026-02-22 11:59:43 CST", Clock(), "CST may stand for several zones; give --tz$"),
        ("Feb 22 11:59:43", Clock("--utc"), "has no year; give --date$"),
        ("11:59:43", Clock("--utc"), "has no date; give --date$"),
        ("01/02/2026 11:59:43 Z", Clock(), "whether the day or the month comes first"),
        ("Feb 30 11:59:43", Clock("--utc", date(2026, 3, 3)), "no such time"),
        ("2026-10-24 02:30:00", Clock("--tz Europe/Berlin"), "in the future"),
        ("2025-10-26 02:30:00", Clock("--tz Europe/Berlin"), "is ambiguous"),
        ("2026-03-29 02:30:00", Clock("--tz Europe/Berlin"), "does not exist in the local time"),
        ("2026-06-01 00:00:01Z", Clock(now=NOW), "is in the future"),
        ("yesterday", Clock("--utc"), "not a time"),
    ],
)
def test_what_is_never_guessed(text: str, clock: Clock, reason: str) -> None:
    with local_zone("Europe/Berlin"), pytest.raises(UsageError, match=reason):
        Clock(clock.tz, clock.day, now=clock.now or NOW).read(text)


@pytest.mark.parametrize(
    ("line", "zone"),
    [
        ("All times are in UTC.", "UTC"),
        ("(timestamps are given in GMT+2)", "+02:00"),
        ("Note: Local timezone is +0100 (CET)", "+0100"),
        ("Time zone: UTC-05:00", "-05:00"),
        ("Alle Zeiten sind in UTC", "UTC"),
        ("UTC is the time zone of the British", ""),
        ("Our times are bad", ""),
        ("Received at 10:00 UTC", ""),
    ],
)
def test_a_sentence_on_the_zone(line: str, zone: str) -> None:
    assert find_stated_zone(line) == zone


def test_two_sentences_that_differ_say_no_zone() -> None:
    text = "All times are in UTC.\nThese times are in GMT+2.\n2026-02-22 10:59:43 192.0.2.44:1\n"
    assert read(text).unread[0].reason.endswith("no time zone; give --tz")


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("a 192.0.2.44:53500: b", ["192.0.2.44:53500"]),
        ("from 192.0.2.44.", ["192.0.2.44:"]),
        ("192.0.2.0/24 and 192.0.2.44/53500", ["192.0.2.44:53500"]),
        ("192.0.2.44.53500 > 198.51.100.7.443:", ["192.0.2.44:53500", "198.51.100.7:443"]),
        ("Chrome/120.0.0.0 v1.2.3.4 999.1.1.1 127.0.0.1 1.2.3.4.5.6", []),
        ("11:59:43 02:00:00:00:00:01 ::", []),
        ("[2001:db8::1]:443 2001:db8::2.443", ["2001:db8::1:443", "2001:db8::2:443"]),
        ("2001:db8::3 port 22, 2001:db8::4", ["2001:db8::3:22", "2001:db8::4:"]),
        ("::ffff:192.0.2.44", ["::ffff:192.0.2.44:"]),
        ("from ::ffff:192.0.2.44:5 x", ["::ffff:192.0.2.44:5"]),
        ("IP:192.0.2.44:5, src=192.0.2.45", ["192.0.2.44:5", "192.0.2.45:"]),
    ],
)
def test_addresses_in_a_line(line: str, seen: list[str]) -> None:
    assert [f"{each.address}:{each.port}" for each in find_endpoints(line)] == seen


@pytest.mark.parametrize(
    "text",
    ["2026-02-22 11:59:43,123", "22/Feb/2026:11:59:43 +0100", "Sun Feb 22 11:59:43 2026",
     "22.02.2026 11:59", "Feb  2 11:59:43", "1771757983.5", "20260222T105943Z",
     "Feb 22, 2026 5:59:43 AM EST", "2026-02-22T11:59:43.123456+01:00"],
)  # fmt: skip
def test_a_time_in_a_line(text: str) -> None:
    line = f"x {text} y"
    span = find_time(line)
    assert span is not None
    assert line[span[0] : span[1]].strip() == text


def test_names_of_columns() -> None:
    assert [kind_of(name) for name in ("Source IP", "src_ip", "id.orig_h", "Quell-IP")] == [
        "source"
    ] * 4
    assert kind_of("Time (UTC)") == kind_of("timestamp_utc") == kind_of("Date [+01:00]") == "time"
    assert kind_of("Comment") == ""
    columns = find_columns(["Time (+02:00)", "IP"], "CSV")
    assert (columns.zone, columns.is_record()) == ("+02:00", True)


def test_what_a_mail_is() -> None:
    assert is_mail(b"From: a\nSubject: b\n\nc")
    assert is_mail(b"Received: from x\n\tby y\nDate: z\n\n")
    assert not is_mail(b"From: 192.0.2.1\nTo: 192.0.2.2\nDate: x\n\n")
    assert not is_mail(b"2026-02-22 11:59:43 x\nSubject: b\n\n")
    assert not is_mail(b"")


def test_texts_in_any_encoding() -> None:
    assert decode("Grüße".encode("cp1252")) == "Grüße"
    assert decode(b"\xef\xbb\xbfa\r\nb\rc") == "a\nb\nc"
    assert decode("ä".encode("utf-16")) == "ä"
    assert decode(b"\xe4", "no-such-charset") == "ä"
    assert strip_tags("<p>a &amp; b<script>x</script><br>c<!-- d --><td>e") == "a & b\nc\te"


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        (f"192.0.2.44:53500 {AT}\nNOC, 198.51.100.1\n", 0),
        (f"192.0.2.44:53500 {AT}\n192.0.2.44:53500 again\n", 0),
        (f"192.0.2.44:53500 {AT}\n192.0.2.45:53501\n", 1),
        ("192.0.2.45\n", 1),
    ],
)
def test_an_address_without_a_time(text: str, unread: int) -> None:
    assert len(read(text).unread) == unread


def test_within_widens_each_question() -> None:
    [found] = read(f"192.0.2.44:1 {AT}", within=2.0).found
    assert found.question.within == 2
    assert found.question.span.end - found.question.span.begin == timedelta(seconds=5)
    assert found.question.public.address == ip_address("192.0.2.44")
