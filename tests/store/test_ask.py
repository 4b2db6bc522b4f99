"""who against a real store: each verdict, each way of asking."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from ctaudit.query import lookup
from ctaudit.query.answer import Coverage
from ctaudit.query.question import read_who
from lab.cluster import Cluster
from tests.store.gateway import Gateway, ended, nanoseconds, opened, tuples
from tests.store.scenario import (
    ARTICLE,
    COUNTS,
    COVERED,
    REUSED_A,
    REUSED_B,
    STANDING,
    after,
    fill_live,
    run,
    who,
)


def test_one(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:53500", 60)
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert lines[0] == "192.168.1.129:53400 was behind 1.2.3.4:53500 (tcp to 19.1.16.7:443)"
    assert lines[1].startswith("  started    ")
    assert lines[1].endswith(".250000+01:00 (kernel)")
    assert lines[3] == "  duration   2 min 3.280 s, which includes the kernel's closing time-out"
    assert "  sent       23 packets, 5,600 bytes" in lines
    assert "  gateway    gw1" in lines
    assert "  mark       0x2a" in lines
    assert lines[-1] == "The record is complete here."
    assert done.err == ""


def test_one_with_every_narrowing(dsn: str) -> None:
    words = ["--to", "19.1.16.7:443", "--proto", "tcp", "--node", "gw1", "--within", "3"]
    assert who(dsn, "1.2.3.4:53500", 60, *words).status == 0
    for other in (["--to", "19.1.16.8"], ["--to", "19.1.16.7:80"], ["--proto", "udp"]):
        assert who(dsn, "1.2.3.4:53500", 60, *other).status == 1


def test_json(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:53500", 60, "--json", "--to", "19.1.16.7")
    reply = done.json
    assert done.status == reply["exit_status"] == 0
    assert (reply["verdict"], reply["complete"], reply["cut"]) == ("one", True, False)
    assert reply["hosts"] == ["192.168.1.129"]
    assert reply["question"]["from"] == after(60).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    (answer,) = reply["answers"]
    expected = {
        **ARTICLE,
        "host": "192.168.1.129", "host_port": 53400, "public": "1.2.3.4", "public_port": 53500,
        "remote": "19.1.16.7", "remote_port": 443, "proto_name": "tcp", "direction": "outward",
        "node": "gw1", "zone": 0, "state": "ended", "exact": True, "duration_seconds": 123.28,
        "started_at": after(0.25).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "started_source": "kernel",
        "ended_at": after(123.53).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "ended_source": "kernel",
        "provenance": "event",
    }  # fmt: skip
    assert {name: answer[name] for name in expected} == expected
    (coverage,) = reply["completeness"]
    assert (coverage["node"], coverage["complete"]) == ("gw1", True)


def test_none_over_a_complete_record(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:53999", 60)
    assert done.status == 1
    assert done.out.splitlines()[0] == "No connection is recorded for 1.2.3.4:53999."
    assert done.out.splitlines()[-1].startswith("The record of the connections that conntrack")
    for seconds in (-10, 300):  # before it began, after it ended
        assert who(dsn, "1.2.3.4:53500", seconds).status == 1


def test_edges_of_a_connection(dsn: str) -> None:
    """It began at 0.25 s and ended at 123.53 s: whole seconds and fractions around them."""
    for seconds, status in ((0, 0), (-1, 1), (0.249, 1), (0.25, 0), (123, 0), (124, 1), (123.6, 1)):
        assert who(dsn, "1.2.3.4:53500", seconds).status == status, seconds
    assert who(dsn, "1.2.3.4:53500", -2, "--within", "1").status == 1
    assert who(dsn, "1.2.3.4:53500", -2, "--within", "1.5").status == 0
    assert who(dsn, "1.2.3.4:53500", 125, "--within", "2").status == 0


def test_several(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:53600", 60)
    assert done.status == 3
    assert done.out.splitlines()[0] == "2 candidates for 1.2.3.4:53600:"
    assert "1. 192.168.1.131:1111 was behind 1.2.3.4:53600" in done.out
    assert "2. 192.168.1.129:1111 was behind 1.2.3.4:53600" in done.out
    assert "To distinguish them, add: --to with the remote address." in done.out
    reply = who(dsn, "1.2.3.4:53600", 60, "--json").json
    assert (reply["verdict"], reply["exit_status"]) == ("several", 3)
    assert reply["hosts"] == ["192.168.1.129", "192.168.1.131"]
    assert who(dsn, "1.2.3.4:53600", 60, "--to", "68.232.35.139:443").status == 0


def test_a_port_used_twice_in_a_second_is_told_apart_by_a_fraction(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:53800", 30)
    assert done.status == 3
    assert "a more exact --at, with a fraction of the second" in done.out
    for seconds, host in ((30.1, "192.168.1.129"), (30.7, "192.168.1.131")):
        reply = who(dsn, "1.2.3.4:53800", seconds, "--json").json
        assert (reply["verdict"], reply["hosts"]) == ("one", [host])
    assert who(dsn, "1.2.3.4:53800", 30.4).status == 1


def test_still_open(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:53700", 600)
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert lines[0] == "192.168.1.130:5353 was behind 1.2.3.4:53700 (udp to 19.1.16.7:53)"
    assert "  ended      still open" in lines
    assert "(receiver, no later than this; no earlier than " in lines[1]
    assert not [line for line in lines if "duration" in line]


def test_forwarded_port(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:8443", 60)
    assert done.status == 0, done
    first = done.out.splitlines()[0]
    assert first == "192.168.1.130:443 was behind 1.2.3.4:8443 (tcp from 61.174.51.209:6000)"
    reply = who(dsn, "1.2.3.4:8443", 60, "--to", "61.174.51.209:6000", "--json").json
    answer = reply["answers"][0]
    assert (answer["direction"], answer["host"], answer["host_port"]) == (
        "inward", "192.168.1.130", 443,
    )  # fmt: skip
    assert (answer["remote"], answer["remote_port"]) == ("61.174.51.209", 6000)


def test_ipv6(dsn: str) -> None:
    done = who(dsn, "[2001:41d0:1:9598::4]:51162", 60, "--to", "[2001:41d0:1:9598::1]:22")
    assert done.status == 0, done
    assert done.out.startswith(
        "[2a01:e35:1394:5bd0::66]:51162 was behind [2001:41d0:1:9598::4]:51162 "
        "(tcp to [2001:41d0:1:9598::1]:22)\n"
    )


def test_icmp_by_its_id_and_without(dsn: str) -> None:
    for public in ("1.2.3.4:4712", "1.2.3.4"):
        done = who(dsn, public, 10, "--proto", "icmp", "--to", "19.1.16.7")
        assert done.status == 0, done
        assert done.out.startswith(
            "192.168.1.129 id 4711 was behind 1.2.3.4 id 4712 (icmp to 19.1.16.7)\n"
        )
    assert who(dsn, "1.2.3.4:4711", 10, "--proto", "icmp").status == 1


def test_any_port(dsn: str) -> None:
    done = who(dsn, "1.2.3.4", 10)
    assert done.status == 3
    assert "candidates for 1.2.3.4 (any port):" in done.out
    assert "add: the port; --proto (icmp, tcp, udp); " in done.out


@pytest.mark.parametrize(
    ("seconds", "why"),
    [
        (1005, "gw1: gap (overrun) from "),
        (999, "gw1: gap (overrun) from "),
        (-600, "gw1: before the first coverage, which begins at "),
        (-601, "no gateway had a record then"),
        (-3600, "no gateway had a record then"),
        (3700, "gw1: not yet recorded: covered until "),
    ],
)
def test_unknown(dsn: str, seconds: float, why: str) -> None:
    """In a gap, touching one, before the first record, beyond what is committed."""
    words = ["--within", "2"] if seconds == 999 else []
    done = who(dsn, "1.2.3.4:53999", seconds, *words)
    assert done.status == 4, done
    lines = done.out.splitlines()
    assert lines[0] == "No connection is recorded for 1.2.3.4:53999."
    assert not [line for line in lines if "+00" in line]  # all in the reader's zone
    (line,) = [line for line in lines if line.startswith("Unknown: ")]
    assert why in line
    assert "complete" not in done.out.replace("incomplete", "")
    reply = who(dsn, "1.2.3.4:53999", seconds, "--json", *words).json
    assert (reply["verdict"], reply["exit_status"], reply["complete"]) == ("unknown", 4, False)
    assert [why in reason for reason in reply["reasons"]] == [True]
    for item in reply["completeness"]:
        assert (item["complete"], item["why"]) == (False, reply["reasons"][0])


def test_the_last_second_is_unknown(dsn: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    assert run("who", "1.2.3.4:53999", "--at", now, "--dsn", dsn).status == 4


def test_a_candidate_in_a_gap_is_shown_and_unknown(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:53900", 1005)
    assert done.status == 4
    lines = done.out.splitlines()
    assert lines[0].startswith("192.168.1.132:3333 was behind 1.2.3.4:53900")
    assert lines[-1] == "Another connection may be the one asked for."
    assert who(dsn, "1.2.3.4:53900", 995).status == 0
    assert who(dsn, "1.2.3.4:53900", 1020).status == 0


def test_a_node_that_is_not_known(dsn: str) -> None:
    done = who(dsn, "1.2.3.4:53500", 60, "--node", "gw9")
    assert done.status == 4
    assert "Unknown: no gateway named gw9 is known." in done.out


def test_local_time_is_read_and_printed_with_its_zone(dsn: str) -> None:
    for zone, offset in (("UTC", "+00:00 to before"), ("Asia/Kolkata", "+05:30 to before")):
        env = {"TZ": zone}
        shown = subprocess.run(
            ["/usr/bin/date", "-d", f"@{after(60).timestamp()}", "+%Y-%m-%d %H:%M:%S"],
            env=env, capture_output=True, text=True, check=True, timeout=10,
        ).stdout.strip()  # fmt: skip
        done = run("who", "1.2.3.4:53500", "--at", shown, "--dsn", dsn, env=env)
        assert done.status == 0, (shown, done)
        assert f"Asked: {shown}{offset}" in done.out


def test_every_question_is_recorded(cluster: Cluster, dsn: str) -> None:
    def count() -> int:
        with psycopg.connect(cluster.dsn()) as connection:
            row = connection.execute(
                "SELECT count(*) FROM ctaudit.inquiry WHERE asked_by = 'audrey'"
            ).fetchone()
        assert row is not None
        return int(row[0])

    before = count()
    who(dsn, "1.2.3.4:53500", 60)
    run("flows", "--dsn", dsn)
    assert count() == before + 2


def test_what_is_committed_while_asking_is_not_taken_for_covered(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An opening and its coverage are committed after who, before completeness."""
    cluster.create_database("race")
    schema.install(cluster.dsn("race"))
    gateway = Gateway(cluster.dsn("race", user="rex"), "gw1")
    gateway.listen(after(-600))
    gateway.record([], after(10))
    select = lookup.select_rows

    def select_late(connection: Any, shape: Any, *rest: Any) -> Any:
        if shape is Coverage:
            gateway.record([opened(ARTICLE, after(50))], after(100))
        return select(connection, shape, *rest)

    monkeypatch.setattr(lookup, "select_rows", select_late)
    question = read_who("1.2.3.4:53500", after(60).isoformat())
    with psycopg.connect(cluster.dsn("race", user="audrey")) as connection:
        reply = lookup.ask_who(connection, question)
    assert (reply.answers, reply.verdict.exit_status) == ((), 4)
    gateway.close()
    assert who(cluster.dsn("race", user="audrey"), "1.2.3.4:53500", 60).status == 0


