"""What listed connections lack: counted as they pass, and said at the end.

Without nf_conntrack_timestamp a DESTROY has no start, and the connection has that of its opening;
where no opening, dump or stamp tells one, none is invented. A remote end that was not stored may
be any: whatever remote network was asked for, flows lists it, and traffic, which adds up, does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ctaudit.query.answer import Answer
from ctaudit.query.value_text import format_count

NO_START = "the kernel sent none, and no opening of it is recorded"


class LackCount:
    """How many of the rows that have passed have no start, or no remote end.

    ``by_remote``: whether connections to a remote network were asked for.
    """

    def __init__(self, *, by_remote: bool) -> None:
        self.startless = 0
        self.remoteless = 0
        self._by_remote = by_remote

    def watch(self, rows: Iterable[Answer]) -> Iterator[Answer]:
        for row in rows:
            self.startless += row.started_at is None
            self.remoteless += not row.is_remote_stored
            yield row

    def format(self) -> Iterator[str]:
        if self.startless:
            yield f"{_count(self.startless)} no known start: {NO_START}"
        if self._by_remote and self.remoteless:
            yield (
                f"{_count(self.remoteless)} no stored remote end (privacy.remote = false), and may "
                "be of another network than --remote says"
            )


def format_left_out(number: int) -> Iterator[str]:
    """Of traffic to a remote network: how many connections without a remote end there were."""
    if number:
        has = "has" if number == 1 else "have"
        yield (
            f"{format_count(number, 'connection')} of that time {has} no stored remote end "
            "(privacy.remote = false): not counted here, and may be of the network that --remote "
            "says"
        )


def _count(number: int) -> str:
    has = "has" if number == 1 else "have"
    return f"{format_count(number, 'connection')} of these {has}"
