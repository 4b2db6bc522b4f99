"""ctaudit.traffic against a model, which knows what each connection carried at each moment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import DST_NAT, SEEN, SRC_NAT, Gateway, ended, opened, tuples

EXAMPLES = int(os.environ.get("CTAUDIT_TRAFFIC", "30"))
BASE = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
HOUR = 3600
TO_MIDNIGHT = 24 - BASE.hour  # hours
OFFLOADED = 1 << 14


@dataclass(frozen=True)
class Life:
    """A connection of the model: when it began and ended, and (second, packets, bytes) carried.

    ``stop`` None: still open.
    """

    number: int
    start: int
    stop: int | None
    carried: tuple[tuple[int, int, int], ...]

    def counted(self, at: float) -> tuple[int, int]:
        """Packets and bytes until then."""
        before = [item for item in self.carried if item[0] <= at]
        return sum(item[1] for item in before), sum(item[2] for item in before)

    def is_alive(self, at: float) -> bool:
        return self.start <= at and (self.stop is None or at < self.stop)

    @property
    def host(self) -> str:
        return f"192.168.1.{self.number % 3 + 1}"

    def event(self, at: float) -> dict[str, Any]:
        """Its tuple and counters then, two thirds of them of the reply."""
        packets, octets = self.counted(at)
        port = 1000 + self.number
        return {
            **tuples(f"{self.host} {port} > 19.1.16.7 443", f"19.1.16.7 443 > 1.2.3.4 {port}"),
            "proto": 6, "ct_id": 70 + self.number, "status": SRC_NAT | SEEN,
            "orig_packets": packets // 3, "reply_packets": packets - packets // 3,
            "orig_bytes": octets // 3, "reply_bytes": octets - octets // 3,
        }  # fmt: skip


@dataclass(frozen=True)
class Past:
    """Connections, the seconds at which dumps were made, and whether the kernel stamps starts."""

    lives: tuple[Life, ...]
    dumps: tuple[int, ...]
    is_timed: bool
    until: int

    def known_until(self, life: Life) -> int | None:
        """The last second at which its counters are known; None: at no time."""
        if life.stop is not None:
            return life.stop
        return max((dump for dump in self.dumps if life.is_alive(dump)), default=None)


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    until = draw(st.integers(2, 7200))
    moments = st.integers(1, until)
    lives = []
    for number in range(draw(st.integers(1, 5))):
        start = draw(moments)
        stop = draw(st.none() | st.integers(start, until))
        carried = draw(
            st.lists(
                st.tuples(
                    st.integers(start, until if stop is None else stop),
                    st.integers(0, 10**5),
                    st.integers(0, 10**11),
                ),
                max_size=8,
            )
        )
        lives.append(Life(number, start, stop, tuple(sorted(carried))))
    dumps = sorted(draw(st.sets(moments, max_size=8)))
    return Past(tuple(lives), tuple(dumps), draw(st.booleans()), until)


def second(number: float) -> datetime:
    return BASE + timedelta(seconds=number)


def record(dsn: str, past: Past, node: str = "gw1") -> None:
    gateway = Gateway(dsn, node)
    detail = {"mode": "live", "timestamp": "1" if past.is_timed else "0"}
    gateway.note("start", second(-10), detail)
    gateway.dump(second(-9))
    todo: list[tuple[float, int, Any]] = []
    for life in past.lives:
        todo.append((life.start, 0, opened(life.event(life.start), second(life.start))))
        if life.stop is not None:
            end = ended(life.event(life.stop), second(life.start), second(life.stop))
            if not past.is_timed:
                end |= {"start_sent": None, "stop_sent": None, "event_at": second(life.stop)}
            todo.append((life.stop, 2, end))
    todo += [(dump, 1, None) for dump in past.dumps]
    for at, _, event in sorted(todo, key=lambda item: item[:2]):
        if event is not None:
            gateway.record([event], second(at))
            continue
        # Half a second later, so that what was sent in that second has been read.
        gateway.dump(second(at + 0.5), [
            life.event(at) | ({"start_sent": second(life.start)} if past.is_timed else {})
            for life in past.lives if life.is_alive(at)
        ])  # fmt: skip
    gateway.record([], second(past.until + 60))
    gateway.close()


@pytest.fixture(scope="module")
def owner_dsn(cluster: Cluster) -> str:
    cluster.create_database("traffic")
    dsn = cluster.dsn("traffic")
    schema.install(dsn)
    return dsn


@pytest.fixture
def empty(owner_dsn: str) -> str:
    forget(owner_dsn)
    return owner_dsn


def forget(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE ctaudit.node CASCADE")
        connection.execute("TRUNCATE ctaudit.opening_row, ctaudit.flow_row, ctaudit.dump_entry_row")


def traffic(dsn: str, begin: float, until: float, bucket: float, **more: Any) -> list[Any]:
    values = {"from": second(begin), "until": second(until), "bucket": timedelta(seconds=bucket)}
    names = "".join(f", p_{name} => %({name})s" for name in more)
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(
            f"SELECT * FROM ctaudit.traffic(%(from)s, %(until)s, %(bucket)s{names})".encode(),
            values | more,
        ).fetchall()


def summed(rows: Sequence[Any], key: str) -> int:
    return sum(row[key] or 0 for row in rows)


@settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(past=pasts(), bucket=st.integers(1, 3000), by=st.sampled_from(["total", "host"]))
def test_against_the_model(owner_dsn: str, past: Past, bucket: int, by: str) -> None:
    """All that is known adds up to the byte, and each bucket is as near as it says."""
    forget(owner_dsn)
    record(owner_dsn, past)
    rows = traffic(owner_dsn, -60, past.until + 60, bucket, by=by)
    known = {life: past.known_until(life) for life in past.lives}
    for place, name in enumerate(("packets", "bytes")):
        assert summed(rows, name) == sum(
            life.counted(at)[place] for life, at in known.items() if at is not None
        )
    assert summed(rows, "began") == len(past.lives)
    found = {(row["bucket_from"], row["address"] and str(row["address"])): row for row in rows}
    assert len(found) == len(rows)
    for begin in range(-60, past.until + 60, bucket):
        end = min(begin + bucket, past.until + 60)
        for host in {None} if by == "total" else {life.host for life in past.lives}:
            mine = [life for life in past.lives if host in (None, life.host)]
            check_bucket(found.pop((second(begin), host), None), mine, known, begin, end)
    assert not found


def check_bucket(
    row: Any, lives: Sequence[Life], known: dict[Life, int | None], begin: int, end: int
) -> None:
    alive = [
        life for life in lives
        if life.start < end
        and (life.start >= begin if life.start == life.stop
             else life.stop is None or life.stop > begin)
    ]  # fmt: skip
    if row is None:
        assert not alive
        return
    assert row["connections"] == len(alive)
    assert row["began"] == sum(begin <= life.start < end for life in lives)
    unsure = [life for life in alive if life.stop is None and (known[life] or -1) < end]
    assert row["uncounted"] == len(unsure)
    for place, name in enumerate(("packets", "bytes")):
        true = sum(
            item[1 + place]
            for life in lives
            for item in life.carried
            if begin <= item[0] < end and item[0] <= (known[life] or -1)
        )
        # What is carried in a second that is an edge lies on either side of it.
        edge = sum(
            item[1 + place] for life in lives for item in life.carried
            if item[0] in (begin, end) and item[0] <= (known[life] or -1)
        )  # fmt: skip
        assert abs((row[name] or 0) - true) <= row[f"{name}_error"] + edge
        assert (row[name] or 0) - row[f"interpolated_{name}"] <= true + edge


def test_a_part_of_the_span(empty: str) -> None:
    """Three days of an even conversation, dumped every hour: each hour is asked for by itself."""
    life = Life(0, 600, None, tuple((at, 10, 1000) for at in range(600, 72 * HOUR, 60)))
    dumps = tuple(range(HOUR, 72 * HOUR, HOUR))
    record(empty, Past((life,), dumps, is_timed=True, until=72 * HOUR - 120))
    (row,) = traffic(empty, 30 * HOUR, 31 * HOUR, HOUR, by="host")
    assert (str(row["address"]), row["node"], row["rank"]) == ("192.168.1.1", "gw1", 1)
    assert (row["connections"], row["began"], row["uncounted"]) == (1, 0, 0)
    assert abs(row["bytes"] - 60_000) <= 1000
    rows = traffic(empty, 0, 72 * HOUR - 60, HOUR)
    assert len(rows) == 72
    assert summed(rows, "bytes") == life.counted(71 * HOUR)[1]
    assert [row["uncounted"] for row in rows] == [0] * 71 + [1], "nobody knows of the last hour"
    assert rows[-1]["bytes"] == 0 or rows[-1]["bytes"] < 1000


def test_a_start_that_is_not_known(empty: str) -> None:
    """What had flowed before it was first seen is counted then, and marked as interpolated."""
    gateway = Gateway(empty, "gw1")
    life = Life(0, 0, None, ((0, 9, 900), (400, 1, 100)))
    gateway.note("start", second(90), {"mode": "live", "timestamp": "0"})
    gateway.dump(second(100), [life.event(100)])
    gateway.dump(second(500), [life.event(500)])
    gateway.record([], second(600))
    gateway.close()
    rows = traffic(empty, 0, 600, 200)
    assert [(row["bytes"], row["interpolated_bytes"], row["bytes_error"]) for row in rows] == [
        (925, 925, 975), (50, 50, 50), (25, 25, 75),
    ]  # fmt: skip


@pytest.mark.parametrize("is_shown", [True, False])
@pytest.mark.parametrize("has_opening", [True, False])
def test_a_start_that_one_of_two_rows_lacks(empty: str, has_opening: bool, is_shown: bool) -> None:
    """``is_shown``: the dump has it and the end has not; one connection either way.

    The tuple's next connection, with the same id, is another.
    """
    gateway = Gateway(empty, "gw1")
    gateway.note("start", second(-10), {"mode": "live", "timestamp": "1"})
    first, later = Life(0, 100, 400, ((150, 3, 300), (350, 3, 300))), Life(0, 410, 450, ())
    if has_opening:
        gateway.record([opened(first.event(100), second(100))], second(110))
    gateway.dump(second(200), [
        first.event(200) | ({"start_sent": second(100)} if is_shown else {})
    ])  # fmt: skip
    gone = ended(first.event(400), second(100), second(400))
    if is_shown:
        gone |= {"start_sent": None, "stop_sent": None, "event_at": second(400)}
    gateway.record([gone, opened(later.event(410), second(410)),
                    ended(later.event(450), second(410), second(450))], second(500))  # fmt: skip
    gateway.dump(second(600))
    gateway.record([], second(700))
    gateway.close()
    rows = traffic(empty, 0, 600, 200)
    assert [row["connections"] for row in rows] == [1, 1, 1]
    assert [row["began"] for row in rows] == [1, 0, 1]
    assert [row["bytes"] for row in rows] == [300, 300, 0]
    assert summed(rows, "uncounted") == 0


def test_without_any_dump(empty: str) -> None:
    gateway = Gateway(empty, "gw1")
    gateway.note("start", second(-10), {"mode": "live", "timestamp": "1"})
    still, over = Life(0, 10, None, ()), Life(1, 20, 120, ((100, 1, 1000),))
    gateway.record([opened(life.event(life.start), second(life.start)) for life in (still, over)],
                   second(50))  # fmt: skip
    gateway.record([ended(over.event(120), second(20), second(120))], second(200))
    gateway.close()
    rows = traffic(empty, 0, 180, 60)
    assert [(row["connections"], row["began"], row["uncounted"]) for row in rows] == [
        (2, 2, 1), (2, 0, 1), (1, 0, 1),
    ]  # fmt: skip
    assert [row["bytes"] for row in rows] == [400, 600, None]


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ([900, 1200], [(900, 0), (300, 0)]),
        ([None, 1200], [(800, 0), (400, 0)]),
        ([900, None], [(900, 0), (None, 1)]),
        ([None, None], [(None, 1), (None, 1)]),
        # Set to zero in between: the most that was shown, and more may have flowed.
        ([900, 100], [(900, 1), (0, 1)]),
    ],
)
def test_counters_that_lack(
    empty: str, counts: Sequence[int | None], found: Sequence[tuple[int | None, int]]
) -> None:
    record_counted(empty, counts, SRC_NAT | SEEN)
    rows = traffic(empty, 0, 400, 200)
    assert [(row["bytes"], row["uncounted"]) for row in rows] == found


def test_offloaded(empty: str) -> None:
    record_counted(empty, [900, 1200], SRC_NAT | SEEN | OFFLOADED)
    rows = traffic(empty, 0, 400, 200)
    assert [(row["bytes"], row["packets"], row["uncounted"]) for row in rows] == [
        (None, None, 1), (None, None, 1),
    ]  # fmt: skip


def record_counted(dsn: str, counts: Sequence[int | None], status: int) -> None:
    """A connection of 100 s before and after the dump at 200; its bytes in the dump and the end."""
    gateway = Gateway(dsn, "gw1")
    gateway.note("start", second(-10), {"mode": "live", "timestamp": "1"})
    gateway.dump(second(-9))
    base = {**Life(0, 50, None, ()).event(50), "status": status}
    shown, last = (
        {**base, "orig_bytes": count, "reply_bytes": count and 0,
         "orig_packets": count and 1, "reply_packets": count and 0}
        for count in counts
    )  # fmt: skip
    gateway.record([opened(base, second(50))], second(60))
    gateway.dump(second(200), [{**shown, "start_sent": second(50)}])
    gateway.record([ended(last, second(50), second(275))], second(600))
    gateway.close()


def test_parties(empty: str) -> None:
    """Hosts, remotes and services are named as who and flows name them; the rest is summed."""
    gateway = Gateway(empty, "gw1")
    gateway.note("start", second(-10), {"mode": "live", "timestamp": "1"})
    gateway.dump(second(-9))
    counts = {"orig_packets": 1, "reply_packets": 1, "reply_bytes": 0}
    outward = {
        **tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500"),
        **counts, "orig_bytes": 100, "proto": 6, "ct_id": 1, "status": SRC_NAT | SEEN,
    }  # fmt: skip
    inward = {
        **tuples("61.174.51.209 6000 > 1.2.3.4 8443", "192.168.1.130 443 > 61.174.51.209 6000"),
        **counts, "orig_bytes": 10, "proto": 6, "ct_id": 2, "status": DST_NAT | SEEN,
    }  # fmt: skip
    untranslated = {
        **tuples("192.168.1.131 5000 > 19.1.16.7 53", "19.1.16.7 53 > 192.168.1.131 5000"),
        **counts, "orig_bytes": 1, "proto": 17, "ct_id": 3, "status": SEEN,
    }  # fmt: skip
    gateway.record(
        [ended(each, second(1), second(2)) for each in (outward, inward, untranslated)],
        second(600),
    )
    gateway.close()

    def told(**more: Any) -> list[tuple[Any, ...]]:
        return [
            (row["rank"], row["address"] and str(row["address"]), row["proto"], row["port"],
             row["bytes"])
            for row in traffic(empty, 0, 60, 60, **more)
        ]  # fmt: skip

    assert told(by="host") == [
        (1, "192.168.1.129", None, None, 100),
        (2, "192.168.1.130", None, None, 10),
        (3, "192.168.1.131", None, None, 1),
    ]
    assert told(by="host", top=1) == [
        (1, "192.168.1.129", None, None, 100),
        (None, None, None, None, 11),
    ]
    assert told(by="remote") == [
        (1, "19.1.16.7", None, None, 101),
        (2, "61.174.51.209", None, None, 10),
    ]
    assert told(by="service") == [(1, None, 6, 443, 110), (2, None, 17, 53, 1)]
    assert told(host="192.168.1.128/30") == [(1, None, None, None, 111)]
    assert told(host="192.168.1.130") == [(1, None, None, None, 10)]
    assert told(by="host", remote="61.0.0.0/8") == [(1, "192.168.1.130", None, None, 10)]


def test_two_gateways(empty: str) -> None:
    """Equal addresses behind two gateways are two hosts; in all they are added."""
    for node in ("gw1", "gw2"):
        life = Life(0, 10, 20, ((15, 1, 500),))
        record(empty, Past((life,), (), is_timed=True, until=30), node)
    assert [(row["node"], row["bytes"]) for row in traffic(empty, 0, 60, 60, by="host")] == [
        ("gw1", 500), ("gw2", 500),
    ]  # fmt: skip
    assert [row["bytes"] for row in traffic(empty, 0, 60, 60)] == [1000]
    assert [row["bytes"] for row in traffic(empty, 0, 60, 60, node="gw2")] == [500]


@pytest.mark.parametrize(
    ("begin", "until", "bucket", "by", "sentence"),
    [
        (0, 10 * HOUR, "1 s", "total", r"are 36000: at most 10000 can be asked for; take longer"),
        (0, 10, "0", "total", r"a bucket of 00:00:00: must be a second or more"),
        (0, 10, "1 month", "total", "since months are not equally long"),
        (0, 0, "1 s", "total", "must be a span that has begun"),
        (200 * HOUR, 300 * HOUR, "1 h", "total", "must be a span that has begun"),
        (0, 10, "1 s", "port", "by port: must be total, host, remote or service"),
    ],
)
def test_refused(
    owner_dsn: str, begin: float, until: float, bucket: str, by: str, sentence: str
) -> None:
    with psycopg.connect(owner_dsn) as connection, pytest.raises(psycopg.Error, match=sentence):
        connection.execute(
            "SELECT * FROM ctaudit.traffic(%s, %s, %s::interval, %s)",
            (second(begin), second(until), bucket, by),
        )


def sum_days(dsn: str) -> list[int | None]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT ctaudit.sum_day('gw1', d::date) FROM generate_series("
            "%s::date, current_date, '1 day') AS d ORDER BY d",
            (BASE.date(),),
        ).fetchall()
    return [row[0] for row in found]


@st.composite
def long_pasts(draw: st.DrawFn) -> Past:
    """Over two days, with dumps now and then, and one in each two days."""
    until = 60 * HOUR
    moments = st.integers(1, until)
    lives = []
    for number in range(draw(st.integers(1, 5))):
        start = draw(moments)
        stop = draw(st.none() | st.integers(start, until))
        last = until if stop is None else stop
        carried = draw(
            st.lists(
                st.tuples(st.integers(start, last), st.integers(0, 10**5), st.integers(0, 10**9)),
                max_size=8,
            )
        )
        lives.append(Life(number, start, stop, tuple(sorted(carried))))
    dumps = draw(st.sets(moments, max_size=12)) | {20 * HOUR, 58 * HOUR}
    return Past(tuple(lives), tuple(sorted(dumps)), draw(st.booleans()), until)


def test_what_the_first_dump_shows_does_not_begin_there(owner_dsn: str) -> None:
    """Its opening is older than what is read of a stream without time stamps and dumps."""
    forget(owner_dsn)
    record(owner_dsn, Past((Life(0, 1, None, ()),), (58 * HOUR,), is_timed=False, until=60 * HOUR))
    late = traffic(owner_dsn, 57 * HOUR, 59 * HOUR, HOUR)
    assert [(row["began"], row["connections"]) for row in late if row["connections"]] == [(0, 1)]
    assert sum(row["began"] for row in traffic(owner_dsn, 0, 60 * HOUR, HOUR)) == 1


@settings(max_examples=max(EXAMPLES // 4, 10), deadline=None)
@given(
    past=long_pasts(),
    first=st.sampled_from([0, 7, TO_MIDNIGHT]),
    hours=st.sampled_from([1, 5, 24, 36]),
)
def test_kept_hours_are_what_is_counted(owner_dsn: str, past: Past, first: int, hours: int) -> None:
    forget(owner_dsn)
    record(owner_dsn, past)
    asked = [
        (first * HOUR, 60 * HOUR + 60, hours * HOUR, by) for by in ("total", "host")
    ]  # fmt: skip
    counted = [traffic(owner_dsn, *span, by=by) for *span, by in asked]
    kept = sum_days(owner_dsn)
    assert kept[-1] is None, "today is not over"
    assert kept[1] is not None
    assert kept == sum_days(owner_dsn)
    with psycopg.connect(owner_dsn) as connection:
        # What is kept does not need the rows of that day any more.
        connection.execute(
            "DELETE FROM ctaudit.flow_row WHERE received_at < %s AND ended_at < %s",
            (second(0).date() + timedelta(days=2), second(0).date() + timedelta(days=2)),
        )
    for before, (*span, by) in zip(counted, asked, strict=True):
        after = traffic(owner_dsn, *span, by=by)
        for row, other in zip(before, after, strict=True):
            for key in row:
                if key.startswith("interpolated") or key.endswith("error"):
                    assert row[key] <= other[key]
                else:
                    assert row[key] == other[key], key


@settings(max_examples=max(EXAMPLES // 8, 5), deadline=None)
@given(past=long_pasts(), first=st.sampled_from([0.5, 7.75]), hours=st.sampled_from([6, 25.5]))
def test_kept_hours_in_buckets_of_a_zone_with_half_hours(
    owner_dsn: str, past: Past, first: float, hours: float
) -> None:
    forget(owner_dsn)
    record(owner_dsn, past)
    asked = [(first * HOUR, 60 * HOUR, hours * HOUR, by) for by in ("total", "host")]
    counted = [traffic(owner_dsn, *span, by=by) for *span, by in asked]
    sum_days(owner_dsn)
    for before, (*span, by) in zip(counted, asked, strict=True):
        after = traffic(owner_dsn, *span, by=by)
        for row, other in zip(before, after, strict=True):
            for key in ("bytes", "packets", "connections", "began", "uncounted"):
                assert row[key] == other[key], key


def test_only_the_edges_of_such_buckets_are_counted(empty: str) -> None:
    life = Life(
        0, TO_MIDNIGHT * HOUR + 100, TO_MIDNIGHT * HOUR + 200, ((TO_MIDNIGHT * HOUR + 150, 7, 700),)
    )
    record(empty, Past((life,), (58 * HOUR,), is_timed=True, until=60 * HOUR + 60))
    sum_days(empty)
    with psycopg.connect(empty) as connection:
        connection.execute("DELETE FROM ctaudit.flow_row")
    day = traffic(empty, (TO_MIDNIGHT - 5.5) * HOUR, (TO_MIDNIGHT + 18.5) * HOUR, 24 * HOUR)
    assert [row["bytes"] for row in day] == [700]


def test_a_dump_of_a_clock_that_was_ahead(empty: str) -> None:
    """It is older than it says: it hides neither connections nor dumps that came after the step."""
    ahead = timedelta(days=2000)
    gateway = Gateway(empty, "gw1")
    gateway.listen(second(0))
    gateway.note("clock", second(5), {"synchronised": True})
    stop = 4 * HOUR - 100
    long = Life(0, 10, stop, ((20, 3, 300), (3 * HOUR + 900, 3, 3000)))
    gateway.record([opened(long.event(10), second(10))], second(30))
    started = {"start_sent": second(10)}
    gateway.note("clock", second(60) + ahead, {"step_seconds": ahead.total_seconds()})
    gateway.dump(second(90) + ahead, [long.event(90) | started])
    step = {"step_seconds": -ahead.total_seconds(), "synchronised": True}
    gateway.note("clock", second(120), step)
    for hour in (1, 2, 3):
        gateway.dump(second(hour * HOUR + 1), [long.event(hour * HOUR) | started])
    late = Life(1, 3 * HOUR + 900, None, ()).event(0)
    gateway.record([opened(late, second(3 * HOUR + 900))], second(3 * HOUR + 901))
    gateway.record([ended(long.event(stop), second(10), second(stop))], second(5 * HOUR))
    gateway.close()
    rows = traffic(empty, 0, 5 * HOUR, HOUR)
    assert [row["connections"] for row in rows] == [1, 1, 1, 2, 1]
    assert [row["bytes"] for row in rows][2:4] == [0, 3000]


def test_what_comes_after_a_day_was_summed(empty: str) -> None:
    """The spool of an earlier machine of that name is recorded when the days are summed."""
    at = second(TO_MIDNIGHT * HOUR)
    earlier = Gateway(empty, "gw1")
    earlier.note("start", second(-30), {"mode": "live", "timestamp": 1})
    record(empty, Past((), (58 * HOUR,), is_timed=True, until=60 * HOUR + 60))
    sum_days(empty)
    life = Life(0, 100, TO_MIDNIGHT * HOUR + 200, ((150, 7, 700), (TO_MIDNIGHT * HOUR, 3, 300)))
    event = ended(life.event(TO_MIDNIGHT * HOUR + 200), second(100), at)
    earlier.record([event], at)
    earlier.close()
    span = (TO_MIDNIGHT - 24) * HOUR, (TO_MIDNIGHT + 24) * HOUR, 24 * HOUR
    due = "SELECT FROM ctaudit.due_steps(30) WHERE step = 'sum' AND day = %s"
    with psycopg.connect(empty, autocommit=True) as owner:
        assert summed(traffic(empty, *span), "bytes") == 1000
        assert owner.execute(due, (at.date(),)).fetchall() == [()]
        sum_days(empty)
        assert summed(traffic(empty, *span), "bytes") == 1000
        assert owner.execute(due, (at.date(),)).fetchall() == []


def test_a_day_on_which_the_clock_is_changed(empty: str) -> None:
    """In a session with a time zone too a bucket ends where the next one begins."""
    begin = datetime(2025, 10, 25, 22, tzinfo=UTC)
    gateway = Gateway(empty, "gw1")
    gateway.listen(begin)
    connection = Life(0, 0, None, ()).event(0)
    gateway.record([opened(connection, begin)], begin + timedelta(days=3))
    gateway.dump(begin + timedelta(days=3), [connection | {"start_sent": begin}])
    gateway.close()
    with psycopg.connect(empty) as session:
        session.execute("SET TimeZone = 'Europe/Berlin'")
        rows = session.execute(
            "SELECT bucket_from, bucket_until FROM ctaudit.traffic(%s, %s, '1 day')",
            (begin, begin + timedelta(days=2)),
        ).fetchall()
    assert rows[0][1] == rows[1][0] == begin + timedelta(days=1)


def test_a_connection_of_days_is_one_in_each(empty: str) -> None:
    """Where a day begins with a bucket, its kept row says how many were alive in it."""
    life = Life(0, 1, None, ((30 * HOUR, 1, 1000),))
    record(empty, Past((life,), (29 * HOUR, 58 * HOUR), is_timed=True, until=60 * HOUR))
    assert sum_days(empty)[1] == 24 * 2 + 2
    first = TO_MIDNIGHT * HOUR
    for by in ("total", "host"):
        rows = traffic(empty, first, first + 48 * HOUR, 24 * HOUR, by=by)
        assert (rows[0]["connections"], rows[0]["began"]) == (1, 0)
        assert rows[0]["bytes"] + rows[1]["bytes"] <= 1000
