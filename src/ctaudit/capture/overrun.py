"""Which of the kernel's drops are noted in the stream."""

from __future__ import annotations

from ctaudit.capture.event_source import EventSource
from ctaudit.spool.writer import SpoolWriter

_MODULUS = 1 << 32  # the kernel's count is an unsigned 32-bit number


class OverrunNotes:
    """Compares the kernel's count of drops with what the notes in the stream have reported.

    The count stands in three places: in the kernel, now; in ``_seen``, at the last look; and in
    the spool's ``kernel_drops``, at the last overrun note, which survives a restart. A note opens
    a gap that the end of a dump closes. Drops while it is open belong to the same gap: they are
    noted together, before the dump that closes it begins (``note_before_dump``).
    """

    def __init__(self, source: EventSource, spool: SpoolWriter, *, reliable: bool) -> None:
        self._source = source
        self._spool = spool
        self._reliable = reliable
        self._seen = 0
        self.is_gap_open = False

    def begin(self) -> None:
        """A new stream: what was dropped before it is not its loss."""
        self._seen = self._source.count_drops()
        self._spool.set_kernel_drops(self._seen)

    def resume(self) -> None:
        """The stream of a predecessor: what it has not noted is new."""
        self._seen = self._spool.kernel_drops

    def detect(self) -> bool:
        """Looks at the kernel's count; True if it has changed since the last look."""
        before, self._seen = self._seen, self._source.count_drops()
        return self._seen != before

    def note(self, last_read: int) -> None:
        """Notes the drops since the last note; ``last_read``: when an event was last read, ns."""
        self._spool.set_dump_ended(0)
        self._seen = self._source.count_drops()
        drops = (self._seen - self._spool.kernel_drops) % _MODULUS
        # With reliable delivery the kernel counts an event again each time it fails to deliver it:
        # how many are lost is unknown.
        lost = None if self._reliable else drops or None
        self._spool.append_note("overrun", last_read_at=last_read, lost=lost, undelivered=drops)
        self._spool.set_kernel_drops(self._seen)
        self.is_gap_open = True

    def note_rest(self, last_read: int) -> None:
        """Notes the drops that no note has reported yet, if there are any."""
        if self._source.count_drops() != self._spool.kernel_drops:
            self.note(last_read)

    def note_before_dump(self, last_read: int) -> None:
        """As ``note_rest``; later drops open a gap of their own, which this dump cannot close."""
        self.note_rest(last_read)
        self.is_gap_open = False
