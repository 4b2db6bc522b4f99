"""Why questions are asked: the case and the reason, put on record with each of them.

They are set in the question's own transaction and end with it. A question is announced in a
transaction before that of its answer: so it stays on record where the answer is rolled back, by an
interrupt or a time limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from ctaudit.database.connection import asking, is_standby
from ctaudit.errors import UsageError
from ctaudit.query.notation import Network

_LONGEST = {"--case": 200, "--reason": 1000}  # characters, as ctaudit.set_purpose has it
_LONG = timedelta(days=1)
_SET = "SELECT ctaudit.set_purpose(%s::text, %s::text, %s::text, %s::uuid, %s)"


@dataclass(frozen=True)
class Purpose:
    """None: not said. ``on_behalf_of``: the person for whom a front end asks."""

    case: str | None = None
    reason: str | None = None
    on_behalf_of: str | None = None

    @property
    def is_said(self) -> bool:
        return self.case is not None and self.reason is not None


UNSAID = Purpose()


def read_purpose(case: str | None, reason: str | None) -> Purpose:
    """Each argument as the command line has it; raises UsageError."""
    return Purpose(_read("--case", case), _read("--reason", reason))


def _read(option: str, text: str | None) -> str | None:
    if text is None:
        return None
    words = text.strip()
    if not words:
        raise UsageError(f"{option} {text!r}: must not be empty")
    if len(words) > _LONGEST[option]:
        raise UsageError(
            f"{option} of {len(words)} characters: at most {_LONGEST[option]} are kept"
        )
    if not words.isprintable():
        raise UsageError(f"{option} {text!r}: has a control character; write it in one line")
    return words


def set_purpose(
    connection: psycopg.Connection[Any], purpose: Purpose, announcement: UUID | None = None
) -> None:
    """For the questions that follow in this transaction, whose announcement that was."""
    if purpose != UNSAID or announcement is not None:
        _send(connection, purpose, announcement, is_announced=False)


def announce(
    connection: psycopg.Connection[Any], purpose: Purpose, ask: Callable[[], object]
) -> UUID | None:
    """Commits the questions that ``ask`` asks, without their answers.

    Returns what the answers find them by; None on a standby, which cannot write.
    """
    if is_standby(connection):
        return None
    announcement = uuid4()
    with asking(connection):
        _send(connection, purpose, announcement, is_announced=True)
        ask()
    return announcement


def find_inquiry(connection: psycopg.Connection[Any], announcement: UUID | None) -> int | None:
    """The number under which an announced question is on record; None: it was not announced."""
    if announcement is None:
        return None
    found = connection.execute(
        "SELECT min(i) FROM ctaudit.announced_inquiries(%s) AS i", [announcement]
    ).fetchone()
    return None if found is None else found[0]


def _send(
    connection: psycopg.Connection[Any],
    purpose: Purpose,
    announcement: UUID | None,
    *,
    is_announced: bool,
) -> None:
    said = (purpose.case, purpose.reason, purpose.on_behalf_of)
    connection.execute(_SET, (*said, announcement, is_announced))


def find_breadth(
    networks: Mapping[str, Network | None],
    begin: datetime | None,
    end: datetime | None,
    now: datetime,
) -> str | None:
    """What makes a question broad: a whole network, or a span over a day; None: it is not.

    ``networks``: by option, those of which one must be a single host; empty: it names one anyway.
    """
    wide = {option: network for option, network in networks.items() if network is not None}
    if networks and all(network.num_addresses > 1 for network in wide.values()):
        return "a whole network" if wide else "every host"
    if begin is None or (end or now) - begin > _LONG:
        return "more than a day"
    return None


def name_unsaid(purpose: Purpose) -> str:
    """``a case and a reason``, or the one of the two that was not said."""
    said = {"a case": purpose.case, "a reason": purpose.reason}
    return " and ".join(name for name, value in said.items() if value is None)


def format_notice(breadth: str, purpose: Purpose) -> str:
    said = {"--case": purpose.case, "--reason": purpose.reason}
    options = ", ".join(name for name, value in said.items() if value is None)
    return (
        f"this asked for {breadth} without {name_unsaid(purpose)} ({options}), and is so on record"
    )
