"""What the recorder leaves out by rules: the counters and the rows of a real server."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit.admin.nodes import add_login
from ctaudit.config import Config, JournalSection, SpoolSection
from ctaudit.conntrack.event import Kind
from ctaudit.conntrack.filter import RuleSet, plain_rules
from ctaudit.conntrack.filter_notation import read_rule
from ctaudit.database import schema
from ctaudit.record.recorder import Recorder
from ctaudit.record.session import Session, open_store
from ctaudit.spool.order import list_paths
from ctaudit.spool.writer import SpoolWriter
from lab.cluster import Cluster
from tests.unit.messages import UDP, Entry, build
from tests.unit.spool_writing import write_frame
from tests.unit.test_layout import ENTRY


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    cluster.create_database("filtered")
    schema.install(cluster.dsn("filtered"))
    for name in ("live", "nat", "history", "aggregate"):
        add_login(cluster.dsn("filtered"), f"gw-{name}", "rex", None)
    return "filtered"


def message(entry: Entry, ct_id: int) -> bytes:
    made = build(replace(entry, ct_id=ct_id))
    return made + bytes(-len(made) % 4)


def told(where: str, *texts: str) -> dict[str, Any]:
    rules = RuleSet(tuple(map(read_rule, texts)))
    return {"digest": rules.digest, "where": where, "rules": plain_rules(rules)}


OTHER = replace(
    ENTRY, orig=replace(ENTRY.orig, src=ip_address("192.168.5.5")), proto=UDP, state=None
)


def record(cluster: Cluster, place: str, directory: Path, node: str, procedure: str) -> None:
    spool = SpoolSection(directory=directory, segment_bytes=256 << 10, max_bytes=16 << 20)
    mode = procedure.removeprefix("ctaudit.record_").replace("aggregate", "history")
    config = Config(
        node=node, mode=mode, procedure=procedure, spool=spool, journal=JournalSection(rate=0)
    )
    writer = SpoolWriter(config)
    writer.begin_stream()
    rules = told("recorder", "deny orig_src 192.168.5.0/24 proto udp")
    writer.append_note("start", mode=mode, filter=rules)
    writer.append_note("dump begin", cause="test", filter=rules["digest"])
    kept, denied = (replace(entry, kind=Kind.DUMP) for entry in (ENTRY, OTHER))
    write_frame(writer, message(kept, 1), message(denied, 2))
    writer.append_note("dump end", entries=2)
    for kind in (Kind.NEW, Kind.DESTROY):
        kept, denied = (replace(entry, kind=kind) for entry in (ENTRY, OTHER))
        write_frame(writer, message(kept, 3), *(message(denied, ct) for ct in range(4, 14)))
    write_frame(writer, *(message(denied, ct) for ct in range(14, 24)))
    writer.end_stream("test")
    dsn = cluster.dsn(place, user="rex")
    session = Session(lambda: open_store(dsn, config.record_procedure))
    Recorder(config, session, lambda: list_paths(directory)).work(lambda: True)


@pytest.mark.parametrize(
    ("name", "stored"), [("live", 3), ("nat", 2), ("history", 2), ("aggregate", 2)]
)
def test_counters(cluster: Cluster, place: str, tmp_path: Path, name: str, stored: int) -> None:
    record(cluster, place, tmp_path, f"gw-{name}", f"ctaudit.record_{name}")
    with psycopg.connect(cluster.dsn(place)) as connection:
        assert connection.execute(
            "SELECT received, stored, filtered, undecodable FROM ctaudit.stream WHERE node = %s",
            (f"gw-{name}",),
        ).fetchone() == (34, stored, 34 - stored, 0)
        assert connection.execute(
            "SELECT count(*) FROM (SELECT proto FROM ctaudit.opening UNION ALL"
            " SELECT proto FROM ctaudit.flow UNION ALL SELECT proto FROM ctaudit.dump_entry) AS r"
            " WHERE proto = 17"
        ).fetchone() == (0,)
        assert connection.execute(
            "SELECT complete, why, protocols"
            " FROM ctaudit.completeness_for(%s, now() - interval '1 min', now())",
            (f"gw-{name}",),
        ).fetchone()[2] == [17]  # type: ignore[index]


def test_the_rules_at_a_position(cluster: Cluster, place: str) -> None:
    """filter_at: as of a position, and of one's own nodes only."""
    with psycopg.connect(cluster.dsn(place, user="rex"), autocommit=True) as recorder:
        with psycopg.connect(cluster.dsn(place)) as owner:
            (stream,) = owner.execute(
                "SELECT stream FROM ctaudit.stream WHERE node = 'gw-live'"
            ).fetchone()  # type: ignore[misc]
        ask = "SELECT ctaudit.filter_at('gw-live', %s, %s) ->> 'where'"
        assert recorder.execute(ask, (stream, 0)).fetchone() == (None,)
        assert recorder.execute(ask, (stream, 1)).fetchone() == ("recorder",)
