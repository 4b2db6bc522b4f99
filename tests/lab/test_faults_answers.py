"""What is answered when the record lags, the clock jumps, or an event is not to be had."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit.spool.decoder import Batch, Decoder, describe_row
from ctaudit.spool.segment import list_segments
from lab import addresses as a
from lab.accounting import expect_closed_accounting, stored
from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import RECORDER, Rig, rigging
from lab.segments.rewrite import rewrite_segment, stop_before_start
from lab.service import started
from lab.traffic import make_traffic
from lab.traffic.burst import FIRST_SPORT, burst_tuple
from lab.traffic.load import RATE, loading
from lab.witness import delete_all

ONE, NONE, UNKNOWN = 0, 1, 4
HOUR = timedelta(hours=1)


@pytest.fixture
def rig(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    delete_all(lab)
    with rigging(lab, cluster) as made:
        yield made


def ask(rig: Rig, moment: datetime, port: int = 6) -> tuple[int, str]:
    """Who was behind a port of the gateway; by default one that nobody ever had."""
    at = moment.isoformat(timespec="milliseconds")
    done = rig.ask("who", f"{a.GATEWAY}:{port}", "--at", at)
    return done.returncode, done.stdout


def once_read() -> datetime:
    """A moment after what was sent until now has been read: until then a start has no bound."""
    time.sleep(0.3)
    return datetime.now(UTC)


def test_what_is_not_covered_is_unknown_never_none(rig: Rig) -> None:
    before = datetime.now(UTC)
    assert ask(rig, before)[0] == UNKNOWN
    with started(rig, "record") as recorder, started(rig, "receive"):
        rig.wait_until_listening()
        began = datetime.now(UTC)
        rig.wait_until_recorded()
        inside = began + timedelta(seconds=0.2)
        rig.wait_until_recorded(inside + timedelta(seconds=1))
        assert ask(rig, inside)[0] == NONE
        assert ask(rig, before - HOUR)[0] == UNKNOWN
        assert ask(rig, before)[0] == UNKNOWN
        recorder.stop()
        stopped = datetime.now(UTC)
        sent = make_traffic(rig.lab, "article")
        now = once_read()
        status, said = ask(rig, now, a.ARTICLE_NAT_SPORT)
        assert (status, "not yet recorded" in said) == (UNKNOWN, True)
        assert ask(rig, stopped)[0] == UNKNOWN
        assert ask(rig, inside)[0] == NONE
        recorder.start()
        rig.wait_until_recorded()
        status, said = ask(rig, now, a.ARTICLE_NAT_SPORT)
        assert (status, f"{sent['src']}:{sent['sport']}" in said) == (ONE, True)
    # Retention takes everything before this moment away.
    rig.query("SELECT ctaudit.trim_coverage(tstzmultirange(tstzrange(%s, NULL)))", now)
    rig.query("DELETE FROM ctaudit.note WHERE at < %s RETURNING position", now)
    status, said = ask(rig, inside)
    assert (status, "past retention" in said) == (UNKNOWN, True)


@pytest.mark.parametrize("hours", [1, -1])
def test_step_of_the_wall_clock(rig: Rig, hours: int) -> None:
    offset = rig.directory / "offset"
    offset.write_text("0")
    program = (sys.executable, "-m", "lab.stepped_receiver", str(offset))
    with started(rig, "receive", program=program), started(rig, "record"):
        rig.wait_until_listening()
        make_traffic(rig.lab, "article")
        made = once_read()
        rig.wait_until_recorded()
        assert ask(rig, made, a.ARTICLE_NAT_SPORT)[0] == ONE
        offset.write_text(str(hours * 3600 * 10**9))
        stepped = "SELECT step_seconds FROM ctaudit.clock WHERE step_seconds IS NOT NULL"
        rig.wait_until(lambda: bool(rig.query(stepped)))
        ((step,),) = rig.query(stepped)
        assert abs(step - hours * 3600) < 0.1
        status, said = ask(rig, made, a.ARTICLE_NAT_SPORT)
        assert (status, "the clock was stepped by" in said) == (UNKNOWN, True)
        assert str(a.ARTICLE_SPORT) in said
        states = rig.query("SELECT count(*) FROM ctaudit.clock WHERE synchronised IS NOT NULL")
        assert states[0][0] >= 2


def test_stop_before_its_start_is_kept_as_sent(
    rig: Rig, lab: Lab, cluster: Cluster, tmp_path: Path
) -> None:
    with started(rig, "record"), started(rig, "receive"):
        rig.wait_until_listening()
        make_traffic(lab, "article")
        delete_all(lab)
        rig.wait_until_recorded()
    ((_, segment),) = list_segments(rig.spool)
    path, changed = rewrite_segment(segment, tmp_path, stop_before_start(3600))
    assert changed > 0
    columns = "orig_src, orig_sport, started_at, started_source::text, orig_packets, orig_bytes"
    with rigging(lab, cluster, node=rig.node) as other:
        assert other.replay(path).returncode == 0
        rows = {row["ct_id"]: row for row in other.rows("flow")}
        wanted = f"SELECT ct_id, {columns} FROM ctaudit.flow ORDER BY ct_id"
        assert other.query(wanted) == rig.query(wanted)
        assert len(rows) == changed
        for row in rows.values():
            assert row["stop_sent"] == row["started_at"] - HOUR
            assert (row["ended_at"], row["ended_source"]) == (None, None)
            assert "clock" in row["ended_cause"]
        opening = "SELECT ct_id, orig_sport, started_at FROM ctaudit.opening ORDER BY ct_id"
        assert other.query(opening) == rig.query(opening)


POISON = FIRST_SPORT + 3
WORDS = f"port {POISON} is not for this site"


def make_picky_procedure(rig: Rig) -> None:
    """A site's own procedure that refuses events of one port and hands the others on."""
    with psycopg.connect(rig.owner_dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_get_function_arguments(oid), proargnames FROM pg_proc "
            "WHERE oid = 'ctaudit.record_live'::regproc"
        ).fetchone()
        assert row is not None
        connection.execute("CREATE SCHEMA site")
        connection.execute(
            f"CREATE PROCEDURE site.record_picky({row[0]}) LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {POISON} = ANY (p_orig_sport) THEN "
            f"RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'invalid_parameter_value'; END IF; "
            f"CALL ctaudit.record_live({', '.join(row[1])}); END $$"
        )
        connection.execute(f"GRANT USAGE ON SCHEMA site TO {RECORDER}")


