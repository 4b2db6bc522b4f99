"""An output's way through the spool: segment after segment, from the place that it had reached.

Nothing that it needs is changed here but the two words of a header that a loss of power has left
behind (spool.order), which the recorder repairs likewise.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from ctaudit.conntrack.filter import RuleSet, find_digest, find_where
from ctaudit.errors import PrivilegeError
from ctaudit.forward.gap import Gap, gap_of_note
from ctaudit.forward.lines import Lines
from ctaudit.forward.stream_rules import Told, assume_rules, is_held, read_told, says_rules
from ctaudit.host.log import log_fault
from ctaudit.spool.cursor import Cursor
from ctaudit.spool.decoder import Decoder, Undecodable
from ctaudit.spool.frame import DamagedFrame
from ctaudit.spool.note import Note
from ctaudit.spool.order import SealRepair, find_end, list_paths
from ctaudit.spool.output_state import Lost, Place
from ctaudit.spool.segment import (
    DamagedSegment,
    Segment,
    Word,
    list_segments,
    open_segment,
    preserve_damaged,
)

log = logging.getLogger(__name__)

_EVENTS_A_STEP = 2000
UNKNOWN_RULES = "filter rules not known"
UNREAD, ANEW = "segments were deleted before they were read", "the spool was begun anew"


@dataclass(frozen=True)
class Deleted:
    """Segments that went before they were read; ``bytes`` of them, as far as it is known."""

    cause: str
    segments: int
    bytes: int


def find_deleted(place: Place, segment: Segment) -> Deleted | None:
    """What lies between the place and the segment that is read next; None: nothing."""
    if not place.sequence:
        return None
    if segment.sequence < place.sequence:
        return Deleted(ANEW, 0, 0)
    is_same = segment.stream == place.stream
    if segment.sequence == place.sequence:
        return None if is_same else Deleted(ANEW, 0, 0)
    count = segment.sequence - place.sequence - place.has_ended
    missing = segment.base - place.position if is_same else 0
    # All of a segment had been read that was complete only afterwards.
    if not count or (is_same and missing <= 0):
        return None
    return Deleted(UNREAD, count, missing)


class Reader:
    """Reads on at ``place``; ``lost``: what was deleted before it was read, all in all.

    ``rules``: those of the configuration, for a stream of which the digest alone is known.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        lines: Lines,
        place: Place,
        lost: Lost,
        rules: RuleSet | None = None,
    ) -> None:
        self._name = name
        self._directory = directory
        self._lines = lines
        self._batch = lines.batch
        self._decoder = Decoder()
        self._seals = SealRepair(lambda: list_paths(directory))
        self._cursor: Cursor | None = None
        self._rules = rules
        self.place = place
        self.lost = lost
        lines.set_filter(place.filter)

    def seek(self, place: Place, lost: Lost) -> None:
        """Reads on somewhere else."""
        self.close()
        self._lines.take()
        self._lines.set_filter(place.filter)
        self.place, self.lost = place, lost

    def close(self) -> None:
        if self._cursor is not None:
            self._cursor.segment.close()
            self._cursor = None

    def read(self) -> bool:
        """Takes one step; False when nothing more is published.

        Raises PrivilegeError, OSError.
        """
        cursor = self._cursor
        if cursor is None:
            return self._enter()
        segment = cursor.segment
        try:
            step = cursor.read(self._decoder, self._batch, _EVENTS_A_STEP)
        except DamagedFrame as damaged:
            self._pass_damage(cursor, str(damaged))
            return True
        if step is None:
            return self._rest(cursor)
        if isinstance(step.stop, Undecodable):
            gap = Gap(f"undecodable: {step.stop.reason}", step.received, step.received)
            self._lines.add_gap(gap)
        elif step.stop is not None:
            self._add_gap(gap_of_note(step.stop, self.place.received))
            self._follow_rules(step.stop)
        if step.stop is not None:
            cursor.move(cursor.offset + len(step.stop_bytes))
        position = segment.base + cursor.offset
        self.place = replace(self.place, position=position, received=step.received)
        return True

    def _rest(self, cursor: Cursor) -> bool:
        """Leaves a segment that is complete; False: more will come in it."""
        if cursor.has_ended():
            self.place = replace(self.place, has_ended=True)
            self.close()
            return True
        return self._seals.restore(cursor.segment, at_once=False)

    def _enter(self) -> bool:
        """Opens the segment of the place, or the next; False when there is none."""
        listed = list_segments(self._directory)
        place = self.place
        is_anew = bool(listed) and listed[-1][0] < place.sequence
        for sequence, path in listed:
            if not is_anew and sequence < place.sequence + place.has_ended:
                continue
            segment = self._open(path)
            if segment is None:
                continue
            deleted = find_deleted(place, segment)
            self._note_deleted(deleted, segment)
            offset = 0
            if (segment.sequence, segment.stream) == (place.sequence, place.stream):
                offset = max(0, place.position - segment.base)
            self._lines.set_node(segment.node)
            self._cursor = Cursor(segment, min(offset, segment.end))
            self.place = replace(
                place,
                stream=segment.stream,
                sequence=segment.sequence,
                position=segment.base + offset,
                has_ended=False,
            )
            if segment.base + offset == 0:
                self._set_rules(None)  # its start note follows
            elif deleted is not None or segment.stream != place.stream:
                self._set_rules_of_header(segment)
            return True
        return False

    def _open(self, path: Path) -> Segment | None:
        """The segment with its end repaired; None: it is gone, or is none."""
        try:
            segment = open_segment(path)
        except (FileNotFoundError, DamagedSegment):
            return None
        except PermissionError:
            raise PrivilegeError(f"{path}: ctaudit forward may not open this segment") from None
        if segment.sealed:
            end = find_end(list_paths(self._directory), segment)
            if end != segment.end:
                segment.publish(end)
        return segment

    def _note_deleted(self, deleted: Deleted | None, segment: Segment) -> None:
        if deleted is None:
            return
        self._add_gap(Gap(deleted.cause, self.place.received, segment.created))
        self.lost = Lost(
            self.lost.segments + deleted.segments,
            self.lost.bytes + deleted.bytes,
            segment.created,
        )
        log_fault(
            log,
            "output loss",
            f"output {self._name}: {deleted.cause} ({deleted.segments} segments, at least "
            f"{deleted.bytes} bytes); its lines have a gap",
        )

    def _pass_damage(self, cursor: Cursor, reason: str) -> None:
        """Passes the rest of the segment, which cannot be read."""
        segment, end = cursor.segment, cursor.segment.end
        preserve_damaged(segment.path)
        sentence = f"{segment.path}: damaged at byte {cursor.offset} of {end}: {reason}"
        log_fault(log, "damage", f"output {self._name}: {sentence}")
        until = segment.sealed or time.time_ns()
        self._add_gap(Gap(f"damaged segment: {reason}", self.place.received, until))
        cursor.move(end)
        self.place = replace(self.place, position=segment.base + end)
        self._set_rules_of_header(segment)

    def _follow_rules(self, note: Note) -> None:
        """Goes over to the rules that the stream has from this note on."""
        if says_rules(note):
            self._set_rules(read_told(note))
        elif note.name == "dump begin":
            digest = note.detail.get("filter")
            if not is_held(self.place.filter, digest):
                self._assume(digest, None, Gap(UNKNOWN_RULES, self.place.received, note.at))

    def _set_rules_of_header(self, segment: Segment) -> None:
        """Goes by what the header says last, where the note of the rules was not read."""
        word = segment.words[Word.FILTER]
        digest, where = find_digest(word), find_where(word)
        if not is_held(self.place.filter, digest, where):
            since, until = segment.created, segment.sealed or time.time_ns()
            self._assume(digest, where, Gap(UNKNOWN_RULES, since, until))

    def _assume(self, digest: str | None, where: str | None, gap: Gap) -> None:
        """``gap``: for rules that are not the configuration's, which are applied nevertheless."""
        told, is_known = assume_rules(digest, where, self._rules)
        if not is_known:
            self._add_gap(gap)
            log.warning(
                "output %s: the filter rules %s of the spool are not known; those of the "
                "configuration are applied to its lines",
                self._name,
                digest,
            )
        self._set_rules(told)

    def _set_rules(self, told: Told | None) -> None:
        if told != self.place.filter:
            self.place = replace(self.place, filter=told)
            self._lines.set_filter(told)

    def _add_gap(self, gap: Gap | None) -> None:
        if gap is not None:
            self._lines.add_gap(gap)
