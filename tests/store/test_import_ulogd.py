"""ulogd2's history taken over: from its own schema in PostgreSQL, and from a CSV of MySQL's."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from lab.ulogd import install_schema
from lab.waiting import wait_until
from tests.store.gateway import SRC_NAT, Gateway, opened, tuples
from tests.store.scenario import SOURCES, Done, fill_live, refuse, run

# Two months ago, so that no partition is there yet.
THEN = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=60)
TCP = "2, '192.168.1.129', '19.1.16.7', 6, 53400, 443, {counts}, '19.1.16.7', '1.2.3.4', 6, 443, "
COUNTED = "5600, 23"


@dataclass(frozen=True)
class Place:
    """The store and ulogd2's database, each new."""

    store: str
    auditor: str
    old: str

    def take(self, *words: str, node: str = "old") -> Done:
        return run("import", "ulogd", "--into", self.store, "--node", node, *words)

    def take_table(self, node: str = "old") -> Done:
        return self.take("--dsn", self.old, node=node)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.store) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def write(self, statement: str) -> None:
        """In ulogd2's database."""
        with psycopg.connect(self.old) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def call(self, procedure: str, port: int, start: Any, end: Any, event: int) -> None:
        """What ulogd2 calls for one TCP connection; times in seconds after THEN."""
        base = int(THEN.timestamp())
        stamps = ", ".join(
            "NULL, NULL" if at is None else f"{base + int(at)}, 250000" for at in (start, end)
        )
        counts = COUNTED if event == 4 else "0, 0"
        self.write(
            f"SELECT {procedure}({TCP.format(counts=counts)} {port}, {counts}, NULL, NULL, 0,"
            f" {stamps}, {event})"
        )

    def who(self, port: int, seconds: float, *words: str) -> Done:
        at = (THEN + timedelta(seconds=seconds)).isoformat()
        return run("who", f"1.2.3.4:{port}", "--at", at, "--dsn", self.auditor, *words)


@pytest.fixture
def place(cluster: Cluster) -> Iterator[Place]:
    name = uuid.uuid4().hex[:8]
    store, old = f"store_{name}", f"ulogd_{name}"
    cluster.create_database(store)
    schema.install(cluster.dsn(store))
    yield Place(cluster.dsn(store), cluster.dsn(store, "audrey"), install_schema(cluster, old))
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        for database in (store, old):
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)")  # type: ignore[arg-type]


def many(place: Place, count: int) -> None:
    """A month of history."""
    place.write(f"""
        INSERT INTO ulog2_ct (oob_family, orig_ip_saddr_str, orig_ip_daddr_str, orig_ip_protocol,
            orig_l4_sport, orig_l4_dport, orig_raw_pktlen, orig_raw_pktcount, reply_ip_saddr_str,
            reply_ip_daddr_str, reply_ip_protocol, reply_l4_sport, reply_l4_dport,
            reply_raw_pktlen, reply_raw_pktcount, ct_mark, flow_start_sec, flow_start_usec,
            flow_end_sec, flow_end_usec, ct_event)
        SELECT 2, '192.168.1.0'::inet + 1 + i % 200, '19.1.16.7', 17, 1024 + i % 60000, 53, 60, 1,
            '19.1.16.7', '1.2.3.4', 17, 53, 1024 + i % 60000, 90, 1, 0,
            {int(THEN.timestamp())} + i * 86400 * 30 / {count}, i,
            {int(THEN.timestamp())} + i * 86400 * 30 / {count} + 30, i, 4
        FROM generate_series(1, {count}::bigint) AS i
    """)