def read_message(message: bytes) -> dict[str, Any]:
    batch = Batch()
    Decoder().read(message, 0, 1, batch, 1)
    ((layout, (row,)),) = batch.rows.items()
    return describe_row(layout, row)


def test_event_that_the_database_refuses_is_set_aside_alone(lab: Lab, cluster: Cluster) -> None:
    count = 5000
    with rigging(lab, cluster, settings={"": 'procedure = "site.record_picky"'}) as rig:
        make_picky_procedure(rig)
        with started(rig, "record") as recorder, started(rig, "receive"):
            rig.wait_until_listening()
            recorder.kill()
            began = datetime.now(UTC)
            with loading(lab, count) as load:
                load.wait()
            # It is refused later than it came: its time is when it came.
            ended = datetime.now(UTC)
            recorder.start()
            rig.wait_until_recorded()
        every = Counter(burst_tuple(index) for index in range(count))
        refused = Counter({key: 1 for key in every if key[1] == POISON})
        assert len(refused) == len(a.PLAIN_CLIENTS)
        for table in ("opening", "flow"):
            assert stored(rig, table) == every - refused
        asides = rig.rows("undecodable")
        found = Counter(
            (values["kind"].name, str(values["orig_src"]), values["orig_sport"])
            for values in (read_message(row["message"]) for row in asides)
        )
        assert found == Counter(
            {(kind, src, POISON): 1 for kind in ("NEW", "DESTROY") for src in a.PLAIN_CLIENTS}
        )
        assert {row["server_words"] for row in asides} == {WORDS}
        assert all(began < row["at"] < ended for row in asides)
        gaps = rig.rows("gap")
        assert Counter((gap["cause"], gap["lost"]) for gap in gaps) == {("undecodable", 1): 14}
        assert expect_closed_accounting(rig)["undecodable"] == 14


def test_message_that_cannot_be_decoded_is_set_aside_alone(
    rig: Rig, lab: Lab, cluster: Cluster, tmp_path: Path
) -> None:
    with started(rig, "record"), started(rig, "receive"):
        rig.wait_until_listening()
        with loading(lab, 500, rate=None) as load:
            load.wait()
        rig.wait_until_recorded()
    ((_, segment),) = list_segments(rig.spool)
    seen = [0]

    def break_every_hundredth(message: bytearray) -> bool:
        seen[0] += 1
        # The first attribute says that it is shorter than its own header.
        message[20:22] = message[20:22] if seen[0] % 100 else b"\x02\0"
        return seen[0] % 100 == 0

    path, broken = rewrite_segment(segment, tmp_path, break_every_hundredth)
    assert broken >= 10
    with rigging(lab, cluster, node=rig.node) as other:
        assert other.replay(path).returncode == 0
        asides = other.rows("undecodable")
        assert len(asides) == broken
        assert all(row["reason"] and row["server_words"] is None for row in asides)
        left = sum(other.count(table) for table in ("opening", "flow", "dump_entry"))
        assert left == sum(rig.count(t) for t in ("opening", "flow", "dump_entry")) - broken
        for table in ("opening", "flow"):
            assert not stored(other, table) - stored(rig, table)
        assert expect_closed_accounting(other)["undecodable"] == broken


def test_accounting_is_closed_at_any_moment(rig: Rig, lab: Lab) -> None:
    seen = []
    with started(rig, "record"), started(rig, "receive"):
        rig.wait_until_listening()
        with loading(lab, 2 * RATE) as load:
            while load.is_sending:
                told = json.loads(rig.ask("status", "--json").stdout)
                (stream,) = told["streams"]
                parts = ("stored", "filtered", "undecodable")
                assert stream["received"] == sum(stream[part] for part in parts)
                assert (stream["dropped"], stream["kernel_drops"]) == (0, 0)
                seen.append(stream["received"])
                expect_closed_accounting(rig)
            load.wait()
        rig.wait_until_recorded()
    assert len(set(seen)) > 2
    sums = expect_closed_accounting(rig)
    assert sums["received"] == 2 * len(load.indexes) + rig.count("dump_entry")
