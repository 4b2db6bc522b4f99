"""All sentences of the page to hand over.

Its reader knows neither this program nor connection tracking: each word that is ctaudit's own is
explained in WORDS.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

TITLE = "Answer from the connection record"
INTRODUCTION = (
    "Hosts behind a gateway share a public address. The gateway keeps a record of which internal "
    "host used which public address and port, from when until when. This page says what that "
    "record answers, how sure the answer is, and what must not be concluded from it."
)

# The fixed words of the template.
LABELS = SimpleNamespace(
    case="Case", reason="Reason", made="Made",
    contents="Questions and verdicts",
    question="Question",
    subject="Who was behind {public}?",
    number="No.",
    verdict="Verdict",
    asked="As asked", read="As read", answer="Answer",
    found="What was found",
    found_unproven="What was found, and is not proven to be what was asked for",
    may="What may be concluded",
    must_not="What must not be concluded",
    timeline="The port around that time",
    record="The record at that time",
    imported="Recorded by another program, not judged",
    unread="What could not be read",
    unread_note=(
        "These parts of the letter were not understood. The questions on this page say nothing "
        "about them."
    ),
    words="Words on this page",
)  # fmt: skip

HEADLINES: Mapping[str, str] = {
    "one": "One: exactly one connection fits.",
    "none": "None: no connection fits.",
    "several": "Several: {count} connections fit, and the question does not tell them apart.",
    "unknown": "Unknown: the record cannot answer this question.",
}

ONE_GATEWAY, GATEWAYS = "the gateway {}", "the gateways {}"
OF_A_GATEWAY = "gateway {}"

# What a verdict rests on.
COMPLETE = (
    "This rests on a complete record: {nodes} recorded without interruption then, and nothing is "
    "known to be missing."
)
RESTS: Mapping[str, str] = {
    "one": "So no other connection can be the one that was asked for.",
    "none": (
        "So a connection that the gateway translated or tracked at that time would have been found."
    ),
    "several": (
        "So no further connection fits. A gateway may use one public port for several connections "
        "at once, if they go to different remote ends."
    ),
}
RESTS_CUT = (
    "So every connection that fits is in it. They are more than the {most:,} that were read for "
    "this page, and the one that was asked for may be any of them."
)
BECAUSE = "The reason, as the record gives it:"
LACKING_FOUND = (
    "What the record has is listed below. Another connection, which the record lacks, may be the "
    "one that was asked for."
)
LACKING_NONE = (
    "The record has no connection that fits. There may have been one all the same, which the "
    "record lacks."
)
UNSURE_FOUND = "Whether what is listed below is what was asked for is not known, for that reason."
UNSURE_NONE = "That the record has no connection that fits proves nothing, for that reason."
BY_PROTOCOL = "By protocol: {verdicts}."

MAY_ONE = (
    "At the asked time, by the clock of the gateway, the internal host {host} used the public "
    "address and port {public}."
)
MAY_ONE_ANY_PORT = (
    "At the asked time, by the clock of the gateway, one single connection used the public "
    "address {public}, and its internal host was {host}."
)
MAY_ONE_HOST = (
    "The {count} connections that fit are all of one internal host, {host}. So that host used "
    "{public} at the asked time; which of its connections is meant is not known."
)
MAY_SEVERAL = (
    "If address, port and time of the question are right, the connection is one of the {count} "
    "that fit, of {hosts} internal hosts."
)
MAY_ASK = "What tells them apart: {what}. Whoever reported it may know that."
MAY_ASK_NOTHING = "Nothing that the record holds tells them apart."
TELLS_PORT = "the public (source) port"
TELLS_PROTOCOL = "the protocol"
TELLS_REMOTE = "the address and port of the service that was reached"
TELLS_TIME = "a more exact time"
MAY_NONE = (
    "If address, port and time of the question are right, no connection that the gateway tracked "
    "used them."
)
MAY_UNKNOWN = (
    "Nothing about who it was: neither that it was the host of a connection listed here, nor that "
    "it was nobody."
)
MAY_ASK_AGAIN = (
    "Another sighting of the same source, at a time for which the record is complete, may have an "
    "answer."
)

NOT_A_PERSON = (
    "That a certain person did it. A host is named; who used it, and what was sent, is not in this "
    "record."
)
NOT_NO_PORT = (
    "That a host is to blame because of address and time alone: the question names no port, and "
    "hosts share the address."
)
NOT_ANOTHER_TIME = (
    "Anything for another time, be it a second away. The asked time is that of the clock of "
    "whoever reported it. This page holds only if that clock was right: ask whether it was "
    "synchronized."
)
NOT_ONE_OF_SEVERAL = (
    "That it was the first of them, or the likeliest. Nothing prefers one of the connections to "
    "the others, and all but one of them have nothing to do with the matter."
)
NOT_FALSE = (
    "That the report which led to this question is false. If its clock was off, the connection "
    "lies beside the asked time; what bypassed the gateway, or was not tracked, is not in the "
    "record."
)
NOT_NO = "That there was no connection. Unknown is not no."
NOT_THE_FOUND = (
    "That a connection listed on this page is the one that was asked for. Unknown is not yes "
    "either."
)

# The time line.
TIMELINE_TITLE = "Who used {public} from {begin} until {end}"
TIMELINE_LANES = "{lanes}. The asked time is {asked}. {doubtful}"
TIMELINE_NOBODY = "No connection is recorded in this time"
TIMELINE_ASKED = "asked"
TIMELINE_UNNAMED = "another host"
TIMELINE_ANSWER = "fits the question"
TIMELINE_UNPROVEN = "fits, not proven"
TIMELINE_OTHER = "does not"
TIMELINE_DOUBTFUL = "record not complete"
TIMELINE_SURE = "The record is complete in all of this time."
TIMELINE_UNSURE = "The record is not complete in all of this time: see the hatched parts."
TIMELINE_OF_PORT = (
    "Each line is an internal host that used {public} in this time. Hosts that the answer does not "
    "name are not named here."
)
TIMELINE_OF_ANSWERS = (
    "The question names no port, so only the connections found are shown; others used the address "
    "before and after."
)
TIMELINE_DASHED = "A dashed bar begins or ends at a time that is not known exactly."
TIMELINE_CUT = "A bar at the edge of the picture goes on beyond it."
REUSED = (
    "The port is used again: within {side} of the asked time {others} used it as well, so that a "
    "clock that is wrong leads to another host."
)
USED_BESIDE = (
    "Within {side} of the asked time {others} used the port: if the clock of whoever reported it "
    "was off, one of them may be meant."
)
HIDDEN = "{count} more are not drawn."

# The record.
RECORD_COMPLETE = "complete at the asked time"
RECORD_INCOMPLETE = "not complete at the asked time"
RECORD_COVERED = "It recorded without interruption from {begin} until {end}."
RECORD_COVERED_IN_PART = "It recorded from {begin} until {end}, but for what is named here."
RECORD_UNCOVERED = "Nothing was recorded without interruption then."
RECORD_NO_GAPS = "Nothing is known to be missing within an hour before and after."
RECORD_GAPS = "Not complete within an hour before and after:"
RECORD_GAP = "{begin} until {end}: {why}"
RECORD_MORE = "and {count} more parts"
OUTSIDE = "The address was not one of this gateway's public addresses, as far as it knew them."
NO_RECORD = "No gateway had a record then."

CLOCK = "Its clock"
CLOCK_GOOD = "was synchronized when last noted before, at {at}{error}"
CLOCK_BAD = "was not synchronized when last noted before, at {at}: its times may be wrong"
CLOCK_UNSAID = "was looked at last at {at}, and did not say whether it was synchronized"
CLOCK_UNNOTED = "is not known: nothing was noted of it before the asked time"
CLOCK_ERROR = ", its error estimated as {estimated} ms and at most {most} ms"
CLOCK_STEPPED = (
    "It was set by {step} s at {at}: times by it from {begin} until {end} prove nothing."
)
CLOCK_WITHOUT_END = "it is set or synchronized again"

# How a question was read.
ASKED_LABELS: Mapping[str, str] = {
    "public": "Public address and port", "at": "Time", "to": "Remote end", "proto": "Protocol",
    "node": "Gateway", "zone": "Conntrack zone", "within": "Widened by",
}  # fmt: skip
PLACE = "Place in the letter"
EXCERPT = "Text"
ALSO = "Also"
NOTE = "Note"
ANY_PORT = "{address}, without a port: any port"
ANY = "any"
REMOTE_AND_PROTOCOL = "Remote end, protocol"
WHOLE_SECOND = "the whole second {begin} ({zone})"
WHOLE_MINUTE = "the whole minute from {begin} ({zone})"
READ_SPAN = "from {begin} to before {end} ({zone})"
READ_UTC = "In UTC"
READ_ZONE = "Time zone"
ZONE_WRITTEN = "as written in the time: {zone}"
ZONE_UTC = "seconds since 1970, which are UTC"
ZONE_OPTION = "none in the time; read as {option}"
ZONE_MACHINE = "none in the time; read as the time zone of the machine that asked: {zone}"
ZONE_AS_WRITTEN = "as the letter writes it"
READ_WITHIN = "{seconds:g} s earlier and later than written"
PORT_OF_SERVICE = "port {port}, whose address the letter does not name: not asked for"

DETAILS: Mapping[str, str] = {
    "called": "Called address", "started": "Began", "ended": "Ended", "duration": "Duration",
    "sent": "Sent by the host", "received": "Received by the host", "idle": "Idle",
    "gateway": "Gateway", "seen by": "Also seen by", "mark": "Mark",
    "holder": "Who had that address",
}  # fmt: skip
HOST = "Internal host"
PUBLIC = "Public address and port"
PUBLIC_SAME = "{public}, the host's own: it was not translated"
REMOTE = {"outward": "Connected to", "inward": "Connected from"}
PROTOCOL = "Protocol"
NOT_SHOWN = "{count} more connections fit and are not shown."
NOT_SHOWN_CUT = "More than {count} more connections fit and are not shown."

ALL_TIMES = "All times are in the time zone {zone} unless another one stands beside them."
MADE = "{at}, with ctaudit {program}, by the database login {login}"
SCHEMA = "The database's schema is version {schema}."

# What a cause of a gap means, by the word in brackets after "gap".
CAUSES: Mapping[str, str] = {
    "not listening": "the gateway's recording was not running",
    "overrun": "more connections began or ended at once than the gateway could take down",
    "clashes": "the gateway's kernel did not announce some UDP connections",
    "nf_conntrack_events = 0": "recording was switched off in the gateway's kernel",
    "not announced": "the gateway's kernel did not announce some connections",
    "end not announced": "the gateway's kernel did not announce the end of some connections",
    "two gateways with one name": "two gateways recorded under one name",
    "filter rules changed": "the rules for what is recorded were being changed",
    "spool full": "there was no room on the gateway's disk",
    "undecodable": "something that the kernel sent could not be understood",
    "segments are gone": "a part of what was recorded was lost before it was stored",
    "damaged segment": "a part of what was recorded was damaged before it was stored",
    "missing": "a part of what was recorded is missing",
}
CAUSE = "that is: {meaning}"
LOST = ", {count} messages about connections lost"

WORDS: Mapping[str, str] = {
    "gateway": (
        "The router between the internal hosts and the outside, which gives them the public "
        "address and keeps the record. It has a name here."
    ),
    "public address and port": (
        "What the outside sees of a connection. A port belongs to one host for the time of a "
        "connection only, and may belong to another one a second later."
    ),
    "internal host": "The device behind the gateway, by its address there. Not a person.",
    "connection": (
        "What the gateway's kernel tracks as one: TCP, or packets of another protocol between "
        "the same ends."
    ),
    "began, ended, duration": (
        "The gateway keeps a connection for some time after its last packet, up to 2 minutes as "
        "a rule (the closing time-out). End and duration include that time, so the last packet "
        "was earlier."
    ),
    "(kernel), (kernel event)": (
        "The time is the kernel's own. Other words in brackets say who else gave the time, and "
        "that it is a bound."
    ),
    "table dump": (
        "A look at all connections that are open, which the gateway takes from time to time."
    ),
    "complete": (
        "The gateway recorded all through the time in question, and nothing is known to be "
        "missing from the record."
    ),
    "gap": (
        "A time in which connections may be missing from the record, with its cause in brackets "
        "and, where that is known, how many of the kernel's messages about connections were lost."
    ),
    "verdict": (
        "One, several and none are said only where the record is complete; where it is not, the "
        "verdict is unknown, whatever was found."
    ),
}
