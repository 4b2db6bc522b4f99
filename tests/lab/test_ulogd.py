"""The same traffic recorded by ulogd2 and by ctaudit: its queries, and its history taken over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit.conntrack.endpoint import ICMP
from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import Rig, rigging
from lab.service import started
from lab.traffic import make_traffic
from lab.ulogd import HASHED, HISTORY, LIVE, recording_with_ulogd
from lab.witness import delete_all

KINDS = ("tcp-close", "udp-answered", "icmp-echo", "dnat-tcp", "tcp6-close", "mark-tcp")
# What reports ask: by address and port, by protocol, by time.
QUERIES = (
    (
        "SELECT orig_ip_saddr_str, orig_l4_sport FROM ulog2_ct WHERE reply_ip_daddr_str = '1.2.3.4'"
        " AND reply_l4_dport IS NOT NULL ORDER BY reply_l4_dport"
    ),
    (
        "SELECT orig_ip_protocol, count(*), sum(orig_raw_pktlen), sum(reply_raw_pktcount)"
        " FROM ulog2_ct GROUP BY 1 ORDER BY 1"
    ),
    (
        "SELECT oob_family, orig_ip_saddr_str, orig_ip_daddr_str, orig_ip_protocol, orig_l4_sport,"
        " orig_l4_dport, orig_raw_pktlen, orig_raw_pktcount, reply_ip_saddr_str,"
        " reply_ip_daddr_str,"
        " reply_ip_protocol, reply_l4_sport, reply_l4_dport, reply_raw_pktlen, reply_raw_pktcount,"
        " icmp_code, icmp_type, ct_mark, flow_start_sec, flow_start_usec, flow_end_sec,"
        " flow_end_usec,"
        " ct_event FROM ulog2_ct ORDER BY flow_start_sec, flow_start_usec"
    ),
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path


@contextmanager
def recorded_by_both(
    lab: Lab, cluster: Cluster, place: Path, how: Mapping[str, str], mode: str
) -> Iterator[tuple[Rig, str]]:
    """The rig, and the name of ulogd2's database."""
    delete_all(lab)
    database = f"ulogd_{place.name.lower()}"
    with (
        rigging(lab, cluster, settings={"": f'mode = "{mode}"'}) as rig,
        started(rig, "record"),
        started(rig, "receive"),
        recording_with_ulogd(lab, cluster, database, place, how) as old,
    ):
        rig.wait_until_listening()
        for kind in KINDS:
            make_traffic(lab, kind)
        delete_all(lab)
        rig.wait_until_recorded()
        ended = "SELECT count(*) FROM ulog2_ct WHERE ct_event = 4"
        rig.wait_until(lambda: old.execute(ended).fetchone() == (len(KINDS),))
        yield rig, database


def answer(dsn: str, query: str, path: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(
        dsn, options=f"-csearch_path={path}", cursor_factory=psycopg.ClientCursor
    ) as connection:
        return connection.execute(query).fetchall()


def test_the_same_query_gives_the_same_rows(lab: Lab, cluster: Cluster, place: Path) -> None:
    """From ulogd2's own table in history mode, and from the view."""
    with recorded_by_both(lab, cluster, place, HISTORY, "history") as (rig, database):
        for query in QUERIES:
            theirs = answer(cluster.dsn(database), query, "public")
            assert theirs
            assert answer(rig.auditor_dsn, query, "ctaudit") == theirs


@pytest.mark.parametrize("how", [HISTORY, LIVE, HASHED], ids=["history", "live", "hashed"])
def test_its_history_is_taken_over(
    lab: Lab, cluster: Cluster, place: Path, how: Mapping[str, str]
) -> None:
    """Each connection that ulogd2 recorded is found at its time, beside our own record of it."""
    with recorded_by_both(lab, cluster, place, how, "live") as (rig, database):
        done = rig.run(
            "import", "ulogd", "--dsn", cluster.dsn(database), "--into", rig.owner_dsn,
            "--node", "old",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        rows = answer(
            cluster.dsn(database),
            "SELECT orig_ip_saddr_str, reply_ip_daddr_str, reply_l4_dport, orig_ip_protocol,"
            " (flow_start_sec * 1000000 + flow_start_usec + flow_end_sec * 1000000"
            " + flow_end_usec) / 2, orig_raw_pktcount FROM ulog2_ct WHERE orig_ip_protocol <> 58"
            " AND reply_ip_daddr_str = '1.2.3.4'",
            "public",
        )
        assert len(rows) == 4
        for source, public, port, proto, middle, packets in rows:
            words = [f"{public}:{port}"] if port is not None else [str(public)]
            at = datetime.fromtimestamp(middle / 1e6, UTC)
            reply = rig.who(words, at, "--proto", str(proto))
            assert reply["verdict"] == "one"
            assert [each["node"] for each in reply["imported"]] == ["old"]
            # ulogd2 has no id of a ping, so that it cannot be known to be the same one.
            assert len(reply["answers"]) == (2 if proto == ICMP else 1)
            seen = [each for found in reply["answers"] for each in found["seen_by"]]
            assert len(seen) == 2
            assert {each["host"] for each in seen} == {str(source)}
            assert "old" in {each["node"] for each in seen}
            (alone,) = rig.who(words, at, "--proto", str(proto), "--node", "old")["answers"]
            assert (alone["provenance"], alone["orig_packets"]) == ("imported", packets)
