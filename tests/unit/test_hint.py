"""What may have been meant where nothing is found: what is asked, and what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address

import pytest

from ctaudit.conntrack.endpoint import Endpoint
from ctaudit.query.answer import Answer
from ctaudit.query.hint import FOUND_MAX, NEAR, Hint, TooSlow, find_hints, read_as_port
from ctaudit.query.notation import parse_endpoint
from ctaudit.query.question import WhoQuestion, read_who
from tests.unit.answers import ARTICLE6, END, INWARD, OUTWARD, START, local_zone, other

AT = "2026-02-22T12:30:00Z"
HOST, REMOTE = "192.168.1.129", "19.1.16.7"


class Store:
    """Answers each question with what ``found`` has for its public and remote ends."""

    def __init__(self, *nearby: Answer, **found: Sequence[Answer]) -> None:
        self.nearby = nearby
        self.found = {name.replace("_to_", " to "): answers for name, answers in found.items()}
        self.asked: list[WhoQuestion] = []

    def hint(self, question: WhoQuestion) -> list[Hint]:
        return list(find_hints(question, self.ask, lambda _: self.nearby))

    def ask(self, question: WhoQuestion) -> Sequence[Answer]:
        self.asked.append(question)
        return self.found.get(_name(question), ())


def _name(question: WhoQuestion) -> str:
    seconds = question.span.end - question.span.begin
    if seconds > 2 * NEAR:
        return "wide"
    return f"{question.public} to {question.remote}" if question.remote else str(question.public)


def texts(hints: Sequence[Hint]) -> list[str]:
    return [hint.text for hint in hints]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2001:db8::1:22", "[2001:db8::1]:22"),
        ("2001:db8::22", None),  # 2001:db8: is no address
        ("::1:443", "[::1]:443"),
        ("2001:db8::1:2b", None),
        ("[2001:db8::1:22]:80", None),
        ("2001:db8:1:2:3:4:5:22", None),
        ("1.2.3.4", None),
    ],
)
def test_an_address_that_ends_like_a_port(text: str, meant: str | None) -> None:
    found = read_as_port(parse_endpoint(text, "--to"))
    assert (None if found is None else str(found)) == meant


def test_brackets_left_out() -> None:
    question = read_who("[2001:db8:1::129]:51162", AT, to="2001:db8::1:22")
    name = "[2001:db8:1::129]:51162 to [2001:db8::1]:22"
    (hint,) = Store(**{name: [OUTWARD]}).hint(question)[:1]
    assert (hint.kind, hint.found) == ("no brackets", (OUTWARD,))
    assert hint.text == (
        "2001:db8::1:22 was taken for an address without a port; with [2001:db8::1]:22 there is "
        "1 connection of 192.168.1.129"
    )
    assert texts(Store().hint(question)) == [
        (
            "2001:db8::1:22 was taken for an address without a port; with [2001:db8::1]:22 "
            "there is none either"
        )
    ]
    public = read_who("2001:db8::1:22", AT)
    assert [hint.kind for hint in Store().hint(public)] == ["no brackets"]


def test_the_server_s_port() -> None:
    """A report's "Port:" may be the attacked one."""
    ssh = replace(OUTWARD, remote_port=22)
    question = read_who("1.2.3.4:22", AT, to=REMOTE)
    assert texts(Store(ssh, ssh, ssh).hint(question)) == [
        "with any port: 3 connections of 192.168.1.129 to 19.1.16.7:22; 22 may be the server's port"
    ]
    assert texts(Store(ssh).hint(read_who("1.2.3.4:22", AT))) == [
        "with any port: 1 connection of 192.168.1.129 to port 22; 22 may be the server's port"
    ]
    many = [replace(ssh, host=ip_address(f"192.168.1.{last}")) for last in range(1, 6)]
    assert texts(Store(*many).hint(question)) == [
        (
            "with any port: 5 connections of 192.168.1.1, 192.168.1.2, 192.168.1.3 and 2 other "
            "hosts to 19.1.16.7:22; 22 may be the server's port"
        )
    ]
    cut = Store(*[ssh] * FOUND_MAX).hint(question)
    assert "any port: 1000 or more connections of" in cut[0].text


