"""Gateways listed, renamed, retired and revived: by the commands, and by their own marks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import psycopg
import pytest

from ctaudit.admin import check_database
from ctaudit.admin.finding import Finding, Level
from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway, opened
from tests.store.scenario import ARTICLE, COVERED, after, refuse, run, who

NAME = "nodes"
SILENT = "UPDATE ctaudit.stream SET committed_at = covered_until WHERE node = 'gw1'"


class Fleet:
    """gw1, which is silent, and gw2, which records; ``dsn`` is the owner's."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.dsn = cluster.dsn(NAME)
        self.auditor = cluster.dsn(NAME, user="audrey")
        self.gateways = [Gateway(cluster.dsn(NAME, user="rex"), name) for name in ("gw1", "gw2")]
        for gateway in self.gateways:
            gateway.listen(after(-600))
        self.gateways[0].record([opened(ARTICLE, after(50))], after(600))
        self.gateways[1].record([], COVERED)
        self.do(SILENT)

    def do(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def node(self, *words: str) -> str:
        done = run("node", *words, "--dsn", self.dsn)
        assert (done.status, done.err) == (0, ""), done
        return done.out

    def changes(self) -> list[tuple[object, ...]]:
        return self.do(
            "SELECT change, n.node, former_name, c.retired_at, reason, changed_by, application "
            "FROM ctaudit.node_change AS c JOIN ctaudit.node AS n USING (node_id) "
            "ORDER BY node_change_id"
        )


# In an order that the foreign keys allow.
TABLES = (
    "pair_proof", "coverage", "gap", "late_read", "note", "undecodable", "clock", "clock_doubt",
    "scope", "dump", "stream", "node_change", "node_login", "login_change",
    "node", "opening_row", "flow_row", "dump_entry_row",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Cluster:
    cluster.create_database(NAME)
    schema.install(cluster.dsn(NAME))
    return cluster


@pytest.fixture
def fleet(store: Cluster) -> Iterator[Fleet]:
    made = Fleet(store)
    yield made
    for gateway in made.gateways:
        gateway.close()
    for table in TABLES:
        made.do(f"DELETE FROM ctaudit.{table}")


def test_who_names_the_command_and_the_command_helps(fleet: Fleet) -> None:
    said = who(fleet.auditor, "1.2.3.4:53599", 1200)
    assert said.status == 4, said
    (line,) = [line for line in said.out.splitlines() if line.startswith("Unknown: gw1: ")]
    assert "; gw1 has recorded nothing since " in line
    command = re.search(r"; if it is gone: (.*)\.$", line)
    assert command is not None, line
    words = shlex.split(command[1])
    assert words[:4] == ["ctaudit", "node", "retire", "gw1"]
    # Times of a whole second: what was recorded until then is not cut.
    assert words[4:] == ["--at", after(600).strftime("%Y-%m-%dT%H:%M:%SZ")]
    fleet.node(*words[2:])
    assert who(fleet.auditor, "1.2.3.4:53599", 1200).status == 1
    assert who(fleet.auditor, "1.2.3.4:53500", 60).status == 0
    assert who(fleet.auditor, "1.2.3.4:53599", 600).status == 4
    by_name = who(fleet.auditor, "1.2.3.4:53599", 1200, "--node", "gw1")
    assert by_name.status == 4
    assert "; retired at " in by_name.out
    assert "if it is gone" not in by_name.out


def test_a_gateway_that_is_merely_behind_is_not_called_silent(fleet: Fleet) -> None:
    fleet.gateways[0].record([], after(700))
    said = who(fleet.auditor, "1.2.3.4:53599", 1200)
    assert said.status == 4
    assert "gw1: not yet recorded" in said.out
    assert "if it is gone" not in said.out


@pytest.mark.parametrize(
    ("last", "shown"),
    [("12:00:00", "12:00:00"), ("12:00:00.000001", "12:00:01"), ("12:00:00.5", "12:00:01")],
)
def test_the_command_s_time_is_no_earlier(fleet: Fleet, last: str, shown: str) -> None:
    made = fleet.do(f"SELECT ctaudit.retire_command('a b''c', '2026-02-22 {last}+01')")
    command = str(made[0][0])
    at = f"2026-02-22T{int(shown[:2]) - 1}{shown[2:]}Z"
    assert shlex.split(command) == ["ctaudit", "node", "retire", "a b'c", "--at", at]


def test_list(fleet: Fleet) -> None:
    done = run("node", "list", "--dsn", fleet.auditor)
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["gw1 (live)", "gw2 (live)"]
    [silent] = [line for line in lines if "silent" in line]
    assert lines.index(silent) < lines.index("gw2 (live)")
    assert "if it is gone: ctaudit node retire gw1 --at " in silent
    first, second = run("node", "list", "--json", "--dsn", fleet.auditor).json["nodes"]
    assert (first["node"], first["stopped"], first["retired_at"]) == ("gw1", False, None)
    assert first["retire_command"] in silent
    assert (second["node"], second["retire_command"]) == ("gw2", None)


def test_retire_and_revive_are_on_record(fleet: Fleet) -> None:
    last = after(600)
    assert fleet.node("retire", "gw1", "--reason", "sold").startswith(
        "gw1 is retired: it is asked about no time after "
    )
    assert fleet.do("SELECT retired_at FROM ctaudit.status() WHERE node = 'gw1'") == [(last,)]
    shown = run("status", "--dsn", fleet.auditor).out
    assert "  retired    at " in shown
    assert "running" not in shown.split("gw2 (")[0]
    assert fleet.node("revive", "gw1", "--reason", "not sold") == (
        "gw1 is asked about all times again.\n"
    )
    # Stopped by the retirement alone: it goes on.
    assert fleet.do("SELECT stopped FROM ctaudit.nodes() WHERE node = 'gw1'") == [(False,)]
    superuser = fleet.cluster.superuser
    assert fleet.changes() == [
        ("retired", "gw1", None, last, "sold", superuser, "ctaudit owner"),
        ("revived", "gw1", None, None, "not sold", superuser, "ctaudit owner"),
    ]
    log = fleet.cluster.read_log()
    assert re.search(rf'LOG: .*{superuser} retired: .*"reason": "sold"', log)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("retire gw9", "no gateway is named gw9"),
        ("revive gw9", "no gateway is named gw9"),
        ("rename gw9 gw8", "no gateway is named gw9"),
        ("revive gw1", "gw1 is not retired"),
        ("rename gw1 gw1", "gw1 is called so already"),
        ("rename gw1 gw2", "gw2 is the name of a gateway with a record of its own"),
        ("rename gw1 ''", "NEW '': must be 1 to 63 letters"),
        ("rename gw1 'a\nb'", "NEW 'a\\nb': must be 1 to 63 letters"),
        ("retire gw1 --at yesterday", "--at 'yesterday': not a time"),
        ("retire gw1 --at 2999-01-01T00:00:00Z", "is in the future"),
        ("retire gw1 --at 2026-01-01T00:00:00Z", "gw1 recorded until "),
        ("retire gw2", "stop its receiver first"),
    ],
)
def test_refused(fleet: Fleet, words: str, sentence: str) -> None:
    said = refuse(2, "node", *shlex.split(words), "--dsn", fleet.dsn)
    assert sentence in said
    assert "+00" not in said
    assert fleet.changes() == []
    assert fleet.do("SELECT count(*) FROM ctaudit.node WHERE retired_at IS NULL") == [(2,)]