def test_history(place: Place) -> None:
    """INSERT_CT: each row is a connection that has ended."""
    place.call("INSERT_CT", 53500, 0, 60, 4)
    done = place.take_table()
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(
        "old: 1 row imported in this run, 1 read in all from the table public"
    )
    end = THEN + timedelta(seconds=60, microseconds=250000)
    assert place.ask(
        "SELECT received_at, started_at, started_source::text, ended_at, ended_source::text,"
        " provenance::text, orig_packets, status, tableoid::regclass::text FROM ctaudit.flow"
        " JOIN LATERAL (SELECT tableoid FROM ctaudit.flow_row) AS r ON true"
    ) == [(
        end, THEN + timedelta(microseconds=250000), "ulogd2", end, "ulogd2", "imported", 23, 16,
        f"ctaudit.flow_p{THEN:%Y%m%d}",
    )]  # fmt: skip
    assert place.ask("SELECT count(*) FROM ctaudit.flow_default") == [(0,)]


def test_who_names_it_and_does_not_judge_it(place: Place) -> None:
    place.call("INSERT_CT", 53500, 0, 60, 4)
    place.take_table()
    found = place.who(53500, 30, "--json")
    assert found.status == 4
    (answer,) = found.json["answers"]
    assert (answer["node"], answer["host"], answer["provenance"]) == (
        "old", "192.168.1.129", "imported",
    )  # fmt: skip
    assert (answer["state"], answer["exact"], answer["counters"]) == ("ended", False, "exact")
    assert found.json["reasons"] == ["old: imported from ulogd2, not judged"]
    assert found.json["imported"][0]["node"] == "old"
    text = place.who(53500, 30).out
    assert "old: imported from ulogd2, not judged" in text
    assert "192.168.1.129:53400 was behind 1.2.3.4:53500" in text
    for outside in (-30, 90):
        assert place.who(53500, outside, "--json").json["answers"] == []
    by_name = place.who(53500, 30, "--node", "old", "--json").json
    assert (by_name["verdict"], len(by_name["answers"])) == ("unknown", 1)
    assert place.who(53500, 86400 * 50, "--json").json["imported"] == []
    listed = run("node", "list", "--dsn", place.auditor)
    assert "imported   from ulogd2, not judged" in listed.out
    assert "silent" not in listed.out
    assert "was imported" in refuse(2, "node", "retire", "old", "--dsn", place.store)


def test_a_fleet_is_as_sure_as_before(place: Place) -> None:
    """The record of gw1 is complete there: an import changes no verdict but none."""
    fill_live(place.store)
    now = datetime.now(UTC)
    alive = int((now - THEN).total_seconds())
    place.call("INSERT_CT", 53999, alive - 9000, alive - 5400, 4)
    place.call("INSERT_CT", 53500, alive - 9000, alive - 5400, 4)
    place.take_table()
    base = place.ask("SELECT min(started_at) FROM ctaudit.flow WHERE provenance = 'event'")[0][0]
    asked = (base - THEN).total_seconds() + 60

    def tell(port: int) -> tuple[str, list[str], list[str]]:
        reply = place.who(port, asked, "--json").json
        nodes = [seen["node"] for answer in reply["answers"] for seen in answer["seen_by"]]
        return reply["verdict"], sorted(nodes), [each["node"] for each in reply["imported"]]

    assert tell(53500) == ("one", ["gw1", "old"], ["old"])
    assert tell(53998) == ("none", [], ["old"])
    assert tell(53999) == ("unknown", ["old"], ["old"])
    flows = run(
        "flows", "--host", "192.168.1.129", "--from", (base + timedelta(seconds=1)).isoformat(),
        "--until", (base + timedelta(seconds=60)).isoformat(), "--dsn", place.auditor,
        "--format", "csv",
    )  # fmt: skip
    assert flows.status == 0
    assert sum("imported" in line for line in flows.out.splitlines()[1:]) == 2


