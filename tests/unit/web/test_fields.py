"""What a form sent, and beside which field a sentence belongs."""

from __future__ import annotations

import pytest

from ctaudit.errors import UsageError
from ctaudit.query.inquiries import read_inquiries
from ctaudit.query.purpose import read_purpose
from ctaudit.query.question import read_who
from ctaudit.web.fields import find_field, read_fields

ALL = ("public", "to", "at", "proto", "node", "within", "zone", "case", "reason", "from", "address")
AT = "2026-02-22T11:59:43Z"
GOOD = {"public": "1.2.3.4:53500", "at": AT}


def test_empty_fields_are_absent_and_others_ignored() -> None:
    fields = read_fields({"public": " 1.2.3.4 ", "at": "  ", "more": "x"}, ("public", "at"))
    assert fields.values == {"public": "1.2.3.4"}


def test_a_field_is_bounded() -> None:
    with pytest.raises(UsageError, match="public: 1,001 characters") as caught:
        read_fields({"public": "x" * 1001}, ALL)
    assert find_field(str(caught.value), ALL) == "public"


def ask(**words: str) -> None:
    said = GOOD | words
    read_purpose(said.pop("case", None), said.pop("reason", None))
    read_inquiries(begin=said.pop("from", None), address=said.pop("address", None))
    read_who(said.pop("public"), said.pop("at"), **said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public", "1.2.3.400:5"), ("public", "1.2.3.4:99999"), ("public", "<script>"),
        ("public", "1.2.3.4/8"), ("at", "yesterday"), ("at", "2226-02-22 11:59:43"), ("at", "1"),
        ("to", "19.1.16.7:x"), ("to", "example.net:443"), ("proto", "carrier pigeon"),
        ("within", "-1"), ("within", "many"), ("zone", "Europe/Berlin"),
        ("case", "x" * 201), ("case", "a\nb"), ("reason", "\x1b"), ("from", "then"),
        ("address", "1.2.3.4.5"),
    ],
)  # fmt: skip
def test_each_sentence_is_beside_its_field(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(**{name: value})
    assert find_field(str(caught.value), ALL) == name, caught.value


def test_where_a_reason_is_required() -> None:
    sentence = (
        "the database answers no question without a case and a reason: give --case and --reason"
    )
    assert find_field(sentence, ALL) == "case"
    assert find_field("something else", ALL) is None