@pytest.mark.parametrize("login", ["audrey", "rex", "stranger"])
@pytest.mark.parametrize("words", ["retire gw1", "revive gw1", "rename gw1 gw7"])
def test_only_the_owner_changes_a_gateway(fleet: Fleet, login: str, words: str) -> None:
    refuse(7, "node", *words.split(), "--dsn", fleet.cluster.dsn(NAME, user=login))
    assert fleet.changes() == []


def holders_of(fleet: Fleet, name: str) -> dict[str, int]:
    """Each table with a column ``node``, and how many rows hold the name."""
    tables = fleet.do(
        "SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'ctaudit'::regnamespace AND c.relkind = 'r' "
        "AND a.attname = 'node' AND a.atttypid = 'text'::regtype"
    )
    counts = {
        str(table): fleet.do(f"SELECT count(*) FROM ctaudit.{table} WHERE node = '{name}'")[0][0]
        for (table,) in tables
    }
    return {table: int(str(count)) for table, count in counts.items()}


def test_a_rename_reaches_every_table(fleet: Fleet) -> None:
    gateway = fleet.gateways[0]
    gateway.note("clock", after(700), {"step_seconds": 3.0, "synchronised": True})
    gateway.note("scope", after(705), {"public": [], "internal": [], "source": "configured"})
    gateway.note("undecodable", after(710), {"reason": "a test", "message": "AAEC"})
    gateway.record([], after(9000))
    fleet.do(
        "INSERT INTO ctaudit.pair_proof "
        "(node, pair, stream, silent_since, dump_began_at, proved_from) SELECT "
        "'gw1', 'gw2', stream, now(), now() + interval '2 s', now() + interval '3 s' "
        "FROM ctaudit.stream WHERE node = 'gw2'"
    )
    fleet.do(
        "WITH made AS (INSERT INTO ctaudit.import (node, imported_from, source)"
        " VALUES ('gw1', 'ulogd2', 'here') RETURNING node)"
        " INSERT INTO ctaudit.import_opening SELECT node, 1, now() FROM made RETURNING 1"
    )
    before = holders_of(fleet, "gw1")
    assert set(before) >= {"node", "stream", "coverage", "gap", "dump", "note", "late_read"}
    assert all(before.values()), before
    said = fleet.node("rename", "gw1", "edge-1")
    assert said.startswith("gw1 is called edge-1 now, and is found under both names; ")
    assert holders_of(fleet, "edge-1") == before
    assert not any(holders_of(fleet, "gw1").values())
    for table in ("import_opening", "import"):
        fleet.do(f"DELETE FROM ctaudit.{table}")
    # As batches and notes under the old name go on.
    gateway.record([], after(9100))
    gateway.note("dump begin", after(9101), {"cause": "test"})
    gateway.note("dump end", after(9102), {"entries": 0})
    assert fleet.do("SELECT node FROM ctaudit.nodes()") == [("edge-1",), ("gw2",)]
    assert fleet.changes()[0][:3] == ("renamed", "edge-1", "gw1")
    with psycopg.connect(fleet.cluster.dsn(NAME, user="rex")) as rex:
        for name in ("gw1", "edge-1"):
            asked = rex.execute(
                "SELECT ctaudit.resume_position(%s, %s)", (name, gateway.stream)
            ).fetchone()
            assert asked == (gateway.position,)