def test_another_port() -> None:
    question = read_who("1.2.3.4:53501", AT, to=REMOTE)
    assert texts(Store(OUTWARD).hint(question)) == [
        "with any port: 1 connection of 192.168.1.129 to 19.1.16.7"
    ]


def test_an_internal_address() -> None:
    (hint,) = Store(OUTWARD).hint(read_who(f"{HOST}:53400", AT))
    assert hint.kind == "internal address"
    assert hint.text == (
        "192.168.1.129:53400 is of an internal host: 192.168.1.129:53400 behind 1.2.3.4:53500 "
        "to 19.1.16.7:443"
    )
    (hint,) = Store(INWARD, INWARD).hint(read_who("192.168.1.130", AT))
    assert hint.text == (
        "192.168.1.130 is of an internal host: 192.168.1.130:443 behind 1.2.3.4:8443 "
        "from 61.174.51.209:6000, and 1 more"
    )


def test_an_untranslated_host_is_asked_for_with_fewer_conditions() -> None:
    question = read_who(f"[{ARTICLE6.host}]:51384", AT, to="2001:db8::9")
    assert Store(ARTICLE6).hint(question) == []


def test_a_remote_address() -> None:
    assert texts(Store(OUTWARD, other(remote=OUTWARD.remote)).hint(
        read_who(f"{REMOTE}:443", AT)
    )) == [
        ("19.1.16.7:443 is the remote end of 2 connections of 192.168.1.129, 192.168.1.131; "
        "give it with --to")
    ]  # fmt: skip


def test_swapped_ends() -> None:
    question = read_who(f"{REMOTE}:443", AT, to="1.2.3.4:53500")
    store = Store(**{"1.2.3.4:53500 to 19.1.16.7:443": [OUTWARD]})
    (hint,) = store.hint(question)
    assert (hint.kind, hint.found) == ("swapped", (OUTWARD,))
    assert "1.2.3.4:53500 with --to 19.1.16.7:443 has 1 connection of 192.168.1.129" in hint.text
    assert store.asked[0].span == question.span


def test_seconds_late_and_seconds_early() -> None:
    late = read_who("1.2.3.4:53500", (END + timedelta(seconds=2)).isoformat())
    farther = replace(OUTWARD, ended_at=END - timedelta(seconds=9))
    with local_zone("UTC"):
        (hint,) = Store(wide=[farther, OUTWARD]).hint(late)
        assert (hint.kind, hint.found) == ("nearest", (OUTWARD,))
        assert hint.text == (
            "nearest: 192.168.1.129:53400 behind 1.2.3.4:53500 to 19.1.16.7:443 "
            "ended 2026-02-22 12:01:37.403456+00:00, 2.000 s before"
        )
        early = read_who("1.2.3.4:53500", "2026-02-22T11:59:30Z")
        (hint,) = Store(wide=[OUTWARD]).hint(early)
        assert hint.text.endswith("began 2026-02-22 11:59:34.123456+00:00, 3.123 s after")
    during = read_who("1.2.3.4:53500", (START + timedelta(seconds=2)).isoformat())
    assert Store(wide=[OUTWARD]).hint(during) == []


def test_fewer_conditions() -> None:
    store = Store(**{"1.2.3.4:53500": [OUTWARD]})
    question = read_who("1.2.3.4:53500", AT, to="19.1.16.8", proto="udp", node="gw2", zone="3")
    assert texts(store.hint(question)) == [
        "without --to and --proto and --node and --zone: 1 connection of 192.168.1.129"
    ]
    assert store.asked[-1] == WhoQuestion(question.public, question.span)
    assert Store(**{"1.2.3.4:53500": [OUTWARD]}).hint(read_who("1.2.3.4:53500", AT)) == []


def test_nothing_is_said_where_nothing_is_found() -> None:
    assert Store().hint(read_who("1.2.3.4:53500", AT, to=REMOTE)) == []


def test_what_takes_too_long_is_said() -> None:
    asked = []

    def ask(question: WhoQuestion) -> Sequence[Answer]:
        asked.append(question)
        if len(asked) == 2:
            raise TooSlow
        return [OUTWARD]

    hints = find_hints(read_who("1.2.3.4:53500", AT, to=REMOTE), ask, ask)
    assert [hint.kind for hint in hints] == ["swapped", "not looked up"]
    assert len(asked) == 2
    assert Endpoint(ip_address(REMOTE)) == asked[0].public
