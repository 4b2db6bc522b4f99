"""Connections of which no start is known: counted as they are listed, and said at the end.

Without nf_conntrack_timestamp a DESTROY has no start, and the connection has that of its opening;
where no opening, dump or stamp tells one, none is invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ctaudit.query.answer import Answer
from ctaudit.query.value_text import format_count

NO_START = "the kernel sent none, and no opening of it is recorded"


class StartlessCount:
    """How many of the rows that have passed have no start."""

    def __init__(self) -> None:
        self.count = 0

    def watch(self, rows: Iterable[Answer]) -> Iterator[Answer]:
        for row in rows:
            self.count += row.started_at is None
            yield row

    def format(self) -> Iterator[str]:
        if self.count:
            has = "has" if self.count == 1 else "have"
            yield (
                f"{format_count(self.count, 'connection')} of these {has} no known start: "
                f"{NO_START}"
            )