def test_who_finds_it_under_both_names_and_says_so(fleet: Fleet) -> None:
    fleet.node("rename", "gw1", "edge-1")
    fleet.node("rename", "edge-1", "edge-2")
    for name in ("gw1", "edge-1", "edge-2"):
        said = who(fleet.auditor, "1.2.3.4:53500", 60, "--node", name)
        assert said.status == 0, said
        assert "  gateway    edge-2" in said.out
        was = f"The gateway that was called {name} is called edge-2 now."
        assert (was in said.out) == (name != "edge-2")
    listed = run("node", "list", "--json", "--dsn", fleet.auditor).json["nodes"][0]
    assert (listed["node"], listed["former_names"]) == ("edge-2", ["edge-1", "gw1"])
    assert run("flows", "--node", "gw1", "--dsn", fleet.auditor).out.count("192.168.1.129") == 1
    live = fleet.do("SELECT node FROM ctaudit.live('gw1')")
    assert live == [("edge-2",)]


def test_commands_take_a_former_name(fleet: Fleet) -> None:
    fleet.node("rename", "gw1", "edge-1")
    assert fleet.node("rename", "gw1", "edge-2").startswith("edge-1 is called edge-2 now, ")
    assert fleet.node("retire", "gw1").startswith("edge-2 is retired: ")
    assert fleet.node("revive", "edge-1") == "edge-2 is asked about all times again.\n"
    assert "edge-2 is not retired" in refuse(2, "node", "revive", "gw1", "--dsn", fleet.dsn)
    said = refuse(2, "node", "rename", "gw1", "edge-2", "--dsn", fleet.dsn)
    assert said == "edge-2 is called so already"
    made = fleet.do("SELECT ctaudit.set_hold('x', now() - '1 day'::interval, now(), 'gw1')")
    assert len(made) == 1
    assert fleet.do("SELECT node FROM ctaudit.holds()") == [("edge-2",)]
    fleet.do("DELETE FROM ctaudit.hold")


def test_a_name_that_it_has_again_is_no_former_one(fleet: Fleet) -> None:
    for name in ("x", "gw1", "x", "gw1"):
        fleet.node("rename", "gw1", name)
    shown = run("node", "list", "--dsn", fleet.auditor).out
    assert [line.split() for line in shown.splitlines() if "formerly" in line] == [
        ["formerly", "x"]
    ]


def test_a_former_name_of_two_gateways(fleet: Fleet) -> None:
    """Who has the name stands before who had it; of those who had it none is meant."""
    fleet.node("rename", "gw1", "edge-1")
    fleet.node("rename", "gw2", "gw1")
    assert "stop its receiver first" in refuse(2, "node", "retire", "gw1", "--dsn", fleet.dsn)
    fleet.node("rename", "gw1", "edge-2")
    for words in (["retire"], ["revive"], ["rename", "x"]):
        said = refuse(2, "node", words[0], "gw1", *words[1:], "--dsn", fleet.dsn)
        assert said == (
            "gw1 was the name of several gateways; give the name that it has now: edge-1 or edge-2"
        )