def test_nat_mode_is_never_exact(cluster: Cluster) -> None:
    cluster.create_database("nat")
    schema.install(cluster.dsn("nat"))
    gateway = Gateway(cluster.dsn("nat", user="rex"), "gwn", "nat")
    gateway.listen(after(-600))
    gateway.record([opened(REUSED_A, after(20)), opened(REUSED_B, after(40))], COVERED)
    gateway.close()
    dsn = cluster.dsn("nat", user="audrey")
    done = who(dsn, "1.2.3.4:53800", 60, "--to", "19.1.16.7:443")
    assert done.status == 4, done
    assert done.out.startswith("192.168.1.131:2222 was behind 1.2.3.4:53800")
    assert "  ended      unknown, no end is recorded" in done.out
    reply = who(dsn, "1.2.3.4:53800", 30, "--json").json
    assert [answer["host"] for answer in reply["answers"]] == ["192.168.1.129"]
    assert (reply["answers"][0]["state"], reply["answers"][0]["exact"]) == ("unknown", False)
    assert who(dsn, "1.2.3.4:1", 60).status == 4


def test_history_mode_is_exact_after_the_next_dump(cluster: Cluster) -> None:
    cluster.create_database("history")
    schema.install(cluster.dsn("history"))
    dsn = cluster.dsn("history", user="audrey")
    gateway = Gateway(cluster.dsn("history", user="rex"), "gwh", "history")
    gateway.listen(after(-600))
    gateway.record([ended(ARTICLE, after(0.25), after(123.53))], after(200))
    shown = who(dsn, "1.2.3.4:53500", 60)
    assert shown.status == 4, shown
    assert shown.out.startswith("192.168.1.129:53400 was behind 1.2.3.4:53500")
    assert who(dsn, "1.2.3.4:53700", 60).status == 4
    gateway.dump(after(300), [{**STANDING, **COUNTS, "start_sent": after(3)}])
    gateway.record([], after(366))
    gateway.close()
    assert who(dsn, "1.2.3.4:53500", 60).status == 0
    assert who(dsn, "1.2.3.4:53999", 60).status == 1
    alive = who(dsn, "1.2.3.4:53700", 60)
    assert alive.status == 0, alive
    assert alive.out.startswith("192.168.1.130:5353 was behind 1.2.3.4:53700")


