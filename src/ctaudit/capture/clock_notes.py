"""Notes on the wall clock: each step of it, and once an hour how well it is synchronised."""

from __future__ import annotations

import logging

from ctaudit.host.clock import StepWatch, read_synchronisation
from ctaudit.host.log import log_fault
from ctaudit.spool.segment import Word
from ctaudit.spool.writer import SpoolWriter

log = logging.getLogger(__name__)

_EVERY = 3600.0  # seconds between two notes on the clock's synchronisation
_WORD = 1 << 64


class ClockNotes:
    """Finds steps. The clock's offset also stands in the segment's header, for a successor."""

    def __init__(self, spool: SpoolWriter) -> None:
        self._spool = spool
        self._steps = StepWatch()
        self._next = 0.0

    def resume(self) -> None:
        """The stream of a predecessor: a step since its last tick is found by the next one."""
        offset = int(self._spool.words[Word.CLOCK_OFFSET])
        if offset:
            self._steps.offset = offset - _WORD if offset >= _WORD // 2 else offset

    def tick(self, now: float) -> bool:
        """True: the clock was stepped. ``now``: seconds of a clock without steps."""
        step = self._steps.find_step()
        self._spool.words[Word.CLOCK_OFFSET] = self._steps.offset % _WORD
        if step:
            log_fault(log, "clock", f"the wall clock was stepped by {step / 1e9:+.3f} s")
        if step or now >= self._next:
            self._next = now + _EVERY
            known = read_synchronisation()
            self._spool.append_note(
                "clock",
                step_seconds=step / 1e9 if step else None,
                synchronised=known.synchronised if known else None,
                estimated_error_us=known.estimated_error if known else None,
                maximum_error_us=known.maximum_error if known else None,
            )
        return step != 0
