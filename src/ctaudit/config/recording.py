"""The table of keys, second part: where events go, and how long they stay."""

from __future__ import annotations

from dataclasses import dataclass

from ctaudit.config.key import key, open_key, required_key
from ctaudit.config.readers import DESTINATION, FLAG, TEXT, duration, one_of, whole

OUTPUT = """
    A file or a collector to which `ctaudit forward` writes the events as ulogd2 did, beside the
    database. Each has a section with a name of its own, 1 to 32 of A-Z a-z 0-9 _ - Default: none.
    docs/from-ulogd.md has the keys of the lines."""


@dataclass(frozen=True)
class DatabaseSection:
    """``enabled`` False: nothing is recorded, and the outputs decide what the spool keeps."""

    dsn: str = open_key(
        "", TEXT,
        """The connection string of libpq, such as "host=/var/run/postgresql dbname=ctaudit" or
        "postgresql://host/ctaudit". Do not put a password here, since others may read this file:
        libpq reads it from ~/.pgpass, or from the file that PGPASSFILE names.""",
        without="libpq's own environment (PGHOST, PGDATABASE, PGSERVICE)",
        example="host=/var/run/postgresql dbname=ctaudit",
    )  # fmt: skip
    live_copy: bool = key(
        False, FLAG,
        """Whether the database keeps a copy of what is open. With it the SQL function live() need
        not read all that was recorded since the last table dump. For gateways in mode "live" with
        millions of connections between two dumps. It takes the database about 1 microsecond more
        for each event.""",
    )  # fmt: skip
    enabled: bool = key(
        True, FLAG,
        """Whether there is a database. With false `ctaudit record` does nothing, and the spool
        keeps what an output has not read yet, up to `spool.max_bytes`. It needs an [output.NAME].
        Restart the receiver after a change.""",
    )  # fmt: skip


@dataclass(frozen=True)
class BatchSection:
    events: int = key(
        5000, whole(1, 100_000),
        "The most events in one call of the procedure, which is one transaction.",
    )  # fmt: skip
    wait: float = key(
        "200ms", duration("1ms", "60s"), "The longest an event waits for its batch to fill."
    )


@dataclass(frozen=True)
class JournalSection:
    events: str = key(
        "all", one_of("all", "nat", "new", "none"),
        "Which events have a line in the journal. Whatever it is, all are recorded.",
        words=(
            ('"all"', "all that are received: the default"),
            ('"nat"', "those of connections whose addresses were translated"),
            ('"new"', "openings"),
            ('"none"', "none"),
        ),
    )  # fmt: skip
    rate: int = key(
        10, whole(0, 100_000),
        """The event lines a second in the journal. 0 is none. One more line a second counts the
        others. A line takes about 1.6 kB of the journal: 10 a second are up to 1.4 GB a day, 50
        6.9 GB.""",
    )  # fmt: skip
    burst: int = key(
        200, whole(0, 100_000),
        "The most event lines in one second, after a time in which there were fewer.",
    )  # fmt: skip


@dataclass(frozen=True)
class CanarySection:
    interval: float | None = open_key(
        None, duration("1min", "1d"),
        """How often the recorder sends one UDP packet to port 9 of 127.0.0.1 and looks for it in
        the record. It takes the way of all events, so a canary that is found proves that the way is
        whole. One that is not found before the next is sent is a line in the journal and a warning
        of `ctaudit check`, which names what keeps loopback out of the record: no rule that makes
        the kernel track connections, a notrack rule, a filter, another network namespace. In mode
        "history" it is found when the kernel forgets it, half a minute to two minutes later.""",
        without="never", example="5min",
    )  # fmt: skip


@dataclass(frozen=True)
class RetentionSection:
    days: int = key(
        365, whole(1, 36500),
        "How many days connections are kept. `ctaudit maintain` drops what is older.",
    )  # fmt: skip
    inquiries_days: int = key(
        730, whole(30, 36500),
        """How many days it is on record who asked what. It is personal data, of those who ask and
        of those they ask about. Longer than `days` by default: whoever asked about the last day
        that was kept can be held to account for another year.""",
    )  # fmt: skip


@dataclass(frozen=True)
class OutputSection:
    """Another reader of the spool. ``to``: see config.readers.split_destination."""

    to: str = required_key(
        DESTINATION,
        """Where to: a file, "unix:/SOCKET" or "tcp:HOST:PORT". A file has each line once. A
        collector gets each line at least once: what it may not have read is sent again after a
        broken connection.""",
        example="/var/log/ctaudit/nfct.json",
    )
    form: str = key(
        "json", one_of("json", "log"),
        "The form of the lines.",
        words=(
            ('"json"', "ulogd2's keys, one object a line"),
            ('"log"', "the line of ulogd2's LOGEMU"),
        ),
    )  # fmt: skip
    events: str = key(
        "all", one_of("all", "nat", "new", "destroy"),
        "Which events have a line. There are only those that `mode` records.",
        words=(
            ('"all"', "all of them"),
            ('"nat"', "those of translated connections"),
            ('"new"', "openings"),
            ('"destroy"', "ends"),
        ),
    )  # fmt: skip
    sync: bool = key(
        False, FLAG,
        """Whether what was read is on the disk before the next is read. With false it is there
        within a second. Of a file alone.""",
    )  # fmt: skip
