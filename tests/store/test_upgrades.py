"""Programs and databases of different versions, and migrations while a recorder records."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from ctaudit.config import RetentionSection
from ctaudit.conntrack.event import COLUMNS, TEXT
from ctaudit.database import locks, schema, version
from ctaudit.database.connection import check_schema_version, connect
from ctaudit.database.maintenance import maintain
from ctaudit.errors import DatabaseError, SchemaError
from ctaudit.record.commits import Commits
from ctaudit.record.in_flight import Committed
from ctaudit.record.positions import Span
from ctaudit.record.session import Session, open_store
from ctaudit.spool.note import Note
from lab import release
from lab.cluster import Cluster, private_cluster
from tests.store.later import FIRST, LESS, MORE, SECOND, THIRD, make_version
from tests.store.scenario import refuse, run
from tests.store.snapshot import KEPT, can_dump, dump_schema, header
from tests.store.test_batch_calls import batch_of

RECORD = "ctaudit.record_live"
DAYS = 365


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """PostgreSQL's own settings: 64 locks a transaction, 100 connections."""
    with private_cluster(settings={"fsync": "off"}) as made:
        yield made


@pytest.fixture
def dsn(server: Cluster) -> Iterator[str]:
    server.create_database("upgraded")
    schema.install(server.dsn("upgraded"))
    yield server.dsn("upgraded")
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute('DROP DATABASE "upgraded" WITH (FORCE)')


