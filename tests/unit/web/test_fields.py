"""What a form sent, and which field a sentence is about."""

from __future__ import annotations

import pytest

from ctaudit.errors import UsageError
from ctaudit.query.purpose import read_purpose
from ctaudit.query.question import read_who
from ctaudit.web.fields import Fields, check_fields, find_field, gather_fields, read_fields

NAMES = ("public", "to", "at", "proto", "node", "within", "zone", "case", "reason")
GOOD = {"public": "1.2.3.4:53500", "at": "2026-02-22 12:30:05Z"}


def test_what_is_empty_is_absent() -> None:
    sent = {"public": " 1.2.3.4 ", "to": "  ", "at": "", "other": "x"}
    assert read_fields(sent, NAMES).values == {"public": "1.2.3.4"}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("x" * 1001, "node: 1,001 characters; at most 1,000 are read"),
        ("a\x00b", "node 'a\\x00b': has a control character; write it in one line"),
        ("a\nb", "node 'a\\nb': has a control character; write it in one line"),
    ],
)
def test_what_is_refused_of_any_field_is_kept(value: str, sentence: str) -> None:
    fields = gather_fields({"node": value}, NAMES)
    assert fields.get("node") == value
    with pytest.raises(UsageError) as caught:
        check_fields(fields)
    assert str(caught.value) == sentence
    assert find_field(sentence, NAMES, fields) == "node"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public", "nobody"), ("public", "1.2.3.4:99999"), ("public", "fe80::1%eth0"),
        ("to", "x"), ("to", "[2001:db8::1]:443"), ("at", "yesterday"), ("at", "2999-01-01 00:00Z"),
        ("proto", "carrier pigeon"), ("proto", "50"), ("within", "-1"), ("within", "soon"),
        ("zone", "65536"), ("case", "x" * 201), ("reason", "x" * 1001),
    ],
)  # fmt: skip
def test_each_sentence_finds_its_field(name: str, value: str) -> None:
    said = GOOD | {name: value}
    fields = Fields(said)
    with pytest.raises(UsageError) as caught:
        read_purpose(said.get("case"), said.get("reason"))
        read_who(
            said["public"], said["at"], to=said.get("to"), proto=said.get("proto"),
            within=said.get("within", "0"), zone=said.get("zone"),
        )  # fmt: skip
    expected = "public" if value == "50" else name  # "1.2.3.4:53500: protocol esp has no ports"
    assert find_field(str(caught.value), NAMES, fields) == expected


def test_a_sentence_about_the_whole() -> None:
    assert find_field("something is wrong", NAMES, Fields(GOOD)) is None
    sentence = (
        "this record answers no question without a case and a reason; give --case and --reason"
    )
    assert find_field(sentence, NAMES, Fields(GOOD)) == "case"