def test_a_gap_of_udp_alone(cluster: Cluster) -> None:
    cluster.create_database("clash")
    schema.install(cluster.dsn("clash"))
    dsn = cluster.dsn("clash", user="audrey")
    gateway = Gateway(cluster.dsn("clash", user="rex"), "gw1")
    gateway.listen(after(-600))
    gateway.record([opened(ARTICLE, after(0.25))], after(59))
    clashes = {"count": 2, "since": nanoseconds(after(59)), "udp_timeout": 120}
    gateway.note("clashes", after(60), clashes)
    gateway.record([], after(300))
    gateway.close()
    done = who(dsn, "1.2.3.4:53500", 60)
    assert done.status == 4, done
    first, second = done.out.splitlines()[-3:-1]
    assert first.startswith("Unknown: gw1: gap (clashes) of udp from ")
    assert first.endswith(", 2 lost.")
    assert second == "tcp: one, proven; udp: unknown; other: none, proven."
    reply = who(dsn, "1.2.3.4:53500", 60, "--json").json
    assert (reply["verdict"], reply["complete"]) == ("unknown", False)
    assert {name: one["exit_status"] for name, one in reply["protocols"].items()} == {
        "tcp": 0, "udp": 4, "other": 1,
    }  # fmt: skip
    tcp = who(dsn, "1.2.3.4:53500", 60, "--json", "--proto", "tcp")
    assert (tcp.status, tcp.json["complete"], tcp.json["protocols"]) == (0, True, {})
    assert who(dsn, "1.2.3.4:53500", 60, "--proto", "udp").status == 4
    assert who(dsn, "1.2.3.4:53500", 200).status == 0
    with psycopg.connect(dsn) as connection:
        asked = (after(60), after(61))
        call = "SELECT complete, protocols FROM ctaudit.completeness('gw1', %s, %s{})"
        for more, expected in (
            ("", (False, [17])),
            (", 17::smallint", (False, [])),
            (", 6::smallint", (True, [])),
            (", p_proto => -1::smallint", (True, [])),
        ):
            assert connection.execute(call.format(more), asked).fetchone() == expected
        assert connection.execute("SELECT proto FROM ctaudit.gaps('gw1')").fetchall()[-1] == (17,)


def test_every_gateway_is_asked_and_one_alone_can_be(cluster: Cluster) -> None:
    cluster.create_database("fleet")
    schema.install(cluster.dsn("fleet"))
    dsn = cluster.dsn("fleet", user="audrey")
    fill_live(cluster.dsn("fleet", user="rex"))
    second = Gateway(cluster.dsn("fleet", user="rex"), "gw2")
    second.listen(after(-300))
    elsewhere = {**ARTICLE, **tuples("10.0.0.5 1 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500")}
    second.record([opened(elsewhere, after(10))], after(30))
    second.close()
    done = who(dsn, "1.2.3.4:53500", 20)
    assert done.status == 3
    assert "add: --node (gw1, gw2)." in done.out
    assert who(dsn, "1.2.3.4:53500", 20, "--node", "gw2").status == 0
    assert who(dsn, "1.2.3.4:53600", 60).status == 4
    assert who(dsn, "1.2.3.4:53600", 60, "--node", "gw1").status == 3