def fetch(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


@contextmanager
def program(
    monkeypatch: pytest.MonkeyPatch, number: int, sql: Path | None = None, *, more: bool = False
) -> Iterator[None]:
    """Acts as the program of that version; ``more``: its events have the column ``more``."""
    with monkeypatch.context() as patch:
        patch.setattr(version, "EXPECTED_SCHEMA", number)
        if sql is not None:
            patch.setenv("CTAUDIT_SQL", str(sql))
        if more:
            patch.setitem(COLUMNS, "more", TEXT)
        yield


@dataclass
class Recorder:
    """Records small batches of one stream, as fast as they are committed.

    ``faults``: what made it connect again, as the recorder does. ``longest``: seconds between
    two commits, at most.
    """

    dsn: str
    committed: int = 0
    longest: float = 0.0
    faults: list[str] = field(default_factory=list)
    refused: str = ""

    def __post_init__(self) -> None:
        # Each wait is a tenth of what it is in the service.
        self._session = Session(
            lambda: open_store(self.dsn, RECORD), lambda seconds: time.sleep(seconds / 10)
        )
        self._commits = Commits(self._session)
        self._end = Span("gw1", uuid4(), 0, 10)
        self._commits.record_note(self._end, Note("start", time.time_ns(), {"mode": "live"}))

    def record(self) -> None:
        first = self._commits.find_position(self._end.node, self._end.stream) or 0
        span = replace(self._end, first=first, until=first + 10)
        call = self._commits.encode(span, batch_of(5, first))
        self._commits.send(span, call, 5)
        assert isinstance(self._commits.settle(), Committed)
        self.committed += 5

    def work(self, stop: threading.Event) -> None:
        last = time.monotonic()
        while not stop.is_set():
            try:
                self.record()
            except (psycopg.Error, DatabaseError) as error:
                self.faults.append(f"{type(error).__name__}: {error}")
                self._commits.forget()
                self._session.back_off(str(error))
                continue
            except SchemaError as error:
                self.refused = str(error)
                return
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now

    def reconnect(self) -> None:
        self._commits.forget()
        self._session.close()

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def begin(dsn: str) -> Iterator[Callable[[], Recorder]]:
    """Makes a recorder of the database, as the program is at that moment."""
    made: list[Recorder] = []

    def begin_recorder() -> Recorder:
        made.append(Recorder(dsn))
        return made[-1]

    yield begin_recorder
    for recorder in made:
        recorder.close()


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Meanwhile it records; it has recorded something before and after the body."""
    stop = threading.Event()
    thread = threading.Thread(target=recorder.work, args=(stop,))
    thread.start()
    try:
        _wait_for_more(recorder, thread)
        yield
        _wait_for_more(recorder, thread)
    finally:
        stop.set()
        thread.join()


def _wait_for_more(recorder: Recorder, thread: threading.Thread) -> None:
    wanted, deadline = recorder.committed + 50, time.monotonic() + 30
    while recorder.committed < wanted and thread.is_alive():
        assert time.monotonic() < deadline, recorder.faults
        time.sleep(0.01)


def count_rows(dsn: str) -> object:
    return fetch(dsn, "SELECT count(*), count(more) FROM ctaudit.opening_row")[0]


def test_database_before_gateways(
    dsn: str, begin: Callable[[], Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load, over rows. THIRD refuses a recorder of FIRST, at its next connection."""
    second = make_version(tmp_path / "second", SECOND)
    third = make_version(tmp_path / "third", THIRD)
    old = begin()
    with recording(old), program(monkeypatch, SECOND, second):
        assert schema.upgrade(dsn).migrations == (MORE,)
    old.reconnect()
    with recording(old):
        pass
    assert old.refused == ""
    assert count_rows(dsn) == (old.committed, 0)
    assert old.longest < 4, old.faults
    assert len(list(maintain(dsn, RetentionSection(30)))) > 0
    for words in (["flows"], ["status"], ["who", "1.2.3.4:5", "--at", "2026-02-22 11:59:43"]):
        assert run(*words, "--dsn", dsn).status in (0, 1, 4)
    assert f"version {SECOND}, which works with this program's version {FIRST}, and partitions" in (
        run("schema", "status", "--dsn", dsn).out
    )
    for action in ("install", "upgrade"):
        assert refuse(6, "schema", action, "--dsn", dsn).endswith(
            f"has ctaudit schema version {SECOND}, newer than this program's {FIRST}; "
            "upgrade ctaudit"
        )

    with program(monkeypatch, THIRD, third):
        assert schema.upgrade(dsn).migrations == (LESS,)
    sentence = (
        f"database upgraded has ctaudit schema version {THIRD}, which works with programs of "
        f"version {SECOND} and newer, but this program's is {FIRST}; upgrade ctaudit"
    )
    old.reconnect()
    with pytest.raises(SchemaError) as caught:
        old.record()
    assert str(caught.value) == sentence
    for words in (["flows"], ["status"]):
        assert refuse(6, *words, "--dsn", dsn) == sentence
    with program(monkeypatch, SECOND, more=True):
        begin().record()


def test_from_the_last_release(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its whole SQL, functions too: with rows, the upgrade gives what an installation gives."""
    tag = release.read_tag()
    commit = release.find_commit(tag)
    if commit is None:
        pytest.skip(release.say_missing(tag))
    release.unpack(commit, tmp_path, "sql")
    number = max(int(file.name[:4]) for file in (tmp_path / "sql/migrations").glob("*.sql"))
    server.create_database("released")
    dsn = server.dsn("released")
    with program(monkeypatch, number, tmp_path / "sql"):
        schema.install(dsn)
    recorder = Recorder(dsn)
    try:
        recorder.record()
        # As ctaudit setup and the role leave it.
        with psycopg.connect(dsn) as connection:
            connection.execute("REVOKE CONNECT ON DATABASE released FROM PUBLIC")
            connection.execute("GRANT CONNECT ON DATABASE released TO ctaudit_auditor")
        schema.upgrade(dsn)
        recorder.record()
        recorder.reconnect()
        recorder.record()
    finally:
        recorder.close()
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.opening") == [(15,)]
    kept_out = (
        "SELECT rolname FROM pg_roles WHERE rolname ~ '^ctaudit_(front|supervisor|registrar)$' "
        "AND NOT has_database_privilege(oid, 'released', 'CONNECT')"
    )
    assert fetch(dsn, kept_out) == []
    head, _, kept = KEPT.read_text().partition("\n")
    if head + "\n" == header(server) and can_dump(server):
        assert dump_schema(server, "released") == kept


def test_gateways_before_database(
    dsn: str,
    begin: Callable[[], Recorder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It sends what the database takes and says what it leaves out; after the upgrade, all."""
    with program(monkeypatch, SECOND, make_version(tmp_path / "sql", SECOND), more=True):
        new = begin()
        assert caplog.messages == [
            (
                f"{RECORD} of database upgraded (schema version {FIRST}) has no parameter for "
                "more: not recorded; upgrade the schema, or the procedure if it is your own, then "
                "restart this service"
            )
        ]
        with recording(new):
            assert schema.upgrade(dsn).migrations == (MORE,)
        before = new.committed
        assert count_rows(dsn) == (before, 0)
        monkeypatch.setattr("ctaudit.record.procedures.build_columns", _with_more)
        new.reconnect()
        with recording(new):
            pass
        assert new.faults == [] or all("record_live" in fault for fault in new.faults)
    assert count_rows(dsn) == (new.committed, new.committed - before)


def _with_more(batch: object) -> list[object]:
    """As build_columns, with a value in each row of column ``more``."""
    from ctaudit.record import encoder

    columns: list[object] = list(encoder.build_columns(batch))  # type: ignore[arg-type]
    columns[-1] = encoder._ARRAYS[TEXT](
        encoder._ARRAY.pack(1, 0, TEXT.oid, 1, 1) + encoder._encode_text(b"x")
    )
    return columns


def test_commands_do_not_ask_an_older_database(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with program(monkeypatch, SECOND), connect(dsn) as connection:
        assert check_schema_version(connection, FIRST).installed == FIRST
        with pytest.raises(
            SchemaError, match=f"{FIRST}, but this program needs {SECOND}; run: ctaudit"
        ):
            check_schema_version(connection)
        monkeypatch.setattr(version, "OLDEST_RECORDED", SECOND)
        with pytest.raises(SchemaError, match=f"needs {SECOND}; run: ctaudit schema upgrade"):
            open_store(dsn, RECORD)


_ASKING = "asking the database"
_WHO = ("who", "1.2.3.4:5", "--at", "2026-02-22 11:59:43")
_FEWER_COLUMNS = """
DROP FUNCTION ctaudit.nodes;
CREATE FUNCTION ctaudit.nodes(OUT node text) RETURNS SETOF text
LANGUAGE sql AS 'SELECT current_user::text';
"""


@pytest.mark.parametrize(
    ("words", "change", "doing", "absent"),
    [
        (_WHO, "DROP FUNCTION ctaudit.completeness_for", _ASKING, "ctaudit.completeness_for"),
        (("hold", "list"), "DROP FUNCTION ctaudit.holds", "the holds", "ctaudit.holds"),
        (("node", "list"), _FEWER_COLUMNS, _ASKING, 'column "mode"'),
    ],
)
def test_functions_of_an_earlier_program(
    dsn: str, words: tuple[str, ...], change: str, doing: str, absent: str
) -> None:
    """Of the same version, since functions are replaced without a migration."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(change.encode())
    assert refuse(6, *words, "--dsn", dsn) == (
        f"{doing}: this program needs {absent}, which the database's ctaudit schema does not have; "
        "run the newest ctaudit's: ctaudit schema upgrade"
    )


def test_over_a_year_of_partitions(
    dsn: str, begin: Callable[[], Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On default settings, while a recorder records and a report keeps a day locked for a while."""
    today = datetime.now(UTC).date()
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in ("opening", "flow", "dump_entry", "aggregate"):
            connection.execute(
                "SELECT count(ctaudit.make_partition(%s, %s::date - i)) "
                "FROM generate_series(2, %s) AS i",
                (table, today, DAYS),
            )
    assert fetch(dsn, "SHOW max_locks_per_transaction") == [("64",)]
    all_tables = "opening_row, flow_row, dump_entry_row"
    greedy = make_version(tmp_path / "greedy", SECOND, locks=all_tables)
    modest = make_version(tmp_path / "modest", SECOND)
    recorder = begin()
    with program(monkeypatch, SECOND, greedy), pytest.raises(DatabaseError) as caught:
        schema.upgrade(dsn)
    assert str(caught.value).startswith(f"migration {MORE} may lock ")
    assert "= 128; as a superuser" in str(caught.value)
    assert fetch(dsn, "SELECT max(number) FROM ctaudit.migration") == [(FIRST,)]

    with recording(recorder), program(monkeypatch, SECOND, modest):
        assert schema.upgrade(dsn).migrations == (MORE,)
    assert count_rows(dsn) == (recorder.committed, 0)
    assert recorder.longest < 4, recorder.faults


def test_a_lock_that_is_not_given(
    dsn: str, begin: Callable[[], Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recording goes on between the tries; the holder is named, and nothing was changed."""
    monkeypatch.setattr(locks, "_PATIENCE", 3.0)
    recorder = begin()
    with psycopg.connect(dsn, application_name="a report") as reader:
        reader.execute("SET idle_in_transaction_session_timeout = '30s'")
        reader.execute("SELECT count(*) FROM ctaudit.opening_row")
        with (
            recording(recorder),
            program(monkeypatch, SECOND, make_version(tmp_path / "sql", SECOND)),
            pytest.raises(DatabaseError, match=r"is locked by process \d+ \(\w+, a report, idle"),
        ):
            schema.upgrade(dsn)
    assert recorder.longest < 3, recorder.faults
    assert fetch(dsn, "SELECT max(number) FROM ctaudit.migration") == [(FIRST,)]
    with program(monkeypatch, SECOND, tmp_path / "sql"):
        assert schema.upgrade(dsn).migrations == (MORE,)
