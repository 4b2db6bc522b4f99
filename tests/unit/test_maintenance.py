"""The daily maintenance: what a step's result means, and its lines word for word."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ctaudit.database.locks import Holder
from ctaudit.database.maintenance import Maintained, Step, Waiting, describe_step
from ctaudit.database.maintenance_text import format_maintained

DAY = date(2026, 2, 22)
NAME = "opening_p20260222"
FREE = Holder(4711, None, None, None, None)
AUDREY = Holder(4712, "audrey", "ctaudit auditor", "idle in transaction", 45.4)


@pytest.mark.parametrize(
    ("step", "rows", "done"),
    [
        ("make", [(0,)], [Maintained("made", NAME)]),
        ("make", [(3,)], [Maintained("moved", NAME, 3)]),
        ("make", [(None,)], []),
        (
            "trim",
            [("coverage", 0), ("gap", 2), ("note", 7)],
            [Maintained("trimmed", "gap", 2), Maintained("trimmed", "note", 7)],
        ),
        ("drop", [(True,)], [Maintained("dropped", NAME)]),
        ("drop", [(False,)], []),
        ("delete", [(5,)], [Maintained("deleted", NAME, 5)]),
        ("delete", [(0,)], []),
        ("inquiries", [(4,)], [Maintained("deleted", NAME, 4)]),
        ("sum", [(20,)], [Maintained("summed", f"2026-02-22 of {NAME}", 20)]),
        ("sum", [(None,)], []),
        ("freeze", [("",)], [Maintained("to be frozen", NAME)]),
    ],
)
def test_what_a_step_did(step: str, rows: list[tuple[Any, ...]], done: list[Maintained]) -> None:
    assert list(describe_step(Step(step, "opening", DAY, NAME), rows)) == done


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (Maintained("dropped", NAME), f"dropped {NAME}"),
        (Maintained("moved", NAME, 3), f"moved {NAME}, 3 rows"),
        (
            Maintained("detached", NAME),
            (
                f"cannot make {NAME}: a table of that name was detached; attach or rename it, "
                "until then rows of that day stay in the default partition"
            ),
        ),
        (Maintained("held", "2026-17", 3), "kept 3 partitions that are held for case 2026-17"),
        (
            Waiting(Step("drop", "opening", DAY, NAME), (AUDREY, FREE)),
            (
                f"waiting: cannot drop {NAME}, its lock is held by process 4712 (audrey, ctaudit "
                "auditor, idle in transaction) for 45 s; process 4711"
            ),
        ),
        (
            Waiting(Step("trim"), ()),
            (
                "waiting: cannot trim the coverage, its lock is held by another session, which has "
                "ended"
            ),
        ),
    ],
)
def test_word_for_word(item: Maintained | Waiting, line: str) -> None:
    assert list(format_maintained([item])) == [line]


def test_nothing_to_do() -> None:
    assert list(format_maintained([])) == ["nothing to do"]


def test_steps_that_need_the_same_lock() -> None:
    drops = [Step("drop", "opening", DAY, NAME), Step("drop", "opening", None, "another")]
    assert drops[0].lock == drops[1].lock
    assert drops[0].lock != Step("drop", "flow", DAY, NAME).lock != Step("make", "flow").lock
