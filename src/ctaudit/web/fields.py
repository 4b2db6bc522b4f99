"""What a form sent: its fields, and which of them an error is about."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from ctaudit.errors import UsageError

_LONGEST = 1000  # characters of one field
# How the sentences of the command line name a field: by what they begin with.
_OPTIONS = {
    "--to": "to", "--at": "at", "--proto": "proto", "--within": "within", "--zone": "zone",
    "--node": "node", "--case": "case", "--reason": "reason", "--date": "date", "--tz": "tz",
    "--host": "host", "--remote": "remote", "--from": "from", "--until": "until",
    "--bucket": "bucket", "--by": "by", "--top": "top", "--span": "span", "--address": "address",
    "ADDRESS:PORT": "public",
}  # fmt: skip


@dataclass(frozen=True)
class Fields:
    """``values``: as they were sent, without spaces around; a field that is empty is absent."""

    values: Mapping[str, str]

    def get(self, name: str) -> str | None:
        return self.values.get(name)


def gather_fields(sent: Mapping[str, str], allowed: tuple[str, ...]) -> Fields:
    """As they were sent, also what is then refused: a form shows it again."""
    values = {name: sent.get(name, "").strip() for name in allowed}
    return Fields({name: value for name, value in values.items() if value})


def check_fields(fields: Fields) -> None:
    """Raises UsageError where one is too long, or is more than a line."""
    for name, value in fields.values.items():
        if len(value) > _LONGEST:
            raise UsageError(f"{name}: {len(value):,} characters; at most {_LONGEST:,} are read")
        if any(unicodedata.category(letter) == "Cc" for letter in value):
            raise UsageError(f"{name} {value!r}: has a control character; write it in one line")


def read_fields(sent: Mapping[str, str], allowed: tuple[str, ...]) -> Fields:
    """Raises UsageError as check_fields."""
    fields = gather_fields(sent, allowed)
    check_fields(fields)
    return fields


def find_field(error: str, allowed: tuple[str, ...], fields: Fields) -> str | None:
    """The field that a sentence is about; None: it is about the whole form.

    It begins with the field's name, or with what was said in it.
    """
    first = error.partition(" ")[0].rstrip(":")
    name = _OPTIONS.get(first, first)
    if name in allowed:
        return name
    if "give --case and --reason" in error and "case" in allowed:
        return "case"
    return next((name for name, value in fields.values.items() if value == first), None)