def test_check_of_a_gateway_by_a_former_name(fleet: Fleet) -> None:
    """Its configuration has the old name until somebody changes it."""
    gateway = fleet.gateways[0]
    gateway.note("scope", after(705), {"public": [], "internal": [], "source": "configured"})
    fleet.do(
        "INSERT INTO ctaudit.gap (node, stream, cause, gap_from, gap_until, lost, "
        f"hides_openings, hides_ends) VALUES "
        f"('gw1', '{gateway.stream}', 'not announced', now(), now(), 7, true, false)"
    )
    fleet.do(
        "UPDATE ctaudit.stream SET detail = detail || '{\"pair\": \"gw2\"}' WHERE node = 'gw1'"
    )
    asked = [
        "SELECT number FROM ctaudit.unannounced('gw1')",
        "SELECT outside FROM ctaudit.outside_scope('gw1')",
        "SELECT pair FROM ctaudit.pairs('gw1')",
    ]
    before = [fleet.do(question) for question in asked]
    assert all(before), before
    fleet.node("rename", "gw1", "edge-1")
    assert [fleet.do(question) for question in asked] == before


def test_marks_of_the_spool_are_on_record(fleet: Fleet) -> None:
    """B3: the new name's start retires the old one; by the recorder, and it says why."""
    old = fleet.gateways[0]
    old.note("stop", after(610), {"reason": "its socket was found closed"})
    new = Gateway(fleet.cluster.dsn(NAME, user="rex"), "edge-1")
    earlier = {"node": "gw1", "stream": str(old.stream)}
    new.note("start", after(611), {"mode": "live", "earlier": earlier})
    new.dump(after(612))
    new.record([], COVERED)
    new.close()
    assert who(fleet.auditor, "1.2.3.4:53599", 1200).status == 1
    assert who(fleet.auditor, "1.2.3.4:53599", 300).status == 1
    assert who(fleet.auditor, "1.2.3.4:53599", 610).status == 4
    assert fleet.changes() == [
        ("retired", "gw1", None, after(611), "its spool goes on as that of edge-1", "rex", "")
    ]


@pytest.mark.parametrize("what", ["it has not stopped", "another goes on", "retired by hand"])
def test_marks_that_the_record_does_not_confirm(fleet: Fleet, what: str) -> None:
    """As those of a copied spool, whose original goes on; and the owner's word stands."""
    old = fleet.gateways[0]
    if what == "another goes on":
        old.note("stop", after(610), {})
        again = Gateway(fleet.cluster.dsn(NAME, user="rex"), "gw1")
        again.listen(after(610))
        again.close()
    elif what == "retired by hand":
        fleet.node("retire", "gw1")
    before = fleet.changes(), fleet.do("SELECT retired_at FROM ctaudit.node ORDER BY node")
    new = Gateway(fleet.cluster.dsn(NAME, user="rex"), "a-copy")
    earlier = {"node": "gw1", "stream": str(old.stream)}
    new.note("start", after(1000), {"mode": "live", "earlier": earlier})
    new.close()
    fleet.do("UPDATE ctaudit.node SET comment = 'a copy' WHERE node = 'a-copy'")
    now = "SELECT retired_at FROM ctaudit.node WHERE comment IS NULL ORDER BY node"
    assert (fleet.changes(), fleet.do(now)) == before


def test_come_back_is_on_record(fleet: Fleet) -> None:
    fleet.node("retire", "gw1")
    again = Gateway(fleet.cluster.dsn(NAME, user="rex"), "gw1")
    again.listen(after(1000))
    again.close()
    assert [change[:2] for change in fleet.changes()] == [("retired", "gw1"), ("revived", "gw1")]
    assert fleet.changes()[1][5] == "rex"
    assert "it started at " in str(fleet.changes()[1][4])


def findings(dsn: str) -> dict[str, Finding]:
    found = check_database.check_database(dsn, "ctaudit.record_live", "gw1")
    return {item.name: item for item in found}


def test_check_names_the_command(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_database, "RECORDER_USER", "no-such-user")
    found = findings(fleet.dsn)["gateways"]
    assert found.level is Level.WARNING
    assert found.found.startswith("gw1 has recorded nothing since ")
    assert found.remedy.startswith("if gw1 is gone: ctaudit node retire gw1 --at '")
    fleet.node("retire", "gw1")
    assert findings(fleet.dsn)["gateways"].level is Level.GOOD
    # The recorder's login reads nothing, of gateways either.
    assert "gateways" not in findings(fleet.cluster.dsn(NAME, user="rex"))
