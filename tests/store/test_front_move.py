"""A gateway moves from one store to another: what a front says of connections that were open."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ctaudit.admin.move import move
from ctaudit.database.connection import connect
from ctaudit.database.dsn import describe_target, parse_dsn
from ctaudit.query.lookup import ask_who
from ctaudit.query.question import read_who
from ctaudit.query.reply import Reply
from lab.stores import Fleet
from tests.store.conftest import LOGINS
from tests.store.fleets import open_fleet, stopped
from tests.store.gateway import Event, Gateway, ended, opened, tuples
from tests.store.scenario import COUNTS, COVERED, OUT, after, refuse, run

_NETS = itertools.count(9)
TOLD = {"mode": "live", "timestamp": 1, "events": 1}
BYTES = COUNTS["orig_bytes"] + COUNTS["reply_bytes"]


@pytest.fixture(scope="module")
def made() -> Iterator[Fleet]:
    with open_fleet("ab", LOGINS, {"fsync": "off"}, patience=30.0) as made:
        yield made


class Moving:
    """A gateway that records in store a, then in b, and perhaps in a again: one stream."""

    def __init__(self, made: Fleet, node: str, net: int) -> None:
        self.made, self.node, self.net = made, node, net
        self.gateway = Gateway(made.stores["a"].dsn(user="rex"), node)
        self.at = "a"
        self.gateway.note("start", after(-600), TOLD)
        self.gateway.dump(after(-599))

    def make(self, port: int) -> Event:
        return {
            **tuples(
                f"192.168.{self.net}.{port} 40000 > 19.1.16.7 443",
                f"19.1.16.7 443 > 1.2.3.{self.net} {port}",
            ),
            **COUNTS, "proto": 6, "ct_id": port, "status": OUT,
        }  # fmt: skip

    def dump(self, at: float, *entries: tuple[int, float]) -> None:
        """A table dump with these ports, which began then; it is compared with what follows."""
        shown = [{**self.make(port), "start_sent": after(start)} for port, start in entries]
        self.gateway.dump(after(at), shown)
        for second in range(3):
            self.gateway.record([], after(at + 2 + second))

    def move(self, to: str) -> None:
        move(self.made.stores[self.at].dsn(), self.node, self.made.stores[to].dsn(), "rex", None)
        before = self.gateway
        self.gateway = Gateway(self.made.stores[to].dsn(user="rex"), self.node)
        self.gateway.stream, self.gateway.position = before.stream, before.position
        self.at = to
        before.close()

    def ask(self, port: int, seconds: float, *, of_any: bool = False, **words: Any) -> Reply:
        """``of_any``: of any gateway, of which some in these stores are not covered until then."""
        with connect(self.made.dsn("audrey"), "auditor") as connection:
            public = f"1.2.3.{self.net}:{port}"
            node = None if of_any else self.node
            question = read_who(public, after(seconds).isoformat(), node=node, **words)
            return ask_who(connection, question, with_hints=False)

    def say(self, port: int, seconds: float, *, of_any: bool = False) -> tuple[str, list[str]]:
        reply = self.ask(port, seconds, of_any=of_any)
        return reply.verdict.name, [str(one.host) for one in reply.answers]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """``query`` at the front; %(node)s is the gateway."""
        with connect(self.made.dsn("audrey"), "auditor") as connection:
            return connection.execute(query.encode(), {"node": self.node}).fetchall()

    def flows(self, since: float | None = None) -> list[tuple[Any, ...]]:
        """Port, begin and end, by port; ``since``: of those alive in the 100 s from then on."""
        span = ""
        if since is not None:
            span = f", p_from => '{after(since)}', p_until => '{after(since + 100)}'"
        return self.rows(
            f"SELECT reply_dport, started_at, ended_at FROM ctaudit.flows(p_node => %(node)s{span})"
            " ORDER BY 1"
        )

    def live(self) -> list[int]:
        rows = self.rows("SELECT reply_dport FROM ctaudit.live(%(node)s) ORDER BY 1")
        return [port for (port,) in rows]

    def gaps(self) -> list[str]:
        return [
            cause
            for (cause,) in self.rows("SELECT cause FROM ctaudit.gaps() WHERE node = %(node)s")
        ]


@pytest.fixture
def moving(made: Fleet) -> Iterator[Moving]:
    net = next(_NETS)
    moving = Moving(made, f"gw{net}", net)
    yield moving
    moving.gateway.close()


def host(moving: Moving, port: int) -> list[str]:
    return [f"192.168.{moving.net}.{port}"]


def test_a_gateway_moves_to_another_store(made: Fleet, moving: Moving) -> None:
    before, across, since = map(moving.make, (8, 9, 7))
    old = moving.gateway
    old.record(
        [opened(before, after(10)), ended(before, after(10), after(50)), opened(across, after(20))],
        after(1000),
    )
    moving.dump(1010, (9, 20))
    old.record([], after(1140))
    words = ("node", "move", moving.node, "--dsn", made.stores["a"].dsn(), "--login", "rex")
    done = run(*words, "--to", made.stores["b"].dsn())
    assert done.status == 0, done.err
    assert f"{moving.node} is recorded in " in done.out
    assert "systemctl reload ctaudit-receiver" in done.out
    # A call that is repeated changes nothing; one to a third store is refused.
    moving.move("b")
    assert "was handed over to" in refuse(
        2, *words, "--to", "host=third.example.net dbname=ctaudit"
    )
    late = Gateway(made.stores["a"].dsn(user="rex"), "another")
    late.node, late.stream, late.position = moving.node, old.stream, old.position
    with pytest.raises(psycopg.Error, match=moving.node):
        late.record([], after(1300))
    late.close()
    moving.gateway.record(
        [opened(since, after(1300)), ended(since, after(1300), after(1310)),
         ended(across, after(20), after(1500))],
        after(1600),
    )  # fmt: skip
    moving.dump(1700)
    moving.gateway.record([], COVERED)
    for of_any in (True, False):
        assert moving.say(8, 30, of_any=of_any) == ("one", host(moving, 8))
        assert moving.say(8, 900, of_any=of_any) == ("none", [])
        assert moving.say(7, 1305, of_any=of_any) == ("one", host(moving, 7))
        assert moving.say(7, 1400, of_any=of_any) == ("none", [])
        # Opened in one store, ended in the other: one connection on both sides of the move.
        assert moving.say(9, 500, of_any=of_any) == ("one", host(moving, 9))
        assert moving.say(9, 1400, of_any=of_any) == ("one", host(moving, 9))
        # A span over the move is of both, and of neither alone.
        reply = moving.ask(9, 1040, of_any=of_any, within="300")
        assert reply.verdict.name == "unknown"
        assert len(reply.connections) == 1
    assert moving.flows() == [
        (7, after(1300), after(1310)), (8, after(10), after(50)), (9, after(20), after(1500)),
    ]  # fmt: skip
    # It ended in the other store before.
    assert moving.flows(1550) == []
    assert [port for port, *_ in moving.flows(1400)] == [9]
    assert moving.live() == []
    uncovered = moving.rows(
        f"SELECT * FROM ctaudit.uncovered(%(node)s, '{after(0)}', '{after(1650)}')"
    )
    assert uncovered == []


def test_what_is_open_across_the_move(made: Fleet, moving: Moving) -> None:
    """Known with the first dump after it; until then nobody says what is open."""
    moving.gateway.record([opened(moving.make(port), after(20)) for port in (1, 2)], after(100))
    moving.dump(200, (1, 20), (2, 20))
    moving.move("b")
    moving.gateway.record(
        [opened(moving.make(3), after(310)), ended(moving.make(2), after(20), after(320))],
        after(400),
    )
    with pytest.raises(psycopg.Error, match="no table dump has been recorded since"):
        moving.live()
    assert moving.say(1, 390)[0] == "unknown"
    assert [row[0] for row in moving.flows()] == [1, 2, 3]
    moving.dump(410, (1, 20), (3, 310))
    moving.gateway.record([], after(1000))
    assert moving.live() == [1, 3]
    # Open still; the kernel had announced it, and would announce its end.
    assert moving.say(1, 900) == ("one", host(moving, 1))
    assert moving.say(1, 100) == ("one", host(moving, 1))
    assert moving.say(2, 900) == ("none", [])
    assert moving.flows() == [
        (1, after(20), None), (2, after(20), after(320)), (3, after(310), None),
    ]  # fmt: skip
    with stopped(made, "a"):
        reply = moving.ask(1, 900)
        assert reply.verdict.name == "unknown"
        assert [str(one.host) for one in reply.answers] == host(moving, 1)
    with stopped(made, "b"):
        reply = moving.ask(1, 900)
        assert reply.verdict.name == "unknown"
        assert any("store b is not reachable" in why for why in reply.verdict.reasons)
        with pytest.raises(psycopg.Error, match="store b is not reachable"):
            moving.live()


TRAFFIC = """
SELECT bucket_from, connections, began, uncounted, bytes, interpolated_bytes, bytes_error
FROM ctaudit.traffic('{}', '{}', '{} s', p_node => %(node)s) ORDER BY 1
"""


def test_nothing_flowed_twice(moving: Moving) -> None:
    """Each store counts what flowed while the gateway recorded there."""
    moving.gateway.record([opened(moving.make(1), after(0))], after(100))
    moving.dump(200, (1, 0))
    moving.gateway.record([], after(400))
    moving.move("b")
    grown = {**moving.make(1), "orig_bytes": 10 * BYTES, "reply_bytes": 0}
    moving.gateway.record([ended(grown, after(0), after(800))], after(900))
    moving.dump(910)
    moving.gateway.record([], after(2000))
    rows = moving.rows(TRAFFIC.format(after(0), after(1200), 400))
    assert rows == [
        # What the dump had shown by 200; of the time until the move nothing more is known.
        (after(0), 1, 1, 1, BYTES, 0, 0),
        # Half of its time, so half of its bytes; or all, or none.
        (after(400), 1, 0, 0, 5 * BYTES, 5 * BYTES, 5 * BYTES),
    ]
    # A bucket over the move has the connection once.
    rows = moving.rows(TRAFFIC.format(after(0), after(1200), 1200))
    assert [row[1:4] for row in rows] == [(1, 1, 1)]
    assert [row[4] for row in rows] == [6 * BYTES]


def test_it_comes_back(made: Fleet, moving: Moving) -> None:
    """What ended meanwhile did not end in silence; the other store has its end."""
    moving.gateway.record([opened(moving.make(port), after(20)) for port in (1, 2)], after(100))
    moving.dump(200, (1, 20), (2, 20))
    moving.move("b")
    moving.dump(300, (1, 20), (2, 20))
    moving.gateway.record([ended(moving.make(2), after(20), after(500))], after(1000))
    moving.move("a")
    moving.gateway.record([], after(1100))
    with pytest.raises(psycopg.Error, match="no table dump has been recorded since"):
        moving.live()
    moving.dump(1110, (1, 20))
    moving.gateway.record([], after(1300))
    moving.dump(1400, (1, 20))
    for second in range(1500, 1900, 100):
        moving.gateway.record([], after(second))
    assert moving.gaps() == []
    assert moving.live() == [1]
    assert moving.say(1, 1600) == ("one", host(moving, 1))
    assert moving.say(2, 1600) == ("none", [])
    # Each time has the store that recorded then.
    assert moving.say(1, 600) == moving.say(1, 250) == ("one", host(moving, 1))
    assert moving.say(2, 600) == ("none", [])
    assert moving.flows() == [(1, after(20), None), (2, after(20), after(500))]
    # But for the seconds of the moves.
    uncovered = moving.rows(
        "SELECT uncovered_from, uncovered_until FROM ctaudit.uncovered("
        f"%(node)s, '{after(0)}', '{after(1700)}')"
    )
    print(uncovered)
    assert sum((end - begin for begin, end in uncovered), timedelta()) < timedelta(seconds=120)
    # The old store by itself has not heard of its end, and does not say that it was alive.
    with psycopg.connect(made.stores["a"].dsn()) as connection:
        rows = connection.execute(
            "SELECT exact FROM ctaudit.who(%s, 2, %s, %s)",
            (f"1.2.3.{moving.net}", after(700), after(701)),
        ).fetchall()
    assert rows in ([], [(False,)])


def test_a_gateway_between_two_stores(made: Fleet, moving: Moving) -> None:
    """Handed over and not taken: what it forwards meanwhile is unknown, whoever is asked for."""
    a, b = made.stores["a"].dsn(), made.stores["b"].dsn()
    other = Moving(made, f"other{moving.net}", next(_NETS))
    other.gateway.record([], COVERED)
    other.gateway.close()
    moving.gateway.record([], after(300))
    target = describe_target(parse_dsn(b, "--to"))
    with psycopg.connect(a, autocommit=True) as connection:
        connection.execute("SELECT ctaudit.hand_over(%s, %s)", (moving.node, target))
    asked = moving.ask(5, 900, of_any=True)
    assert asked.verdict.name == "unknown"
    [reason] = [why for why in asked.verdict.reasons if why.startswith(moving.node)]
    assert reason.endswith(f"; handed over to {target}")
    lacking = f"SELECT node FROM ctaudit.uncovered(NULL, '{after(400)}', '{after(900)}')"
    assert (moving.node,) in moving.rows(lacking)
    moving.move("b")
    moving.gateway.record([], after(310))
    moving.dump(400)
    moving.gateway.record([], after(1000))
    # Repeated when it has gone on there.
    assert "is recorded in " in move(a, moving.node, b, "rex", None)
    assert moving.say(5, 900, of_any=True) == ("none", [])
    assert moving.node not in [node for (node,) in moving.rows(lacking)]
    # To who asks the old store itself: once it is sure that the other one was asked as well.
    for minutes, names in ((0, {moving.node, other.node}), (20, {other.node})):
        with psycopg.connect(a, autocommit=True) as connection:
            connection.execute(
                "UPDATE ctaudit.stream SET detail = detail || jsonb_build_object('settled_at',"
                " now() - %s * interval '1 min') WHERE node = %s",
                (minutes, moving.node),
            )
            rows = connection.execute(
                "SELECT node FROM ctaudit.completeness(NULL, %s, %s)", (after(900), after(901))
            ).fetchall()
        assert names <= {node for (node,) in rows}
        assert (moving.node in {node for (node,) in rows}) == (moving.node in names)


def test_what_ended_after_the_move_is_no_flow_of_later(moving: Moving) -> None:
    """The old store has not heard of the end; the new one knows what is over, and what is not."""
    moving.gateway.record([opened(moving.make(port), after(20)) for port in (1, 2)], after(100))
    moving.dump(200, (1, 20), (2, 20))
    moving.move("b")
    flows = (
        "SELECT reply_dport, started_at, ended_at FROM ctaudit.flows(p_node => {}, p_from => '{}',"
        " p_open => {}) WHERE node = %(node)s ORDER BY 1"
    )
    told = {"gateway": "%(node)s", "any": "NULL"}
    first, second = (1, after(20), None), (2, after(20), after(500))
    # Until its first table dump the new store does not know.
    known = moving.rows(flows.format(told["gateway"], after(600), False))
    assert known == [first, (2, after(20), None)]
    moving.dump(300, (1, 20), (2, 20))
    moving.gateway.record([ended(moving.make(2), after(20), after(500))], after(1000))
    moving.gateway.record([], datetime.now(UTC))
    for node in told.values():
        assert moving.rows(flows.format(node, after(600), False)) == [first]
        assert moving.rows(flows.format(node, after(400), False)) == [first, second]
        assert moving.rows(flows.format(node, after(600), True)) == [first]
    rows = moving.rows(
        "SELECT reply_dport FROM ctaudit.flows(p_node => %(node)s, p_open => true) ORDER BY 1"
    )
    assert rows == [(1,)]
    with connect(moving.made.dsn("audrey"), "auditor") as connection:
        # As a client may have it: times are sent to the stores as text.
        connection.execute("SET DateStyle = 'SQL, DMY'")
        query = flows.format("%(node)s", after(600), False).replace(", started_at, ended_at", "")
        rows = connection.execute(query.encode(), {"node": moving.node}).fetchall()
    assert rows == [(1,)]
