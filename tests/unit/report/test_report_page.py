"""The page to hand over, of replies as the store would give them."""

from __future__ import annotations

import builtins
import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import fields, replace
from html import unescape
from html.parser import HTMLParser
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from ctaudit.commands.reports import writing_report
from ctaudit.errors import UsageError
from ctaudit.letter.claim import Place, Unread
from ctaudit.letter.reading import Found, Origin
from ctaudit.query.holder import Holder
from ctaudit.query.purpose import UNSAID
from ctaudit.query.question import read_who
from ctaudit.query.reply import make_reply
from ctaudit.report import pdf, report_text
from ctaudit.report.asked import from_call, from_letter
from ctaudit.report.html import render_html
from ctaudit.report.page import Page, make_section
from ctaudit.report.surroundings import ClockState, Surroundings
from tests.unit.answers import CLASHED, COMPLETE, OUTWARD, START, local_zone, other
from tests.unit.report.examples import (
    ASKED,
    CLOCK,
    EXAMPLES,
    GAP,
    MADE,
    QUESTION,
    around,
    page,
    reply,
)
from tests.unit.test_glossary import listed

pytest.importorskip("jinja2")
HOSTILE = "\"><script>alert('1')</script>\u202e\x1b[31m{{ 7 * 7 }}&amp;"


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def text_of(html: str) -> str:
    body = html.partition("<body>")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.mark.parametrize(
    ("verdict", "said", "unsaid"),
    [
        (
            "one",
            (
                "One: exactly one connection fits.",
                "the gateway gw1 recorded without interruption then",
                "the internal host 192.168.1.129 used the public address and port 1.2.3.4:53500.",
                "That a certain person did it.",
                "whether it was synchronized",
                "within 5 min of the asked time 2 other hosts used it as well",
                (
                    "Its clock was synchronized when last noted before, at 2026-02-22 "
                    "12:25:34+01:00, its error estimated as 0.4 ms and at most 21.5 ms."
                ),
                "2 min 3.280 s, which includes the kernel's closing time-out",
                "Nothing is known to be missing within an hour before and after.",
                "the whole second 2026-02-22 12:59:43+01:00 (CET)",
                "the whole second 2026-02-22 11:59:43 (UTC)",
                "none in the time; read as --tz Europe/Berlin",
                "2026-02-25 10:30:00+01:00, with ctaudit 0.1.0, by the database login desk",
                "The database's schema is version 2.",
                "EX-4711",
                "abuse complaint",
            ),
            ("Unknown", "not proven", "Several:", "192.168.1.131", "192.168.1.140"),
        ),
        (
            "none",
            (
                "None: no connection fits.",
                "no connection that the gateway tracked used them.",
                "That the report which led to this question is false.",
                "Within 5 min of the asked time 2 other hosts used the port: if the clock",
            ),
            ("What was found", "192.168.", "the port is used again"),
        ),
        (
            "several",
            (
                "Several: 2 connections fit, and the question does not tell them apart.",
                "one of the 2 that fit, of 2 internal hosts.",
                "What tells them apart: the address and port of the service that was reached.",
                "all but one of them have nothing to do with the matter",
            ),
            ("Unknown:", "One: exactly"),
        ),
        (
            "unknown",
            (
                "Unknown: the record cannot answer this question.",
                (
                    "gateway gw1: gap (overrun) from 2026-02-22 12:59:30.500000+01:00 until "
                    "2026-02-22 13:01:10+01:00, 123 messages about connections lost (that is: more"
                ),
                "That there was no connection. Unknown is not no.",
                "Unknown is not yes either.",
                "What was found, and is not proven to be what was asked for",
                "gw1 : not complete at the asked time.",
                "Not complete within an hour before and after:",
            ),
            ("used the public address and port 1.2.3.4:53500.", "complete record"),
        ),
    ],
)
def test_what_a_page_says(verdict: str, said: tuple[str, ...], unsaid: tuple[str, ...]) -> None:
    html = render_html(page(verdict))
    text = text_of(html)
    assert [each for each in said if each not in text] == []
    assert [each for each in unsaid if each in text] == []