def test_no_gateway_is_nearer_to_the_host_than_an_import(place: Place) -> None:
    """What an inner gateway recorded would be an answer that rests on what is not judged."""
    place.call("INSERT_CT", 53500, 0, 60, 4)
    place.take_table()
    inner = tuples("10.0.0.5 4000 > 19.1.16.7 443", "19.1.16.7 443 > 192.168.1.129 53400")
    gateway = Gateway(place.store, "inner")
    gateway.listen(THEN - timedelta(seconds=60))
    event = opened(inner | {"proto": 6, "status": SRC_NAT, "ct_id": 2}, THEN)
    gateway.record([event], THEN + timedelta(seconds=900))
    gateway.close()
    reply = place.who(53500, 30, "--json").json
    assert (reply["verdict"], reply["hosts"]) == ("unknown", ["192.168.1.129"])
    assert [seen["node"] for seen in reply["answers"][0]["seen_by"]] == ["old"]


def test_a_fleet_s_traffic_is_that_of_the_gateways_that_record(place: Place) -> None:
    place.call("INSERT_CT", 53500, 0, 60, 4)
    place.take_table()
    counted = "SELECT sum(connections)::integer FROM ctaudit.traffic({}, NULL, '1 day'{})"
    since = f"'{(THEN - timedelta(hours=1)).isoformat()}'"
    assert place.ask(counted.format(since, "")) == [(None,)]
    assert place.ask(counted.format(since, ", p_node => 'old'")) == [(1,)]
    lasted = f"SELECT connections::integer FROM ctaudit.durations({since}, NULL{{}})"
    assert place.ask(lasted.format("")) == []
    assert place.ask(lasted.format(", p_node => 'old'")) == [(1,)]


def test_live_copy_and_its_later_ends(place: Place) -> None:
    """INSERT_OR_REPLACE_CT: a row that was open gets its end in the next import, once."""
    place.call("INSERT_OR_REPLACE_CT", 53500, 0, None, 1)
    place.call("INSERT_OR_REPLACE_CT", 53501, 1, None, 1)
    assert place.take_table().status == 0
    assert place.ask("SELECT count(*) FROM ctaudit.opening") == [(2,)]
    (answer,) = place.who(53500, 3600, "--json").json["answers"] or [None]
    assert answer is None, "an import knows nothing beyond its last row"
    (answer,) = place.who(53500, 1, "--json").json["answers"]
    assert (answer["state"], answer["started_source"]) == ("unknown", "ulogd2")
    place.call("INSERT_OR_REPLACE_CT", 53500, 0, 60, 4)
    place.call("INSERT_OR_REPLACE_CT", 53502, 70, None, 1)
    again = place.take_table()
    assert "1 row imported in this run, 3 read in all" in again.out
    assert "1 connection that had been open got an end." in again.out
    assert place.take_table().out.startswith("old: 0 rows imported in this run, 3 read in all")
    assert place.ask("SELECT count(*) FROM ctaudit.opening") == [(2,)]
    assert place.ask("SELECT reply_dport, ended_at FROM ctaudit.flow") == [
        (53500, THEN + timedelta(seconds=60, microseconds=250000))
    ]
    (answer,) = place.who(53500, 30, "--json").json["answers"]
    assert (answer["state"], answer["orig_packets"]) == ("ended", 23)


def test_new_and_destroy_in_rows_of_their_own(place: Place) -> None:
    """INSERT_CT told of both, without the kernel's stamps: they are one connection."""
    place.call("INSERT_CT", 53500, 0, None, 1)
    place.call("INSERT_CT", 53500, None, 60, 4)
    place.take_table()
    (answer,) = place.who(53500, 30, "--json").json["answers"]
    assert (answer["state"], answer["started_source"]) == ("ended", "ulogd2")


def test_without_any_start(place: Place) -> None:
    place.call("INSERT_CT", 53500, None, 60, 4)
    place.take_table()
    (answer,) = place.who(53500, -86400, "--json").json["answers"]
    assert (answer["started_at"], answer["state"], answer["exact"]) == (None, "ended", False)
    assert place.who(53500, 61, "--json").json["answers"] == []


