"""The URL in docs/from-ulogd.md: its SQL as it stands there, over logs of proxy and resolver."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import SRC_NAT, Event, Gateway, ended, opened, tuples

PAGE = Path(__file__).parents[2] / "docs/from-ulogd.md"

PROXY = "192.168.1.5 41142 > 19.1.16.7 80", "19.1.16.7 80 > 1.2.3.4 53500"
SHOP = "192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53501"
BARE = "192.168.1.129 53402 > 68.232.35.139 443", "68.232.35.139 443 > 1.2.3.4 53502"

# ended, took, client, own end, server's, method, URL. The first two are of the proxy's connection;
# then one of the same port later, one to another server, and one from the cache.
ACCESS = """\
1771757982.500,400,192.168.1.129,192.168.1.5,41142,19.1.16.7,80,GET,"http://www.example.net/"
1771757983.900,120,192.168.1.131,192.168.1.5,41142,19.1.16.7,80,GET,"http://www.example.net/login?u=eve"
1771759983.900,120,192.168.1.132,192.168.1.5,41142,19.1.16.7,80,GET,"http://later.example.net/"
1771757983.900,120,192.168.1.132,192.168.1.5,41142,19.1.16.8,80,GET,"http://else.example.net/"
1771757983.950,0,192.168.1.132,-,-,-,-,GET,"http://cached.example.net/"
"""
# The name of an alias is what was asked for. Another client's answer and an older one do not count.
STEPS = (
    ("11:40:00", "3 192.168.1.129/40000 query[A] old.example.net from 192.168.1.129"),
    ("11:40:00", "3 192.168.1.129/40000 cached old.example.net is 19.1.16.7"),
    ("12:00:07", "7 192.168.1.131/40001 query[A] other.example.net from 192.168.1.131"),
    ("12:00:09", "7 192.168.1.131/40001 cached other.example.net is 19.1.16.7"),
    ("12:00:08", "8 192.168.1.129/40002 query[A] shop.example.net from 192.168.1.129"),
    ("12:00:08", "8 192.168.1.129/40002 forwarded shop.example.net to 9.9.9.9"),
    ("12:00:09", "8 192.168.1.129/40002 reply shop.example.net is <CNAME>"),
    ("12:00:09", "8 192.168.1.129/40002 reply cdn.example.com is 19.1.16.7"),
    ("12:30:09", "9 192.168.1.129/40003 query[A] late.example.net from 192.168.1.129"),
    ("12:30:09", "9 192.168.1.129/40003 reply late.example.net is 19.1.16.7"),
)
RESOLVER = "".join(f"2026-02-22T{clock}+0100 gw1 dnsmasq[812]: {step}\n" for clock, step in STEPS)


@dataclass(frozen=True)
class Block:
    """What stands on the page: the SQL, and what psql prints for it, "" where that is not shown."""

    sql: str
    shown: str


def read_blocks() -> Iterator[Block]:
    _, _, section = PAGE.read_text().partition("\n## The URL\n")
    for sql, shown in re.findall(r"(?ms)^```sql\n(.*?)^```\n(?:```\n(.*?)^```$)?", section):
        yield Block(sql, shown)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-02-22T{clock}+01:00")


def connection(ends: tuple[str, str], number: int) -> Event:
    return {**tuples(*ends), "proto": 6, "ct_id": number, "status": SRC_NAT}


@pytest.fixture
def store(cluster: Cluster) -> str:
    name = f"joined_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    gateway = Gateway(cluster.dsn(name, "rex"), "gw1")
    gateway.listen(at("11:30:00"))
    for number, (ends, begin, seconds) in enumerate([
        (PROXY, "11:59:42.300", 20), (SHOP, "12:00:10.200", 30), (BARE, "12:05:00.100", 5),
    ]):  # fmt: skip
        what, start = connection(ends, number), at(begin)
        stop = start + timedelta(seconds=seconds)
        gateway.record([opened(what, start), ended(what, start, stop)], stop)
    gateway.close()
    return name


def run_psql(cluster: Cluster, dsn: str, script: str, folder: Path) -> str:
    """What psql prints, without blanks at the ends of lines."""
    words = [cluster.client("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-P", "footer=off", "-d", dsn]
    done = subprocess.run(
        words, cwd=folder, input=script, capture_output=True, text=True, check=False,
        env={**os.environ, "PGTZ": "Europe/Berlin"},
    )  # fmt: skip
    assert done.stderr == ""
    return strip(done.stdout)


def strip(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def test_the_sql_of_the_page(cluster: Cluster, store: str, tmp_path: Path) -> None:
    """Tables and logs as the owner, questions as an auditor; both are on record."""
    (tmp_path / "access.csv").write_text(ACCESS)
    (tmp_path / "resolver.log").write_text(RESOLVER)
    blocks = list(read_blocks())
    assert [bool(block.shown) for block in blocks] == [False, False, True, False, True]
    for block in blocks:
        login = cluster.dsn(store, "audrey") if block.shown else cluster.dsn(store)
        assert run_psql(cluster, login, block.sql, tmp_path) == strip(block.shown)
    said = run_psql(
        cluster, cluster.dsn(store),
        r"\pset tuples_only" "\n" "SELECT question, asked_by FROM ctaudit.inquiry ORDER BY 1 DESC",
        tmp_path,
    )  # fmt: skip
    assert said.split() == ["who", "|", "audrey", "flows", "|", "audrey"]
