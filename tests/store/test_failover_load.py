"""The primary fails under 5,000 events a second, and its standby takes over: real replication.

Who decides that (Patroni in molecule/ha) is the test here.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit.database import impatient, schema
from ctaudit.spool.order import list_paths
from ctaudit.spool.segment import opened_segment
from lab.cluster import Cluster, private_cluster
from lab.standby import hot_standby
from lab.waiting import wait_until
from tests.store.gateway import let_record
from tests.store.spooled import Spooled

# A minute: make torture runs it; tests/store/test_failover.py has the same steps without load.
pytestmark = pytest.mark.torture

NODE = "gw1"
RATE = 5_000
_FRAMES = 50  # a second
_FRAMES_A_SEGMENT = 8
_KILLED = pytest.mark.parametrize(
    "fail", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"]
)
_SYNCHRONOUS = "SELECT FROM pg_stat_replication WHERE sync_state = 'sync'"
_COMMITTED = "SELECT coalesce(max(position), 0) FROM ctaudit.stream"


@dataclass
class Pair:
    """A primary, its standby, and a recorder that knows both."""

    primary: Cluster
    standby: Cluster
    spooled: Spooled
    written: list[int] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        hosts = f"{self.primary.socket_directory},{self.standby.socket_directory}"
        return f"host={hosts} dbname=ctaudit user=rex connect_timeout=1"

    def write(self, seconds: float) -> None:
        """So many events a second, all of them different."""
        began = time.monotonic()
        count = RATE // _FRAMES
        for frame in range(int(seconds * _FRAMES)):
            first = len(self.written)
            ids = range(first, first + count)
            self.spooled.write(*ids)
            self.written += ids
            if frame % _FRAMES_A_SEGMENT == 0:
                self.spooled.roll()
            time.sleep(max(0.0, began + frame / _FRAMES - time.monotonic()))

    def fail(self, number: signal.Signals) -> None:
        """All of the primary's processes at once, as when its machine is off or frozen."""
        postmaster = self.primary.pid
        assert postmaster is not None
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def promote(self) -> None:
        ask(self.standby, "SELECT pg_promote()")

    def stored(self) -> Counter[int]:
        return Counter(row[0] for row in ask(self.standby, "SELECT ct_id FROM ctaudit.opening"))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """A recorder beside the body; afterwards until all is recorded."""
        is_over = False
        with ThreadPoolExecutor(1) as pool:
            recorder = pool.submit(self.spooled.record, self.dsn, lambda: is_over)
            try:
                yield
            finally:
                is_over = True
            recorder.result()

    def wait_until_recorded(self, of: Cluster) -> None:
        end = 0
        for path in list_paths(self.spooled.config.spool.directory):
            with opened_segment(path, writable=False) as segment:
                end = segment.base + segment.end
        wait_until(lambda: ask(of, _COMMITTED) == [(end,)], patience=60, pause=0.1)


def ask(cluster: Cluster, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg.connect(cluster.dsn(), autocommit=True)) as connection:
        return connection.execute(statement.encode()).fetchall()


def change(cluster: Cluster, setting: str, value: str) -> None:
    with closing(psycopg.connect(cluster.dsn(), autocommit=True)) as connection:
        connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'".encode())
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with private_cluster(settings={"fsync": "off"}) as primary:
        primary.create_database("ctaudit")
        schema.install(primary.dsn())
        with closing(psycopg.connect(primary.dsn(), autocommit=True)) as owner:
            owner.execute("CREATE ROLE rex LOGIN IN ROLE ctaudit_recorder")
        let_record(primary.dsn(user="rex"), NODE)
        with hot_standby(primary) as standby:
            made = Pair(primary, standby, Spooled(tmp_path, NODE))
            try:
                yield made
            finally:
                made.fail(signal.SIGKILL) if primary.pid else None


@_KILLED
def test_synchronous(pair: Pair, fail: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost and nothing is there twice, whichever side of a commit it failed on."""
    monkeypatch.setattr(impatient, "LONGEST_SILENCE", 2.0)
    change(pair.primary, "synchronous_standby_names", "*")
    wait_until(lambda: bool(ask(pair.primary, _SYNCHRONOUS)))
    with pair.spooled.receiving(), pair.recording():
        pair.write(3)
        before = ask(pair.primary, _COMMITTED)
        assert before > [(0,)]
        pair.fail(fail)
        failed = time.monotonic()
        pair.write(1)
        pair.promote()
        promoted = ask(pair.standby, _COMMITTED)
        assert promoted >= before
        wait_until(lambda: ask(pair.standby, _COMMITTED) > promoted, patience=60)
        print(f"recording continues {time.monotonic() - failed:.1f} s after the failure")
        pair.write(2)
        pair.wait_until_recorded(pair.standby)
    assert pair.stored() == Counter(pair.written)
    assert ask(pair.standby, "SELECT FROM ctaudit.gap WHERE cause <> 'not listening'") == []


def fall_behind(pair: Pair) -> None:
    """The standby gets nothing more, and the primary goes on without it."""
    change(pair.standby, "primary_conninfo", "")
    wait_until(lambda: not ask(pair.primary, "SELECT FROM pg_stat_replication"))
    [(position,)] = ask(pair.standby, _COMMITTED)
    pair.write(3)
    pair.wait_until_recorded(pair.primary)
    assert ask(pair.primary, _COMMITTED) > [(position + 100_000,)]


def take_over(pair: Pair, meanwhile: Callable[[], None] = lambda: None) -> None:
    pair.fail(signal.SIGKILL)
    meanwhile()
    pair.promote()
    pair.write(1)
    pair.wait_until_recorded(pair.standby)


def test_asynchronous(pair: Pair) -> None:
    """The position goes back, and what lacks is recorded again from the spool."""
    with pair.spooled.receiving(), pair.recording():
        pair.write(2)
        pair.wait_until_recorded(pair.primary)
        fall_behind(pair)
        take_over(pair)
    assert pair.stored() == Counter(pair.written)
    assert ask(pair.standby, "SELECT FROM ctaudit.gap WHERE cause <> 'not listening'") == []


def test_asynchronous_and_the_segments_are_gone(pair: Pair) -> None:
    """What is lost lies in a gap, and nothing else is lost."""
    directory = pair.spooled.config.spool.directory
    with pair.spooled.receiving(), pair.recording():
        pair.write(2)
        pair.wait_until_recorded(pair.primary)
        lagging = len(pair.written)
        fall_behind(pair)
        ended = len(pair.written)

        def lose_segments() -> None:
            for path in list_paths(directory)[:-1]:
                path.unlink()

        take_over(pair, lose_segments)
    stored = pair.stored()
    lost = Counter(pair.written) - stored
    assert stored - Counter(pair.written) == Counter()
    assert lost
    # The first of them may have come over before the standby was cut off.
    assert lagging <= min(lost)
    assert max(lost) < ended
    gaps = ask(
        pair.standby,
        "SELECT cause, gap_until IS NOT NULL FROM ctaudit.gap WHERE cause <> 'not listening'",
    )
    assert gaps == [("segments are gone", True)]