def test_what_cannot_be_read_is_counted(place: Place) -> None:
    for port in range(4):
        place.call("INSERT_CT", port, 0, 60, 4)
    place.write("UPDATE ulog2_ct SET reply_ip_daddr_str = NULL WHERE _ct_id IN (2, 3)")
    place.write("UPDATE ulog2_ct SET flow_end_sec = 100 WHERE _ct_id = 4")
    done = place.take_table()
    assert done.status == 3
    lines = done.out.splitlines()
    assert "Not imported: 2 rows: no address; one of them is number 2." in lines
    assert "Not imported: 1 row: past retention; one of them is number 4." not in lines
    place.write("UPDATE ulog2_ct SET flow_start_sec = 100 WHERE _ct_id = 4")
    done = place.take_table("other")
    assert "Not imported: 1 row: past retention; one of them is number 4." in done.out
    assert place.who(0, 30, "--json").json["imported"][0]["not_taken"] == 2
    assert "2 of its rows could not be read" in place.who(0, 30).out


def test_a_number_that_was_passed(place: Place) -> None:
    """Two ulogd2 write into one table: the one that got its number first may commit last."""
    place.call("INSERT_CT", 1, 0, 60, 4)
    place.call("INSERT_CT", 2, 0, 60, 4)
    place.write("UPDATE ulog2_ct SET _ct_id = 100 WHERE _ct_id = 2")
    place.take_table()
    place.call("INSERT_CT", 3, 0, 60, 4)
    done = place.take_table()
    assert done.status == 3
    assert "Not imported: 1 row that were written with a number that had been passed" in done.out


_POSITION = "SELECT position FROM ctaudit.import"


def _kill_import(place: Place, pause: float) -> bool:
    """So many seconds after it has committed something; False when it had ended before."""
    before = place.ask(_POSITION)
    words = ["import", "ulogd", "--into", place.store, "--node", "old", "--dsn", place.old]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(
        [sys.executable, "-m", "ctaudit", *words], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: place.ask(_POSITION) != before or process.poll() is not None, 60)
        time.sleep(pause)
        killed = process.poll() is None
        process.kill()
    return killed


def test_killed_at_any_moment(place: Place) -> None:
    """Nothing is lost and nothing stored twice, wherever it is interrupted."""
    count = 20_000
    many(place, count)
    kills = sum(_kill_import(place, pause) for pause in (0, 0.02, 0.05, 0.1, 0.15, 0.2))
    assert kills
    assert place.ask(_POSITION)
    done = place.take_table()
    assert f"{count:,} read in all" in done.out
    assert place.ask(
        "SELECT count(*), count(DISTINCT (started_at, orig_sport)),"
        " count(DISTINCT received_at::date) FROM ctaudit.flow"
    ) == [(count, count, 31)]


def test_two_imports_at_once(place: Place) -> None:
    """Both wait for the import's row with the same rows in hand; one of them may store them."""
    place.call("INSERT_CT", 53500, 0, 60, 4)
    place.take_table()
    many(place, 3000)
    words = ["import", "ulogd", "--into", place.store, "--node", "old", "--dsn", place.old]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)}
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(place.store) as lock:
        lock.execute("SELECT FROM ctaudit.import FOR UPDATE")
        both = [
            subprocess.Popen(
                [sys.executable, "-m", "ctaudit", *words],
                env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )
            for _ in range(2)
        ]  # fmt: skip
        wait_until(lambda: place.ask(waiting) == [(2,)], 30)
    said = "".join(process.communicate()[1] for process in both)
    assert said.count("another one runs") == 1
    place.take_table()
    assert place.ask("SELECT count(*) FROM ctaudit.flow") == [(3001,)]


def test_a_bar_on_a_terminal_and_lines_elsewhere(place: Place) -> None:
    many(place, 20_000)
    leader, follower = pty.openpty()
    words = ["import", "ulogd", "--into", place.store, "--node", "old", "--dsn", place.old]
    process = subprocess.Popen(
        [sys.executable, "-m", "ctaudit", *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)},
        stdout=subprocess.DEVNULL, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait() == 0
    assert b"\r[###" in shown
    assert b" rows/s" in shown
    # A line every ten seconds, on a busy machine.
    assert "\r" not in place.take("--dsn", place.old, node="again").err


