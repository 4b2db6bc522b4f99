"""The words of the page Traffic."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from ctaudit.picture.columns import Keys

TITLE = "Traffic"
NOT_UNDERSTOOD = "Not understood"
INTRODUCTION = (
    "What flowed through the gateways, when and by whom, and how long connections lasted. Each "
    "question is put on record, with the case and the reason that are given here."
)
BY: Mapping[str, str] = {
    "total": "all together",
    "host": "by internal host",
    "remote": "by remote end",
    "service": "by service",
    "durations": "how long connections lasted",
}
BUCKETS_MAX = 400
TOP_MAX = 50
TOO_MANY_BUCKETS = (
    "--bucket {bucket!r}: makes {count} columns of this span, and a page draws at most "
    f"{BUCKETS_MAX}; give a longer bucket or a shorter span, or ask: ctaudit traffic"
)
TOO_MANY_PARTIES = (
    "--top {top}: a page draws at most "
    f"{TOP_MAX} of them; give a smaller number, or ask: ctaudit traffic"
)
NO_NUMBER = "--top {top!r}: not a whole number"
UNKNOWN_BY = "--by {by!r}: must be {words}"
LEFT_OUT = (
    "Connections of that time without a stored remote end (privacy.remote = false): {count:,}. "
    "They are not counted here, and any of them may be of the network that was asked for."
)
BROAD = "This asked for {breadth} without {unsaid}, and is so on record."
HINTS: Mapping[str, str] = {
    "from": "2026-02-22 11:00, in local time, or with an offset; else a day ago",
    "until": "as From; else now",
    "bucket": "20s, 5min, 1h or 7d; else about 48 in all",
    "top": "the others are one row; else 10",
    "node": "its name; else all",
    "host": "192.168.1.129 or 192.168.1.0/24",
    "remote": "19.1.16.7 or 19.1.16.0/24",
}
TOO_LONG = (
    "No answer within {seconds:g} s: ask for a shorter span, for one host or one gateway, or on "
    "the command line, which waits: ctaudit traffic"
)

LABELS = SimpleNamespace(
    begin="From", until="Until", bucket="Length of a column", by="Show", top="Rows at most",
    node="Gateway", host="Internal host or network", remote="Remote end or network",
    case="Case", reason="Reason",
    ask="Ask", again="Ask again", json="as JSON", numbers="Each column in numbers",
    parties="In the whole time", number="Inquiry",
    party="Party", bytes="Bytes", packets="Packets", connections="Connections",
    began="Of these began", error="Off by at most", uncounted="Not all counted",
    time="From", uncovered="Where the record is not complete",
    protocol="Protocol", shortest="From", longest="To",
    timeouts="The kernel's time-outs, by default",
)  # fmt: skip

NOTHING = "No traffic is recorded in this time."
NO_ENDS = "No connection that ended in this time is recorded."
IN_ALL = "In all {bytes} in {connections}."
IN_ALL_LEAST = "In all at least {bytes} in {connections}; of some it is not known, or not all."
IN_ALL_UNKNOWN = (
    "{connections}; of none it is known how much it carried: the kernel did not count "
    "(nf_conntrack_acct = 0), or the connections were offloaded."
)
TOP = "The {count} with the most bytes have a row each, all others one together."
FULL_HEIGHT = "The full height of each row is {amount}."
INTERPOLATED = (
    "What a long connection carried is spread over the time between two moments at which its "
    "counters are known; what lies over the edge of a column is interpolated, and hatched."
)
BLANK = (
    "A dashed column with a question mark is left blank: connections were open, and nothing "
    "counted what they carried. It is not zero."
)
LEAST = "An arrow says: at least this, since not all connections of the column were counted."
UNCOVERED = "Where the record is not complete, connections may be missing from the picture."
UNCOVERED_TOO_LONG = (
    "Where the record is not complete could not be told within {seconds:g} s; the page Record has "
    "the gaps of this time."
)
COMPLETE = "The record is complete in all of this time."
NUMBERS_MAX = 1000
NUMBERS_MORE = "The first {count:,} of {all:,} are listed; JSON has all of them."
UNCOVERED_MORE = "and {count} more parts"
KEYS = Keys(
    known="counted",
    interpolated="interpolated",
    unknown="not counted",
    least="\u2303 at least this",
    uncovered="record not complete",
)
PICTURE: Mapping[str, str] = {
    "total": "Bytes and connections",
    "host": "Bytes by internal host",
    "remote": "Bytes by remote end",
    "service": "Bytes by service",
}
PICTURE_TITLE = "{what} from {begin} until {end}"
BYTES, CONNECTIONS = "bytes", "connections"
OTHERS = "all others"

DURATIONS_TITLE = "How long the connections had lasted that ended from {begin} until {end}"
DURATIONS_AXIS = "until the kernel's entry expired, on a logarithmic scale"
DURATIONS_NOTE = (
    "A connection lasts until the kernel's entry expires, so its duration includes the protocol's "
    "closing time-out: a TCP connection that was closed in good order lasts as long as its "
    "TIME_WAIT, which a gateway can set to another time. The dashed lines are the kernel's "
    "time-outs as they are by default; what a gateway has set (sysctl net.netfilter, "
    "nf_conntrack_*_timeout) is not in the record."
)
DURATIONS_UNKNOWN = "{count} without a known start or end"
PROTOCOLS_MAX = 8
PROTOCOLS_CUT = "{count} more protocols are not drawn."
