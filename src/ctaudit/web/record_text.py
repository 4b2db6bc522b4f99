"""The words of the page Record."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

LANES_MAX = 100
TITLE = "The record"
NOT_UNDERSTOOD = "Not understood"
INTRODUCTION = (
    "What of this time is recorded at each gateway, and what is missing. That no connection fits a "
    "question is proven only where the record has no gap."
)
ALL_COVERED = "Of {nodes} no gap is known in this time."
GAPS = "{with_gaps} of {nodes} had gaps in this time: {gaps}."
NO_NODES = "No gateway had recorded anything by then."
LANES_CUT = "{count} more gateways are not drawn; choose one by its name."
PICTURE = "The record of {nodes} from {begin} until {end}"
KEYS: Mapping[str, str] = {
    "covered": "recorded",
    "gap": "gap: something may be missing",
    "scattered": "short gaps, close together",
    "partial": "gap of one protocol",
    "doubtful": "clock set: times in doubt",
    "pending": "not recorded yet",
    "uncovered": "not recorded",
}
UNTIL_HINT = "2026-02-22 11:59, in local time, or with an offset; else now"
FROM_HINT = "as Until; else a day, a week or a year before it"
SPAN_AND_FROM = "--span {span!r}: From is there as well, {begin!r}; leave one of the two out"
NODE_HINT = "its name; else all"
TOO_LONG = "No answer in time: choose a shorter span, or one gateway by its name."
MERGED = (
    "What is shorter than a line is drawn as one, and what lies closer together as one area: the "
    "numbers below are those of all gaps."
)
IMPORTED = "imported from {source}: never complete"

LABELS = SimpleNamespace(
    nodes="What it rests on",
    causes="Gaps by cause",
    gaps="The latest gaps",
    node="Gateway", state="State", covered="Recorded", missing="In gaps", gap_count="Gaps",
    lag="Behind", dumps="Table dumps", clock="Clock", spool="Spool", remarks="To be known",
    cause="Cause", open="Not over", lost="Events lost", total="In all",
    longest="Longest", first="First", last="Last until",
    begin="From", end="Until", length="Length", may_miss="May be missing",
    day="Day", week="Week", year="Year", earlier="Earlier", later="Later", until="Until",
    span="Span", own="since From", show="Show", json="as JSON",
)  # fmt: skip

RUNNING = "records, {mode} mode, since {since}"
STOPPED = "stopped at {at}"
RETIRED = "gone since {at}"
OPEN = "not over"
NO_GAPS = "No gap touches this time."
CUT = (
    "The latest {shown} of {count} gaps are listed; choose a gateway or a shorter span for others."
)
UNKNOWN = "not known"
AT_LEAST = "{count}, and of {uncounted} not known how many"
OPENINGS, ENDS, BOTH = "connections that began", "ends", "connections that began, and ends"
OF_PROTOCOL = ", of {protocol} alone"

DUMPED = "{count}, the last at {at} with {entries}"
NOT_DUMPED = "none in this time"
CLOCK_GOOD = "synchronized, error about {error} ms"
CLOCK_GOOD_UNSAID = "synchronized"
CLOCK_BAD = "not synchronized"
CLOCK_UNSAID = "did not say whether it was synchronized"
CLOCK_UNNOTED = "nothing noted in this time"
CLOCK_NOTED = "{state} (noted at {at})"
CLOCK_MIXED = "{bad} of {notes} notes say: not synchronized"
CLOCK_WORST = "the largest error was about {error} ms"
CLOCK_STEPPED = "set {times}, by {step} s at most"
SPOOL_GOOD = "nothing discarded"
SPOOL_DROPPED = "{count} discarded, since it was full"

NAT_MODE = (
    "It records in nat mode, without ends: who used a port is found, and that nobody else did is "
    "never proven."
)
HISTORY_MODE = (
    "It records in history mode, when connections end: what is still open is known from table "
    "dumps alone, so the record of a time is complete only once a later dump is in it."
)
EXCLUDES = "Filter rules keep some connections out of its record: ctaudit filter show names them."
PAIRED = "Where it records nothing, the record of its pair {pair} may count for both."
PAIR_UNKNOWN = "Its pair {pair} is no gateway here, and does not count."
PAIR_NOT_MUTUAL = "Its pair {pair} does not name it, and does not count."