def test_an_import_that_was_renamed_goes_on(place: Place) -> None:
    place.call("INSERT_CT", 53500, 0, 60, 4)
    place.take_table()
    renamed = run("node", "rename", "old", "older", "--dsn", place.store)
    assert renamed.status == 0, renamed
    place.call("INSERT_CT", 53501, 0, 60, 4)
    assert "older: 1 row imported in this run, 2 read in all" in place.take_table().out
    assert place.ask("SELECT node FROM ctaudit.nodes()") == [("older",)]


def test_names_and_sources_are_not_mixed(place: Place, dump: Path) -> None:
    place.call("INSERT_CT", 53500, 0, 60, 4)
    fill_live(place.store)
    taken = refuse(2, "import", "ulogd", "--into", place.store, "--node", "gw1", "--dsn", place.old)
    assert "gw1 records by itself" in taken
    place.take_table()
    dump.write_text("orig_ip_saddr,x\n")
    assert "has no column orig_ip_protocol" in refuse(
        2, "import", "ulogd", "--into", place.store, "--csv", str(dump)
    )
    assert "has no table ulog2_ct" in refuse(
        2, "import", "ulogd", "--into", place.store, "--dsn", place.store
    )


def test_a_gateway_that_takes_its_name(place: Place) -> None:
    """It records; what was imported gives way, and is found under both names."""
    place.call("INSERT_CT", 53500, 0, 60, 4)
    place.take_table()
    gateway = Gateway(place.store, "old")
    gateway.listen(datetime.now(UTC) - timedelta(minutes=5))
    gateway.close()
    names = [row[0] for row in place.ask("SELECT node FROM ctaudit.node ORDER BY node")]
    assert names[0] == "old"
    assert names[1].startswith("old imported at ")
    (answer,) = place.who(53500, 30, "--node", "old", "--json").json["answers"]
    assert answer["node"] == names[1]


HEADER = (
    "_ct_id,oob_family,orig_ip_saddr,orig_ip_daddr,orig_ip_protocol,orig_l4_sport,orig_l4_dport,"
    "orig_bytes,orig_packets,reply_ip_saddr,reply_ip_daddr,reply_ip_protocol,reply_l4_sport,"
    "reply_l4_dport,reply_bytes,reply_packets,icmp_code,icmp_type,ct_mark,flow_start_sec,"
    "flow_start_usec,flow_end_sec,flow_end_usec,state"
)


def csv_line(source: object, public: object, port: int = 53500, remote: object = 117440787) -> str:
    start = int(THEN.timestamp())
    return (
        f"7,2,{source},{remote},6,53400,443,5600,23,{remote},{public},6,443,{port},4328,20,"
        f"NULL,\\N,0,{start},5,{start + 60},7,4"
    )


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return tmp_path / "ulog2_ct.csv"


def write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join([HEADER, *lines, ""]))


def test_csv_with_numbers(place: Place, dump: Path) -> None:
    """172.20.13.48 as 806163628, 1.2.3.4 as 67305985: little-endian, and it says so."""
    write(dump, [csv_line(806163628, 67305985), "7,2,x", csv_line("NULL", 1), csv_line("", 1)])
    done = place.take("--csv", str(dump))
    assert done.status == 3
    assert done.out.startswith(
        "Addresses that are numbers: little-endian, by 1 of 1 addresses that only one order fits."
    )
    assert "Not imported: 1 row: not numbers and addresses; one of them is number 2." in done.out
    assert "Not imported: 2 rows: no address; one of them is number 3." in done.out
    (answer,) = place.who(53500, 30, "--json").json["answers"]
    assert (answer["host"], answer["remote"]) == ("172.20.13.48", "19.1.0.7")
    again = place.take("--csv", str(dump))
    assert "0 rows imported in this run, 4 read in all" in again.out
    other = place.take("--csv", str(dump), "--byte-order", "big")
    assert other.status == 2
    assert "cannot go on with" in other.err


