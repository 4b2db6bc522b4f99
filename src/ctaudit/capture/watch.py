"""What the kernel does not announce: changed settings, and clashes of UDP packets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ctaudit.conntrack.kernel_state import KernelState, Reading, Settings
from ctaudit.host.log import log_fault
from ctaudit.spool.segment import Word
from ctaudit.spool.writer import SpoolWriter

log = logging.getLogger(__name__)

# Seconds. While there are clashes, a note of them comes this often at most.
CLASHES_EVERY = 1.0
_LACKING = {
    "acct": "packets and bytes",
    "timestamp": "start and end from the kernel",
}


class Watch:
    """Compares what the kernel shows with what the notes in the stream have said.

    ``look`` comes before each DRAINED note, and after the time that the note states: coverage
    never reaches beyond the last look. What was noted also stands in the segment's header, from
    which a successor goes on.
    """

    def __init__(
        self,
        spool: SpoolWriter,
        kernel: KernelState,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._kernel = kernel
        self._monotonic = monotonic
        self._noted = self._found = Reading(Settings(), None)
        self._looked = self._looking = 0  # nanoseconds since 1970: the last look, this one
        # Of the clashes noted last: when the next note may come, and how long they may hide.
        self._quiet_until = self._hidden_until = 0.0

    def begin(self) -> Settings:
        """A new stream: its start note says these settings, and no clash before it is its own."""
        self._looking = time.time_ns()
        self._found = self._kernel.read()
        self._confirm()
        _warn_of_silence(self._found.settings)
        return self._found.settings

    def resume(self) -> None:
        """The stream of a predecessor, whose notes have said what the header holds."""
        words = self._spool.words
        settings = unpack_settings(words[Word.SETTINGS])
        self._looked = int(words[Word.LOOKED]) or time.time_ns()
        if settings is None:  # it had no watch
            self.begin()
        else:
            self._noted = Reading(
                settings, words[Word.CLASHES] - 1 if words[Word.CLASHES] else None
            )
            _warn_of_silence(settings)

    def look(self) -> bool:
        """Looks; True if something is to be noted."""
        self._looking = time.time_ns()
        found = self._found = self._kernel.read()
        noted = self._noted
        if found == noted:
            self._pass(self._looking)
            return False
        # What cannot be read now is as it was noted; but this look has not seen it.
        found = self._found = found.else_from(noted)
        if found.settings != noted.settings:
            return True
        if noted.clashes is None and found.clashes is not None:
            self._confirm()
        is_new = count_new(self._noted.clashes, found.clashes) > 0
        return is_new and self._monotonic() >= self._quiet_until

    def note(self) -> bool:
        """Notes what the last look found; True: events are on again, and a dump is due."""
        before, found = self._noted, self._found
        clashes = count_new(before.clashes, found.clashes)
        if clashes:
            self._note_clashes(clashes, self._looked)
        if found.settings != before.settings:
            self._spool.append_note(
                "settings",
                **found.settings._asdict(),
                last_look=self._looked,
                before=before.settings._asdict(),
            )
            _log_changes(before.settings, found.settings)
        self._confirm()
        return before.settings.events == 0 and found.settings.events != 0

    def repeat(self) -> None:
        """The wall clock was stepped: clashes noted before may hide something after it."""
        if self._monotonic() < self._hidden_until:
            self._note_clashes(0, time.time_ns())

    def _note_clashes(self, count: int, since: int) -> None:
        timeout, now = self._kernel.read_udp_timeout(), self._monotonic()
        self._spool.append_note("clashes", count=count, since=since, udp_timeout=timeout)
        self._quiet_until = now + min(CLASHES_EVERY, timeout / 2)
        self._hidden_until = now + timeout

    def _confirm(self) -> None:
        """What this look has found is noted, or needs no note."""
        self._noted = self._found
        settings, clashes = self._noted
        words = self._spool.words
        words[Word.SETTINGS] = pack_settings(settings)
        words[Word.CLASHES] = 0 if clashes is None else clashes + 1
        self._pass(self._looking)

    def _pass(self, at: int) -> None:
        self._looked = self._spool.words[Word.LOOKED] = at


def count_new(before: int | None, now: int | None) -> int:
    """Clashes between two looks. A lower count than before began anew (the module was reloaded)."""
    if before is None or now is None:
        return 0
    return now - before if now >= before else now


def pack_settings(settings: Settings) -> int:
    """A byte each, from the lowest: 0 unknown, else 1 + the value; above them a 1."""
    packed = 1
    for value in reversed(settings):
        packed = packed << 8 | (0 if value is None else min(value, 0xFE) + 1)
    return packed


def unpack_settings(packed: int) -> Settings | None:
    """None: nothing was packed."""
    if not packed:
        return None
    stored = (packed >> 8 * place & 0xFF for place in range(len(Settings._fields)))
    return Settings(*(value - 1 if value else None for value in stored))


def _warn_of_silence(settings: Settings) -> None:
    if settings.events == 0:
        log_fault(
            log,
            "settings",
            "nf_conntrack_events is 0: the kernel announces no connection, so that who answers "
            "unknown from now on; sysctl -w net.netfilter.nf_conntrack_events=1",
        )


def _log_changes(before: Settings, now: Settings) -> None:
    if now.events != before.events:
        _warn_of_silence(now)
    if before.events == 0 and now.events:
        log.info("nf_conntrack_events is %d again; a table dump follows", now.events)
    for name, lacking in _LACKING.items():
        old, new = getattr(before, name), getattr(now, name)
        if old is None or old == new:
            continue
        has = "have" if new else "have no"
        remedy = "" if new else f"; sysctl -w net.netfilter.nf_conntrack_{name}=1"
        log_fault(
            log,
            "settings",
            f"nf_conntrack_{name} was changed from {old} to {new}: connections that begin from "
            f"now on {has} {lacking}{remedy}",
            logging.WARNING,
        )
