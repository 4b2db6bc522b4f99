"""The count of events that the receiver drops while the spool is full."""

from __future__ import annotations

from ctaudit.spool.segment import Word


class DropCounter:
    """Counts dropped events in the words of a segment's header, exactly even under SIGKILL.

    Invariant: slot (count % 2) is not zero = an event was taken from the socket and is not yet
    counted. recv() writes the first 8 bytes of the event, which are never all zero, straight
    into that slot. Counting it makes the other slot the next one; the used slot is zeroed after
    that, so that it is zero before its next turn.
    """

    def __init__(self, words: memoryview) -> None:
        self._words = words

    @property
    def events(self) -> int:
        """Events dropped and counted."""
        return int(self._words[Word.DROPPED])

    @property
    def since(self) -> int:
        """When the first of them was dropped, nanoseconds since 1970."""
        return int(self._words[Word.DROPPED_SINCE])

    @property
    def noted_from(self) -> int:
        """The segment's offset from which on a note may report them."""
        return int(self._words[Word.DROPPED_AT])

    def begin(self, since: int, offset: int) -> None:
        """Before the first event: the time, and the offset behind which its note will stand."""
        self._words[Word.DROPPED_SINCE] = since
        self._words[Word.DROPPED_AT] = offset

    def next_slot(self) -> memoryview:
        """The receive buffer for the next event: 8 bytes, all zero."""
        slot = Word.EVEN_SLOT + self._words[Word.DROPPED] % 2
        return self._words[slot : slot + 1]

    def count(self) -> None:
        """Counts the event that recv() has written into the next slot."""
        events = self._words[Word.DROPPED]
        self._words[Word.DROPPED] = events + 1
        self._words[Word.EVEN_SLOT + events % 2] = 0

    def settle(self) -> None:
        """After a crash: counts an event that was taken and not counted, and zeroes the slots."""
        if self._words[Word.EVEN_SLOT + self._words[Word.DROPPED] % 2]:
            self.count()
        self._words[Word.EVEN_SLOT] = self._words[Word.ODD_SLOT] = 0
