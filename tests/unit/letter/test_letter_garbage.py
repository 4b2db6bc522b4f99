"""No letter raises anything but one sentence, and none takes more than linear time."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctaudit.errors import UsageError
from ctaudit.letter.clock import Clock
from ctaudit.letter.letter import SIZE_MAX, Letter, Options, read_letter
from ctaudit.letter.mail import strip_tags
from tests.unit.garbage import GARBAGE

REPORTS = sorted((Path(__file__).parent / "reports").iterdir())
NOW = datetime(2026, 6, 1, tzinfo=UTC)
OPTIONS = st.sampled_from(
    [Options(now=NOW), Options("--utc", now=NOW), Options("--utc", date(2024, 2, 29), 2.5, now=NOW)]
)
PIECES = st.sampled_from(
    [
        b"192.0.2.44",
        b"192.0.2.44:53500",
        b"[2001:db8::1]:443",
        b"2001:db8::1",
        b"::",
        b"1.2.3.4.5",
        b"2026-02-22T10:59:43Z",
        b"Feb 29 11:59:43",
        b"11:59:43",
        b"31.12.2025 23:59",
        b"1771757983",
        b"0000-00-00 00:00:00",
        b"9999-12-31T23:59:59Z",
        b"Feb 22 2026 11:59:60 UTC",
        b"02/30/2026 1:1",
        b'{"src_ip":"192.0.2.1","timestamp":',
        b'"',
        b"}",
        b"]",
        b"[",
        b"{",
        b":",
        b",",
        b";",
        b"\t",
        b"\n",
        b"\r\n",
        b" ",
        b"ip,time\n",
        b"src_ip;src_port;timestamp\n",
        b"Source IP: ",
        b"Date: ",
        b"Port: ",
        b"sshd[1]: ",
        b"Failed password for root from ",
        b" port 22",
        b"SRC=192.0.2.1 DST=",
        b"PROTO=ICMP ID=",
        b"fail2ban.actions [1]: NOTICE [x] Ban ",
        b'- - [22/Feb/2026:11:59:43 +0100] "GET / HTTP/1.1"',
        b"<?xml version='1.0' encoding='utf-16'?>",
        b"<Infringement>",
        b"<Source>",
        b"</Source>",
        b"<IP_Address>192.0.2.1</IP_Address><TimeStamp>2026-02-22T10:59:43Z</TimeStamp>",
        b"</Infringement>",
        b"Subject: x\nMIME-Version: 1.0\n",
        b"Content-Type: multipart/mixed; boundary=b\n\n",
        b"--b\n",
        b"--b--\n",
        b"Content-Type: text/html; charset=x\n\n",
        b"Content-Transfer-Encoding: base64\n\n",
        b"<td>",
        b"<pre>",
        b"Content-Type: message/feedback-report\n\n",
        b"Content-Type: text/plain; charset=utf-7\n\n",
        b"\xff\xfe",
        b"\0",
        b"\xc3",
        b"&#99999999999999;",
        b"#fields\tts\tid.orig_h\n",
        b"times are UTC+25\n",
        b"->",
        b"> ",
    ]
)


def read(data: bytes, options: Options) -> Letter | None:
    try:
        letter = read_letter(data, options)
    except UsageError:
        return None
    for each in letter.found:
        assert each.question.span.begin < each.question.span.end
        assert each.question.span.begin <= NOW
        assert each.origins
    return letter


@given(st.lists(PIECES | st.binary(max_size=8), max_size=30).map(b"".join), OPTIONS)
@settings(max_examples=1500, deadline=None)
def test_any_pieces(data: bytes, options: Options) -> None:
    read(data, options)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), OPTIONS)
@settings(max_examples=300, deadline=None)
def test_any_bytes(data: bytes, options: Options) -> None:
    read(data, options)


@given(st.sampled_from(REPORTS), st.data(), OPTIONS)
@settings(max_examples=500, deadline=None)
def test_a_damaged_report(path: Path, data: st.DataObject, options: Options) -> None:
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(place, min(len(whole), place + 40)))
    read(whole[:place] + data.draw(PIECES | st.binary(max_size=5)) + whole[end:], options)


@given(GARBAGE, GARBAGE, st.dates() | st.none(), st.datetimes(timezones=st.just(UTC)) | st.none())
@settings(max_examples=500, deadline=None)
def test_any_time(text: str, zone: str, day: date | None, sent_at: datetime | None) -> None:
    try:
        found = Clock("--utc", day, sent_at, now=NOW).read(text, zone, "a test")
    except UsageError:
        return
    assert found.span.begin <= NOW


@given(st.text(alphabet="<>!-/abpretds &#;\n", max_size=200))
def test_any_tags(text: str) -> None:
    strip_tags(text)


def row(number: int) -> str:
    hour, minute, second = number // 3600 % 24, number // 60 % 60, number % 60
    time_of_day = f"{hour:02}:{minute:02}:{second:02}"
    return f"2026-02-22T{time_of_day}Z,192.0.2.44,{1024 + number % 60_000},198.51.100.7,443\n"


def test_ten_thousand_rows() -> None:
    header = "timestamp,src_ip,src_port,dst_ip,dst_port\n"
    letter = read((header + "".join(map(row, range(10_000)))).encode(), Options(now=NOW))
    assert letter is not None
    assert len(letter.found) == 10_000
    assert letter.unread == ()
    assert letter.found[9_999].origins[0].place.line == 10_001


@pytest.mark.parametrize(
    "piece",
    [
        b"[\n",
        b"{\n",
        b'{"a":\n',
        b'{"a":"\n',
        b"[",
        b'{"a":',
        b"<?xml\n",
        b"<Infringement>\n",
        b"<Infringement/>\n",
        b'ip,time\n"a,\n',
        b"ip,time\n\n",
        b"Source: 192.0.2.1\n",
        b"1.",
        b"a:",
        b"> ",
        b"MIME-Version: 1.0\nSubject: a\nContent-Type: text/html\n\n<a ",
        b"<!--",
        b"time ",
        b"1 ",
        b"Subject: a\nContent-Type: multipart/mixed; boundary=a\n\n--a\n",
        b"2026-02-22 11:59:43 x fail2ban.",
        b'Subject: a\nMIME-Version: 1.0\nContent-Type: text/plain; a="b"; ',
        b'a="b"; ',
        b"SRC=1.1.1.1 DST=1 ",
    ],
)
@pytest.mark.parametrize(
    "head", [b"", b"Subject: a\nMIME-Version: 1.0\nContent-Type: text/html\n\n"]
)
def test_repeated_pieces_take_linear_time(head: bytes, piece: bytes) -> None:
    data = head + piece * (300_000 // len(piece))
    began = time.process_time()
    read(data, Options("--utc", now=NOW))
    assert time.process_time() - began < 20, "the square would take a minute"


def test_a_letter_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match=r"20,000,001 bytes; at most 20,000,000 are read"):
        read_letter(b"a" * (SIZE_MAX + 1), Options())
