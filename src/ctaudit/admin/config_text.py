"""config show and check, for people and as JSON values.

What people get is TOML: the configuration with what holds where the file says nothing, which is
commented out where it is no constant.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from ctaudit.admin.config_check import Checked
from ctaudit.admin.config_values import DEFAULT, FILE, Shown
from ctaudit.config import Reading
from ctaudit.config.key import ANY_NAME
from ctaudit.config.readers import format_toml

_WIDTH = 100
_COLUMN = 34  # where a comment on a value begins, if the value leaves room
_UNITS = {"bytes": "bytes", "seconds": "s"}
_LONGEST = 60  # a longer list has a line for each item


def format_shown(reading: Reading, shown: Iterable[Shown]) -> Iterator[str]:
    yield f"# {_describe_file(reading)}"
    section = ""
    for item in shown:
        path, _, name = item.path.rpartition(".")
        if path != section or not path:
            yield ""
        if path != section:
            yield f"# [{path}]" if ANY_NAME in path else f"[{path}]"
            section = path
        yield from _comment(item.key.summary)
        yield from _format_value(name, item)


def _describe_file(reading: Reading) -> str:
    if not reading.is_there:
        return f"{reading.file} does not exist: every key has its default"
    count = len(reading.given)
    return f"{reading.file} gives {count} key{'' if count == 1 else 's'}"


def _format_value(name: str, item: Shown) -> Iterator[str]:
    is_set = item.origin == FILE or (item.origin == DEFAULT and item.key.default is not None)
    mark = "" if is_set and item.value is not None else "# "
    remark = f"# {'; '.join(_list_remarks(item))}"
    value = "" if item.value is None else format_toml(item.value)
    line = f"{mark}{name} = {value}".rstrip()
    if not isinstance(item.value, list) or len(value) <= _LONGEST:
        yield f"{line:<{_COLUMN}}  {remark}"
        return
    opening = f"{mark}{name} = ["
    yield f"{opening:<{_COLUMN}}  {remark}"
    for each in item.value:
        yield f"{mark}    {format_toml(each)},"
    yield f"{mark}]"


def _list_remarks(item: Shown) -> Iterator[str]:
    default = describe_default(item)
    if item.origin == FILE and default:
        yield f"file, default: {default}"
    elif item.origin == DEFAULT and (item.value is None or item.key.default is None):
        yield f"default: {default}" if default else "must be given"
    else:
        yield item.origin
    if item.exact is not None:
        yield f"{item.exact:,.10g} {_UNITS[item.key.form.unit]}"
    if item.note:
        yield item.note


def describe_default(item: Shown) -> str:
    """Its constant as the file would have it, or what it is worked out from; "": it has none."""
    return item.key.without if item.key.default is None else format_toml(item.key.default)


def _comment(text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent="# ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def plain_shown(reading: Reading, shown: Iterable[Shown]) -> dict[str, Any]:
    return {
        "file": str(reading.file),
        "exists": reading.is_there,
        "keys": [_plain_item(item) for item in shown],
    }


def _plain_item(item: Shown) -> dict[str, Any]:
    key = item.key
    return {
        "key": item.path,
        "value": item.value,
        "exact": item.exact,
        "unit": key.form.unit or None,
        "origin": item.origin,
        "note": item.note or None,
        "default": key.default,
        "default_from": key.without or None,
        "form": key.form.kind,
        "allowed": key.form.allowed or None,
        "meaning": key.meaning,
        "words": [{"word": word.strip('"'), "meaning": said} for word, said in key.words],
        "more": key.more or None,
        "since": key.since,
    }


def format_checked(checked: Checked) -> Iterator[str]:
    """One line where there is no error."""
    if not checked.errors:
        yield f"{_describe_file(checked.reading)}; no error"


def plain_checked(checked: Checked) -> dict[str, Any]:
    return {
        "file": str(checked.reading.file),
        "exists": checked.reading.is_there,
        "errors": list(checked.errors),
        "warnings": list(checked.warnings),
    }
