"""Who had an address, and what came of an import, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ctaudit.admin.holder_statement import Unreadable
from ctaudit.admin.holders_text import format_imported, format_refused
from ctaudit.admin.import_holders import Imported
from ctaudit.query.holder import Holder, Interval, read_holder
from ctaudit.query.holder_text import format_holder, plain_holder
from tests.unit.answers import local_zone

T = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_utc() -> Iterator[None]:
    with local_zone("UTC"):
        yield


def interval(holder: str, *, until: datetime | None = None, detail: str | None = None) -> Interval:
    return Interval(holder, detail, "10.0.0.7", "dhcp", T, until)


def holder(*intervals: Interval, **more: Any) -> Holder:
    values = {"name": None, "detail": None, "source": None, "begin": T, "until": T} | more
    return Holder(**values, intervals=intervals)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (holder(name="Ann", source="dhcp"), "Ann, by dhcp"),
        (holder(name="Ann", detail="laptop", source="a, b"), "Ann (laptop), by a, b"),
        (holder(), "no holder is recorded"),
        (
            holder(interval("Ann", until=T + timedelta(hours=1), detail="laptop")),
            (
                "no holder is recorded for the whole of it: Ann (laptop) from "
                "2026-11-26 12:00:00+00:00 until 2026-11-26 13:00:00+00:00, by dhcp"
            ),
        ),
        (
            holder(interval("Ann"), interval("Ben")),
            (
                "two holders, so none is named: Ann from 2026-11-26 12:00:00+00:00, by dhcp; "
                "Ben from 2026-11-26 12:00:00+00:00, by dhcp"
            ),
        ),
        (
            holder(interval("Ann"), begin=None),
            (
                "none is named, it is not known when the connection began: "
                "Ann from 2026-11-26 12:00:00+00:00, by dhcp"
            ),
        ),
        (
            holder(interval("Ann"), until=None),
            (
                "none is named, it is not known when the connection ended: "
                "Ann from 2026-11-26 12:00:00+00:00, by dhcp"
            ),
        ),
    ],
)
def test_a_holder(found: Holder, text: str) -> None:
    assert format_holder(found) == text
    assert plain_holder(found)["why"] == (None if found.name else text)


def test_many_holders() -> None:
    text = format_holder(holder(*(interval(f"h{number}") for number in range(7))))
    assert text.startswith("7 holders, so none is named: h0 from ")
    assert text.endswith("; h4 from 2026-11-26 12:00:00+00:00, by dhcp; and 2 more")


def test_as_the_store_says_it() -> None:
    said = {
        "name": "Ann", "detail": None, "source": "dhcp", "from": "2026-11-26T12:00:00.5+00:00",
        "until": None, "intervals": [
            {"holder": "Ann", "detail": None, "network": "10.0.0.0/24", "source": "dhcp",
             "from": "2026-11-26T12:00:00+00:00", "until": None}
        ],
    }  # fmt: skip
    plain = plain_holder(read_holder(said))
    assert plain["intervals"] == [
        {"holder": "Ann", "detail": None, "network": "10.0.0.0/24", "source": "dhcp",
         "from": "2026-11-26T12:00:00.000000Z", "until": None}
    ]  # fmt: skip
    assert (plain["name"], plain["why"]) == ("Ann", None)


def test_what_came_of_an_import() -> None:
    counts = Counter({"added": 2, "added, shortened another": 1, "unchanged": 1200})
    assert list(format_imported(Imported("dhcp", 1203, counts, ()))) == [
        (
            "Source dhcp: 1,203 statements read: 3 added, 0 lengthened, 0 changed, 0 shortened, "
            "1,200 unchanged."
        ),
        "1 interval began within another holder's, which ends there now.",
    ]


def test_lines_that_could_not_be_read() -> None:
    lines = list(format_refused([(Path("f"), Unreadable(n, "no holder")) for n in range(1, 31)]))
    assert lines[0] == "f: line 1: no holder"
    assert lines[20:] == ["10 more lines were not imported"]