class _Elements(HTMLParser):
    """Elements and attributes as a browser takes them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize("verdict", EXAMPLES)
def test_it_loads_nothing_and_its_policy_lets_nothing_load(verdict: str) -> None:
    html = render_html(page(verdict))
    found = _Elements(html)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.elements)
    assert not [
        name for name, _ in found.attributes if name in ("style", "src") or name[:2] == "on"
    ]
    assert all(value and value[0] == "#" for name, value in found.attributes if name == "href")
    [style] = re.findall(r"(?s)<style>(.*?)</style>", html)
    assert "url(" not in style and "@import" not in style
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [value for name, value in found.attributes if value and "default-src" in value]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def hostile_letter() -> Found:
    place = Place(3, HOSTILE, HOSTILE)
    return Found(
        QUESTION, (Origin(HOSTILE, place, HOSTILE), Origin("x", place, "y")), HOSTILE, HOSTILE, 80,
        HOSTILE, HOSTILE, (HOSTILE,),
    )  # fmt: skip


def test_hostile_text_in_every_field_stays_text() -> None:
    written: dict[str, Any] = {
        field.name: HOSTILE
        for field in fields(OUTWARD)
        if isinstance(getattr(OUTWARD, field.name), str)
        and field.name not in ("direction", "provenance", "state")
    }
    answer = replace(OUTWARD, **written)
    answer = replace(answer, ended_at=None, ended_cause=HOSTILE, counters_cause=HOSTILE)
    why = f"{HOSTILE}: gap ({HOSTILE}), 1 lost"
    coverage = replace(
        COMPLETE, node=HOSTILE, complete=False, why=why, by_pair=HOSTILE, none_why=HOSTILE
    )
    question = replace(QUESTION, node=HOSTILE)
    told = make_reply(question, [answer], [coverage])
    gap = replace(GAP, node=HOSTILE, why=why)
    surroundings = Surroundings(told, (gap,), (replace(CLOCK, node=HOSTILE),))
    words = dict.fromkeys(report_text.ASKED_LABELS, HOSTILE)
    asked = (from_call(words, HOSTILE, question), from_letter(hostile_letter()))
    sections = tuple(make_section(n, each, told, surroundings) for n, each in enumerate(asked))
    made = replace(MADE, program=HOSTILE, login=HOSTILE, case=HOSTILE, reason=HOSTILE)
    unread = (Unread(Place(1, HOSTILE), HOSTILE, HOSTILE),)
    html = render_html(Page(made, sections, unread))
    harmless = _Elements(render_html(Page(MADE, page().sections * 2, ())))
    assert set(_Elements(html).elements) <= {*harmless.elements, "q", "br"}
    assert "<script" not in html
    assert "\u202e" not in html and "\x1b" not in html
    assert "49" not in text_of(html).replace("2049", "")
    assert html.count("{{ 7 * 7 }}&amp;amp;") > 20


def test_a_case_and_a_reason_need_not_be_there() -> None:
    text = text_of(render_html(page(made=replace(MADE, case=None, reason=None))))
    assert "Case" not in text
    assert "Reason" not in text


def test_without_a_port_nobody_is_blamed() -> None:
    question = read_who("1.2.3.4", "2026-02-22T11:59:43Z")
    told = make_reply(question, [OUTWARD], [COMPLETE])
    section = make_section(1, ASKED, told, Surroundings(None, (), ()))
    text = text_of(render_html(Page(MADE, (section,))))
    assert "the question names no port, and hosts share the address" in text
    assert "one single connection used the public address 1.2.3.4" in text
    assert "1.2.3.4, without a port: any port" in text
    assert "only the connections found are shown" in text


def test_several_connections_of_one_host_name_it() -> None:
    told = reply(OUTWARD, replace(OUTWARD, remote=ip_address("9.9.9.9"), ct_id=7))
    section = make_section(1, ASKED, told, around(QUESTION))
    assert section.may == (
        (
            "The 2 connections that fit are all of one internal host, 192.168.1.129. So that host "
            "used 1.2.3.4:53500 at the asked time; which of its connections is meant is not known."
        ),
    )


def test_many_candidates_are_counted() -> None:
    found = [other(host=ip_address(f"10.0.0.{n}"), ct_id=n) for n in range(1, 15)]
    section = make_section(1, ASKED, reply(*found), around(QUESTION, *found))
    assert len(section.connections) == 10
    assert section.not_shown == "4 more connections fit and are not shown."


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        (["192.168.1.129"], "more than 1,000 connections that fit are all of one internal host"),
        (["192.168.1.129", "192.168.1.131"], "one of the more than 1,000 that fit, of 2 internal"),
    ],
)
def test_of_more_than_were_read_nothing_is_said_to_be_all(hosts: list[str], said: str) -> None:
    found = [replace(OUTWARD, remote_port=n) for n in range(1001)]
    every = make_reply(QUESTION, found, (COMPLETE,), hosts=map(ip_address, hosts))
    section = make_section(1, ASKED, every, around(QUESTION))
    assert section.headline.startswith("Several: more than 1,000 connections fit")
    (basis,) = section.basis
    assert "no further connection" not in basis
    assert basis.endswith(
        "So every connection that fits is in it. They are more than the 1,000 that were read for "
        "this page, and the one that was asked for may be any of them."
    )
    assert said in section.may[0]
    assert section.not_shown == "More than 990 more connections fit and are not shown."


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        (replace(CLOCK, synchronised=False), "was not synchronized when last noted before"),
        (replace(CLOCK, synchronised=None), "did not say whether it was synchronized"),
        (replace(CLOCK, noted_at=None), "is not known: nothing was noted of it before"),
        (
            replace(
                CLOCK, stepped_at=START, step_seconds=-3600.0, doubt_from=START, doubt_until=START
            ),
            "It was set by -3,600.000 s at 2026-02-22 12:59:34.123456+01:00: times by it from",
        ),
    ],
)
def test_the_clock(clock: ClockState, said: str) -> None:
    section = make_section(1, ASKED, reply(OUTWARD), around(QUESTION, OUTWARD, clock=clock))
    assert said in section.records[0].clock


def test_by_protocol() -> None:
    told = make_reply(QUESTION, [OUTWARD], [CLASHED], {17: [CLASHED], None: [COMPLETE]})
    section = make_section(1, ASKED, told, around(QUESTION, OUTWARD))
    assert any(each.startswith("By protocol: tcp: one, proven; udp: ") for each in section.basis)


def test_the_command_to_retire_a_gateway_is_not_handed_over() -> None:
    why = (
        "gw1: not covered; gw1 has recorded nothing since 2026-02-22 11:00:00+00; if it is gone: x"
    )
    told = reply(coverage=(replace(COMPLETE, complete=False, why=why),))
    [reason] = make_section(1, ASKED, told, around(QUESTION)).reasons
    assert reason.endswith("has recorded nothing since 2026-02-22 12:00:00+01:00")


@pytest.mark.parametrize(
    ("at", "option", "said"),
    [
        ("2026-02-22T12:59:43+01:00", "", "as written in the time: +01:00"),
        ("2026-02-22T11:59:43Z", "--utc", "as written in the time: Z"),
        ("@1771761583", "", "seconds since 1970, which are UTC"),
        ("2026-02-22 12:59:43", "--utc", "none in the time; read as --utc"),
        (
            "2026-02-22 12:59:43", "",
            "none in the time; read as the time zone of the machine that asked: CET (UTC+01:00)",
        ),
    ],
)  # fmt: skip
def test_how_the_zone_was_read(at: str, option: str, said: str) -> None:
    assert from_call({"public": "x", "at": at}, option, QUESTION).zone_from == said


def test_what_was_not_said_was_not_asked() -> None:
    words = {"public": "x", "at": "2026-02-22T11:59:43Z", "within": "0", "config": "y"}
    assert [label for label, _ in from_call(words, "", QUESTION).words] == [
        "Public address and port", "Time",
    ]  # fmt: skip
    wide = replace(QUESTION, within=5.0)
    assert ("Widened by", "5") in from_call({**words, "within": "5"}, "", wide).words


def test_each_cause_of_a_gap_is_explained() -> None:
    assert {cause.removesuffix(": ...") for cause in listed("gap")} == set(report_text.CAUSES)


def test_each_detail_of_a_connection_has_its_label() -> None:
    every = replace(
        OUTWARD, status=0x3E, mark=7, idle_since=START, ended_at=OUTWARD.ended_at, node="gw1"
    )
    pair = replace(every, node="gw2")
    told = make_reply(QUESTION, [every, pair], [COMPLETE])
    held = replace(told.connections[0], holder=Holder("Ann", None, "dhcp", START, START, ()))
    told = replace(told, connections=(held,))
    rows = make_section(1, ASKED, told, around(QUESTION)).connections[0]
    assert set(report_text.DETAILS.values()) <= {label for label, _ in rows}
    assert ("Who had that address", "Ann, by dhcp") in rows


class _Args:
    """As parse_arguments gives them."""

    def __init__(self, output: Any, *, report: bool = True) -> None:
        self.output, self.report = output, report


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("x.html", "jinja2", "python3-jinja2"),
        ("x.pdf", "jinja2", "python3-jinja2"),
        ("x.pdf", "weasyprint", "weasyprint"),
    ],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, name: str, module: str, package: str
) -> None:
    original = builtins.__import__

    def fail(wanted: str, *rest: Any, **named: Any) -> Any:
        if wanted == module:
            raise ImportError(wanted)
        return original(wanted, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", fail)
    sentence = (
        f"--report needs the package {package}, which is not installed; install it: apt install "
        f"{package}"
    )
    with pytest.raises(UsageError, match=re.escape(sentence) + "$"):
        writing_report(_Args(tmp_path / name), UNSAID).__enter__()  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_page_has_an_end(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match="has 201 questions, and a page holds at most 200"):
        writing_report(_Args(tmp_path / "x.html"), UNSAID, 201).__enter__()  # type: ignore[arg-type]


# A PNG of one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000"
    "020001e221bc330000000049454e44ae426082"
)


def test_pdf_loads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("weasyprint")
    image = tmp_path / "x.png"
    image.write_bytes(PIXEL)
    html = render_html(page()).replace("<h1>", f'<img src="file://{image}" alt="x"><h1>', 1)
    assert b"/Image" not in pdf.render_pdf(html)
    monkeypatch.setattr(pdf, "_make_fetcher", _default_fetcher)
    assert b"/Image" in pdf.render_pdf(html), "it would be there if it was loaded"


def _default_fetcher() -> Any:
    from weasyprint import urls

    return urls.URLFetcher() if hasattr(urls, "URLFetcher") else urls.default_url_fetcher


def test_no_sentence_is_left_over() -> None:
    folder = Path(report_text.__file__).parent
    used = "\n".join(path.read_text() for path in folder.iterdir() if path.suffix in (".py", ".j2"))
    names = [name for name in vars(report_text) if name.isupper()]
    names += [f"labels.{name}" for name in vars(report_text.LABELS) if name != "subject"]
    wanted = [name if "." in name else f"text.{name}" for name in names]
    used += used.replace("LABELS.", "labels.")
    assert [name for name in wanted if not re.search(rf"\b{name}\b", used)] == []