def test_csv_where_both_orders_are_plausible(place: Place, dump: Path) -> None:
    write(dump, [csv_line(117440787, 67305985)])
    assert "say --byte-order little or --byte-order big" in refuse(
        2, "import", "ulogd", "--into", place.store, "--node", "old", "--csv", str(dump)
    )
    done = place.take("--csv", str(dump), "--byte-order", "big")
    assert done.out.startswith("Addresses that are numbers: big-endian, as --byte-order says.")
    assert place.ask("SELECT host(orig_src), host(reply_dst) FROM ctaudit.flow") == [
        ("7.0.1.19", "4.3.2.1")
    ]


def test_csv_with_text_and_with_hex(place: Place, dump: Path) -> None:
    mapped = "00000000000000000000FFFF01020304"
    six = "20010DB8000000000000000000000001"
    write(dump, [
        csv_line("192.168.1.129", mapped, 53500, "19.1.16.7"),
        csv_line(six, six, 53501, six),
    ])  # fmt: skip
    dump.write_text(dump.read_text().replace(",", "\t"))
    assert place.take("--csv", str(dump)).status == 0
    assert place.ask(
        "SELECT host(orig_src), host(reply_dst) FROM ctaudit.flow ORDER BY reply_dport"
    ) == [("192.168.1.129", "1.2.3.4"), ("2001:db8::1", "2001:db8::1")]


def test_csv_goes_on_where_it_was_interrupted(place: Place, dump: Path) -> None:
    lines = [csv_line("192.168.1.129", "1.2.3.4", port, "19.1.16.7") for port in range(5000)]
    write(dump, lines)
    assert place.take("--csv", str(dump)).status == 0
    with psycopg.connect(place.store) as connection:
        connection.execute("UPDATE ctaudit.import SET position = 4000, read = 4000")
        connection.execute("DELETE FROM ctaudit.flow_row WHERE reply_dport >= 4000")
    assert (
        "1,000 rows imported in this run, 5,000 read in all" in place.take("--csv", str(dump)).out
    )
    assert place.ask("SELECT count(DISTINCT reply_dport) FROM ctaudit.flow") == [(5000,)]
    dump.write_text(dump.read_text() + lines[0] + "\n")
    assert "give this import another name" in refuse(
        2, "import", "ulogd", "--into", place.store, "--node", "old", "--csv", str(dump)
    )


def test_csv_with_a_quote_that_nothing_ends(place: Place, dump: Path) -> None:
    line = csv_line("192.168.1.129", "1.2.3.4", 53500, "19.1.16.7")
    write(dump, [line, line.replace(",7,4", ',7,"4'), *[line] * 3000])
    assert refuse(
        2, "import", "ulogd", "--into", place.store, "--node", "old", "--csv", str(dump)
    ).endswith("field larger than field limit (131072); is there a quote that nothing ends?")


@pytest.mark.parametrize("later", [1, 2500])
def test_csv_with_a_quote_that_a_later_one_ends(place: Place, dump: Path, later: int) -> None:
    """The lines between are not one row that cannot be read."""
    line = csv_line("192.168.1.129", "1.2.3.4", 53500, "19.1.16.7")
    quoted = line.replace(",7,4", ',7,"4')
    write(dump, [*[line] * later, quoted, line, quoted, line])
    assert (
        f"line {later + 2} is no CSV: a value reaches to line {later + 4}; is there a quote that "
        "nothing ends?"
    ) in refuse(2, "import", "ulogd", "--into", place.store, "--node", "old", "--csv", str(dump))


def test_csv_without_a_header(place: Place, dump: Path) -> None:
    dump.write_text(csv_line(1, 2) + "\n")
    assert "has no column" in refuse(
        2, "import", "ulogd", "--into", place.store, "--csv", str(dump)
    )
    assert "cannot be read" in refuse(
        2, "import", "ulogd", "--into", place.store, "--csv", "/nowhere"
    )
