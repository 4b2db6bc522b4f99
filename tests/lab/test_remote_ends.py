"""privacy.remote = false on real traffic: nothing durable holds a remote end, and who answers."""

from __future__ import annotations

import psycopg

from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import rigging
from lab.service import started
from lab.traffic import make_traffic
from lab.witness import delete_all
from lab.witness.compare import name_public

SETTINGS = {
    "privacy": "remote = false",
    "scope": 'internal = ["192.168.1.0/24", "2a01:e35:1394:5bd0::/64"]',
}
KINDS = ("tcp-close", "udp-answered", "icmp-echo", "dnat-tcp", "tcp6-close")
REMOTE = ("19.1.16.7", "61.174.51.209", "2001:41d0:1:9598::1")


def test_no_remote_end_is_kept(lab: Lab, cluster: Cluster) -> None:
    delete_all(lab)
    make_traffic(lab, "udp-answered")  # shown by a table dump alone
    with (
        rigging(lab, cluster, settings=SETTINGS) as rig,
        started(rig, "record"),
        started(rig, "receive"),
    ):
        rig.wait_until_listening()
        for kind in KINDS:
            make_traffic(lab, kind)
        delete_all(lab)
        rig.wait_until_recorded()
        flows = rig.rows("flow")
        assert len(flows) == len(KINDS) + 1
        tables = rig.query(
            "SELECT c.relname FROM pg_class AS c WHERE c.relkind = 'r'"
            " AND c.relnamespace = 'ctaudit'::regnamespace"
        )
        with psycopg.connect(rig.owner_dsn) as connection:
            for (table,) in tables:
                rows = connection.execute(f"SELECT t::text FROM ctaudit.{table} AS t")  # type: ignore[arg-type]
                text = "\n".join(row[0] for row in rows)
                assert not [each for each in REMOTE if each in text], table
        said = rig.log("record").read_text()
        assert "DESTROY tcp" in said
        assert not [each for each in REMOTE if each in said]
        ((covered_from,),) = rig.query("SELECT min(covered_from) FROM ctaudit.coverage")
        answered = 0
        for row in flows:
            if row["status"] & 0x30 == 0 or row["proto"] == 1 or row["started_at"] < covered_from:
                continue
            public = name_public(row)
            middle = row["started_at"] + (row["ended_at"] - row["started_at"]) / 2
            reply = rig.who(public, middle)
            assert (reply["verdict"], len(reply["answers"])) == ("one", 1), reply
            assert reply["hosts"][0].startswith("192.168.1.1")
            assert rig.who(public, middle, "--to", "19.1.16.7")["verdict"] == "unknown"
            answered += 1
        assert answered >= 3
