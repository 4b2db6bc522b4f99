"""Who had an address: said by a site's job or imported, and named by who."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit.config import RetentionSection
from ctaudit.database import schema, version
from ctaudit.database.connection import connect
from ctaudit.database.maintenance import Maintained, maintain
from ctaudit.query.batch import ask_batch
from ctaudit.query.question import read_who
from lab import release
from lab.cluster import Cluster
from tests.store.scenario import BASE, Done, after, fill_live, refuse, run, who

HOST = "192.168.1.129"  # behind 1.2.3.4:53500 from 0.25 to 123.53 s
SAID = "SELECT ctaudit.set_holder(%s, %s, %s, %s, %s)"
ALL = """
SELECT host(network) || '/' || masklen(network), holder, source,
    extract(epoch FROM valid_from - %s)::float, extract(epoch FROM valid_until - %s)::float
FROM ctaudit.holder ORDER BY network, source, valid_from
"""


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    cluster.create_database("holders")
    schema.install(cluster.dsn("holders"))
    fill_live(cluster.dsn("holders", user="rex"))
    return "holders"


@pytest.fixture
def store(cluster: Cluster, place: str) -> Iterator[Store]:
    yield Store(cluster, place)
    with psycopg.connect(cluster.dsn(place), autocommit=True) as owner:
        owner.execute("TRUNCATE ctaudit.holder, ctaudit.holder_reading")
        owner.execute("DELETE FROM ctaudit.inquiry")


class Store:
    def __init__(self, cluster: Cluster, name: str) -> None:
        self.owner = cluster.dsn(name)
        self.auditor = cluster.dsn(name, user="audrey")
        self.registrar = cluster.dsn(name, user="reg")
        self.recorder = cluster.dsn(name, user="rex")

    def say(
        self,
        holder: str,
        begin: float,
        until: float | None,
        *,
        address: str = HOST,
        source: str = "dhcp",
    ) -> str:
        """``begin``, ``until``: seconds after BASE."""
        end = None if until is None else after(until)
        with psycopg.connect(self.registrar, autocommit=True) as connection:
            row = connection.execute(SAID, (address, holder, after(begin), end, source)).fetchone()
        assert row is not None
        return str(row[0])

    def end(self, at: float, source: str = "dhcp") -> int:
        with psycopg.connect(self.registrar, autocommit=True) as connection:
            row = connection.execute(
                "SELECT ctaudit.end_holder(%s, %s, %s)", (HOST, after(at), source)
            ).fetchone()
        assert row is not None
        return int(row[0])

    def rows(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.owner) as connection:
            return connection.execute(ALL, (BASE, BASE)).fetchall()

    def spans(self) -> list[tuple[str, float, float | None]]:
        return [(holder, begin, until) for _, holder, _, begin, until in self.rows()]

    def take(self, form: str, path: Path, *words: str, source: str = "dhcp") -> Done:
        return run(
            "import", "holders", str(path), "--format", form, "--source", source,
            "--dsn", self.registrar, *words,
        )  # fmt: skip

    def name(self, seconds: float = 60, public: str = "1.2.3.4:53500") -> Any:
        """The holder of the only answer, as JSON."""
        (answer,) = who(self.auditor, public, seconds, "--json").json["answers"]
        return answer["holder"]


def test_a_site_without_holders_sees_nothing(store: Store) -> None:
    plain = who(store.auditor, "1.2.3.4:53500", 60, "--json")
    assert "holder" not in plain.out
    assert "holder" not in who(store.auditor, "1.2.3.4:53500", 60).out
    asked = run("inquiries", "--json", "--dsn", store.auditor).json["inquiries"]
    assert {one["question"] for one in asked} == {"who"}
    store.say("Ann", 500, 600, address="10.9.9.9")
    assert '"holder"' in who(store.auditor, "1.2.3.4:53500", 60, "--json").out


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ([("Ann", 0, None)], "Ann, by dhcp"),
        ([("Ann", 0.25, 123.53)], "Ann, by dhcp"),
        ([("Ann", 0, 60), ("Ann", 60, 200)], "Ann, by dhcp"),
        ([("Ann", 300, 400)], "no holder is recorded"),
        ([("Ann", 0.251, 200)], "no holder is recorded for the whole of it: Ann from "),
        ([("Ann", 0, 123.5)], "no holder is recorded for the whole of it: Ann from "),
        ([("Ann", -60, 100), ("Ben", 100, 200)], "two holders, so none is named: Ann from "),
        ([("Ann", -60, 200), ("Ben", 123.53, 200)], "two holders, so none is named: Ann from "),
        ([("Ann", -60, 200), ("Ben", 124, 200)], "Ann, by dhcp"),
    ],
)  # fmt: skip
def test_one_interval_must_cover_the_connection(
    store: Store, said: list[tuple[str, float, float | None]], line: str
) -> None:
    for holder, begin, until in said:
        store.say(holder, begin, until)
    shown = [
        text.split(maxsplit=1)[1]
        for text in who(store.auditor, "1.2.3.4:53500", 60).out.splitlines()
        if text.startswith("  holder ")
    ]
    assert len(shown) == 1
    assert shown[0].startswith(line)
    assert (store.name()["name"] == "Ann") == (line == "Ann, by dhcp")
    assert (store.name()["why"] is None) == (line == "Ann, by dhcp")


def test_sources_count_each_and_the_smallest_network_of_one(store: Store) -> None:
    store.say("campus", -1000, None, address="192.168.0.0/16", source="plan")
    store.say("house 7", -1000, None, address="192.168.1.0/24", source="plan")
    assert store.name()["name"] == "house 7"
    assert store.name()["intervals"][0]["network"] == "192.168.1.0/24"
    store.say("house 7", 0, 200, source="dhcp")
    assert (store.name()["name"], store.name()["source"]) == ("house 7", "dhcp, plan")
    store.say("Ann", 0, 200, source="radius")
    held = store.name()
    assert held["name"] is None
    assert held["why"].startswith("two holders, so none is named: house 7 from ")
    assert {one["holder"] for one in held["intervals"]} == {"house 7", "Ann"}


def test_of_an_open_connection_until_the_asked_time(store: Store) -> None:
    """STANDING's start is the receiver's, no earlier than started_after; it is open."""
    store.say("Ann", -700, 100, address="192.168.1.130")
    assert store.name(60, "1.2.3.4:53700")["name"] == "Ann"
    assert store.name(99, "1.2.3.4:53700")["name"] == "Ann"
    assert store.name(100, "1.2.3.4:53700")["name"] is None


@pytest.mark.parametrize(
    ("changes", "begin", "until"),
    [
        ({}, 10, 20),
        ({"started_after": 5}, 5, 20),
        ({"started_source": "dump"}, None, 20),
        ({"started_source": "dump", "started_after": 5}, 5, 20),
        ({"started_at": None, "started_source": None}, None, 20),
        ({"ended_at": None, "ended_before": 25, "state": "unobserved"}, 10, 25),
        ({"ended_at": None, "state": "ended"}, 10, None),
        ({"ended_at": None, "state": "unobserved"}, 10, None),
        ({"ended_at": None, "state": "open"}, 10, 15),
        ({"ended_at": None, "state": "unknown"}, 10, 15),
        ({"ended_at": 8}, 10, 10),
    ],
)
def test_what_must_be_covered(
    store: Store, changes: dict[str, Any], begin: float | None, until: float | None
) -> None:
    """Seconds after BASE; the asked span ends at 15."""
    values = {
        "node": "gw1", "direction": "outward", "host": HOST, "zone": 0, "state": "ended",
        "started_at": 10, "started_source": "kernel", "ended_at": 20,
    } | changes  # fmt: skip
    connection = {
        name: after(value).isoformat() if isinstance(value, int) and name != "zone" else value
        for name, value in values.items()
    }
    with psycopg.connect(store.owner) as owner:
        row = owner.execute(
            "SELECT extract(epoch FROM (h.said ->> 'from')::timestamptz - %s)::float,"
            " extract(epoch FROM (h.said ->> 'until')::timestamptz - %s)::float"
            " FROM (SELECT ctaudit.holder_of("
            "jsonb_populate_record(NULL::ctaudit.connection, %s), %s)) AS h (said)",
            (BASE, BASE, json.dumps(connection), after(15)),
        ).fetchone()
    assert row == (begin, until)


def test_ipv6_gateway_and_zone(store: Store) -> None:
    six = "2a01:e35:1394:5bd0::/64"
    with psycopg.connect(store.registrar, autocommit=True) as connection:
        said = "SELECT ctaudit.set_holder(%s, %s, %s, NULL, 'plan', p_node => %s, p_zone => %s)"
        for network, holder, node, zone in (
            (six, "Six", "gw1", None), (HOST, "other zone", None, 5), (HOST, "Ann", None, 0),
        ):  # fmt: skip
            connection.execute(said, (network, holder, after(-60), node, zone))
        with pytest.raises(psycopg.DatabaseError, match="no gateway is named gw9"):
            connection.execute(said, (six, "Six", after(-60), "gw9", None))
    assert store.name(60, "[2001:41d0:1:9598::4]:51162")["name"] == "Six"
    assert store.name()["name"] == "Ann"


def test_that_a_holder_was_named_is_on_record(store: Store) -> None:
    store.say("Ann", 0, 200)
    why = ("--case", "2026-42", "--reason", "a letter")
    who(store.auditor, "1.2.3.4:53500", 60, *why)
    who(store.auditor, "1.2.3.4:53600", 60, *why)
    asked = run("inquiries", "--json", "--dsn", store.auditor).json["inquiries"]
    assert [(one["question"], one["answers"], one["case_reference"]) for one in asked] == [
        ("who", 1, "2026-42"), ("holder", 1, "2026-42"),
        ("who", 2, "2026-42"), ("holder", 1, "2026-42"),
    ]  # fmt: skip
    assert asked[0]["arguments"] == asked[1]["arguments"]


def test_many_questions_at_once(store: Store, tmp_path: Path) -> None:
    """Of an open connection what must be covered is each question's own."""
    places = ("1.2.3.4:53500", 60), ("1.2.3.4:53700", 60), ("1.2.3.4:53700", 200), ("1.2.3.4:9", 60)
    questions = [read_who(public, after(at).isoformat()) for public, at in places]

    def ask() -> list[list[str | None]]:
        with connect(store.auditor) as connection:
            replies = list(ask_batch(connection, questions))
        return [
            [one.holder.name if one.holder else None for one in each.connections]
            for each in replies
        ]

    assert ask() == [[None], [None], [None], []]
    store.say("Ann", -60, 200)
    store.say("Ben", -700, 100, address="192.168.1.130")
    assert ask() == [["Ann"], ["Ben"], [None], []]
    path = tmp_path / "cases.csv"
    path.write_text("public,at\n" + "".join(f"{p},{after(at).isoformat()}\n" for p, at in places))
    rows = csv.DictReader(run("who", "--batch", str(path), "--dsn", store.auditor).out.splitlines())
    assert [row["holder"] for row in rows] == ["Ann", "Ben", "", ""]
    asked = run("inquiries", "--json", "--dsn", store.auditor).json["inquiries"]
    assert [one["arguments"]["port"] for one in asked if one["question"] == "holder"] == [
        53500, 53700, 53500, 53700,
    ]  # fmt: skip


def test_what_a_source_says_again(store: Store) -> None:
    assert store.say("Ann", 0, 100) == "added"
    assert store.say("Ann", 0, 100) == "unchanged"
    assert store.say("Ann", 10, 90) == "unchanged"
    assert store.say("Ann", 50, 150) == "lengthened"
    assert store.say("Ann", 300, 400) == "added"
    assert store.say("Ben", 100, 200) == "added, shortened another"
    assert store.spans() == [("Ann", 0, 100), ("Ben", 100, 200), ("Ann", 300, 400)]
    assert store.say("Ann", 50, 150) == "unchanged"
    assert store.say("Ann", 150, 350) == "lengthened, shortened another"
    assert store.spans() == [("Ann", 0, 100), ("Ben", 100, 150), ("Ann", 150, 400)]
    with pytest.raises(psycopg.DatabaseError, match="Cyd: from the same time Ben is recorded of"):
        store.say("Cyd", 100, 120)
    assert store.end(320) == 1
    assert store.end(320) == 0
    assert store.say("Ann", 500, None) == "added"
    assert store.end(600) == 1
    assert store.spans()[2:] == [("Ann", 150, 320), ("Ann", 500, 600)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("192.168.1.5/24", "Ann", after(0), None, "x"), "the network has host bits set"),
        ((HOST, " ", after(0), None, "x"), "no holder"),
        ((HOST, "Ann\nBen", after(0), None, "x"), "a control character"),
        ((HOST, "Ann", after(0), None, ""), "no source"),
        ((HOST, "Ann", after(0), after(0), "x"), "it ends no later than it begins"),
        ((HOST, "Ann", "-infinity", None, "x"), "no time from which on"),
        ((HOST, "Ann", after(0), "infinity", "x"), "infinity is no time; leave the end out"),
        ((HOST, "A" * 201, after(0), None, "x"), "the holder has more than 200 characters"),
    ],
)
def test_what_is_no_interval_is_refused(store: Store, words: tuple[Any, ...], says: str) -> None:
    with (
        psycopg.connect(store.registrar) as connection,
        pytest.raises(psycopg.DatabaseError, match=says),
    ):
        connection.execute(SAID, words)
    assert store.rows() == []


def test_a_list_is_imported_and_again(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "holders.csv"
    path.write_text(
        "holder;address;from;until;detail;node;zone\n"
        f"Ann;{HOST};{after(-60).isoformat()};;customer 7;gw1;0\n"
        f"Ben;192.168.1.0/24;{after(-60).isoformat()};{after(0).isoformat()};;;\n"
        f"Cyd;192.168.1.9;2026-02-30 12:00;;;;\n"
        f"Dan;192.168.1.10;{after(0).isoformat()};;;gw9;\n"
        f"Eve;192.168.1.11;{after(0).isoformat()}\n"
    )
    done = store.take("csv", path, "--tz", "Europe/Berlin")
    assert done.status == 2
    assert done.out == (
        "Source dhcp: 3 statements read: 2 added, 0 lengthened, 0 changed, 0 shortened, "
        "0 unchanged.\n"
    )
    assert f"{path}: line 4: from '2026-02-30 12:00'" in done.err
    assert f"{path}: line 6: 3 values, but the header names 7" in done.err
    assert f"{path}: line 5: no gateway is named gw9" in done.err
    assert store.name()["name"] == "Ann"
    assert store.name()["detail"] == "customer 7"
    again = store.take("csv", path)
    assert "0 added, 0 lengthened, 0 changed, 0 shortened, 2 unchanged" in again.out
    assert "Ann (customer 7), by dhcp" in who(store.auditor, "1.2.3.4:53500", 60).out


def write(path: Path, content: str, at: float) -> Path:
    """A file that was written ``at`` seconds after BASE."""
    path.write_text(content)
    os.utime(path, (after(at).timestamp(),) * 2)
    return path


def epoch(seconds: float) -> int:
    return int(after(seconds).timestamp())


def test_dnsmasq_every_five_minutes(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "dnsmasq.leases"
    ann = "00:16:3e:aa:00:01"
    write(path, f"{epoch(3600)} {ann} {HOST} laptop 01:{ann}\n", -300)
    assert "1 added" in store.take("dnsmasq", path).out
    assert "1 unchanged" in store.take("dnsmasq", path).out
    assert store.spans() == [(ann, -300, 3600)]
    write(path, f"{epoch(3900)} {ann} {HOST} laptop *\n0 {ann} 10.0.0.1 * *\n", 0)
    assert "1 added, 1 lengthened" in store.take("dnsmasq", path).out
    held = store.name()
    assert (held["name"], held["detail"]) == (ann, "laptop")
    # Released: it was there when the file was read before.
    write(path, f"0 {ann} 10.0.0.1 * *\nduid 00:01\n", 300)
    done = store.take("dnsmasq", path)
    assert done.status == 0
    assert "1 shortened" in done.out
    assert store.spans() == [(ann, 0, None), (ann, -300, 0)]
    assert store.name()["why"].startswith("no holder is recorded")
    sentence = refuse(
        2, "import", "holders", str(write(path, "", 200)), "--format", "dnsmasq",
        "--source", "dhcp", "--dsn", store.registrar,
    )  # fmt: skip
    assert "older than what was read last of source dhcp" in sentence
    # What cannot be read may be of a lease that holds: nothing is ended.
    write(path, "nonsense\n", 600)
    done = store.take("dnsmasq", path)
    assert done.status == 2
    assert f"{path}: line 1: not a lease: it has fewer than four words" in done.err
    assert store.spans()[0] == (ann, 0, None)


KEA = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n"


def kea(hardware: str, begin: float, lifetime: int, state: int = 0) -> str:
    return f"{HOST},{hardware},,{lifetime},{epoch(begin) + lifetime},1,0,0,host.,{state}\n"


def test_kea_every_five_minutes(store: Store, tmp_path: Path) -> None:
    path, ann, ben = tmp_path / "leases4.csv", "aa:00", "bb:00"
    lines = KEA + kea(ann, -100, 3600)
    write(path, lines, -100)
    assert store.take("kea", path).status == 0
    lines += kea(ann, 0, 3600)
    write(path, lines + kea(ben, 3000, 10)[:30], 200)
    done = store.take("kea", path)
    assert (done.status, store.spans()) == (0, [(ann, -100, 3600)])
    assert store.name()["name"] == ann
    # Released at an unknown time, after the file was read before; then leased to another.
    lines += kea(ann, 0, 0)
    write(path, lines, 300)
    assert "1 shortened" in store.take("kea", path).out
    assert store.spans() == [(ann, -100, 200)]
    lines += kea(ben, 400, 100) + kea(ben, 400, 100, 2)
    write(path, lines, 600)
    assert store.take("kea", path).status == 0
    expected = [(ann, -100, 200), (ben, 400, 500)]
    assert store.spans() == expected
    # The line by which an expired lease is removed comes in a new file.
    lines += kea(ben, 400, 0)
    for content in (lines, KEA + kea(ben, 400, 0), KEA):
        write(path, content, 900)
        assert store.take("kea", path).status == 0
        assert store.spans() == expected
    assert store.name()["name"] == ann


def test_kea_leases_again_what_was_released(store: Store, tmp_path: Path) -> None:
    """The line of the release is read each time: it ends the lease before it, and no later one."""
    path, ann = tmp_path / "leases4.csv", "aa:00"
    lines = KEA + kea(ann, 0, 3600)
    store.take("kea", write(path, lines, 0))
    store.take("kea", write(path, lines, 100))
    lines += kea(ann, 0, 0) + kea(ann, 300, 3600)
    done = store.take("kea", write(path, lines, 310))
    assert ": 1 added, 0 lengthened, 0 changed, 1 shortened, 0 unchanged." in done.out
    expected = [(ann, 0, 100), (ann, 300, 3900)]
    assert store.spans() == expected
    done = store.take("kea", write(path, lines, 600))
    assert ": 0 added, 0 lengthened, 0 changed, 0 shortened, 2 unchanged." in done.out
    assert store.spans() == expected


def test_a_declined_address_is_nobody_s(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "leases4.csv"
    store.take("kea", write(path, KEA + kea("aa:00", 0, 3600), 0))
    store.take("kea", write(path, KEA + kea("aa:00", 0, 3600) + kea("", 50, 3600, 1), 100))
    assert store.spans() == [("aa:00", 0, 50)]


def test_retention_and_holds(store: Store) -> None:
    days = 86400
    store.say("old", -10 * days, -9 * days)
    store.say("held", -20 * days, -19 * days, address="10.0.0.1")
    store.say("now", -30 * days, None, address="10.0.0.2")
    store.say("just", -6 * days, -5 * days, address="10.0.0.3")
    retention = RetentionSection(5)
    with psycopg.connect(store.owner, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO ctaudit.hold (case_reference, held_from, held_until) VALUES ('1', %s, %s)",
            (after(-19.5 * days), after(-19.4 * days)),
        )
    mary = store.owner.replace("user=postgres", "") + " user=mary"
    done = [one for one in maintain(mary, retention) if isinstance(one, Maintained)]
    assert Maintained("deleted", "holder", 1) in done
    assert {row[1] for row in store.rows()} == {"held", "now", "just"}
    with psycopg.connect(store.owner, autocommit=True) as owner:
        owner.execute("SELECT ctaudit.lift_hold('1')")
    assert Maintained("deleted", "holder", 1) in list(maintain(mary, retention))


def test_of_a_database_of_the_last_release(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rows; its program goes on asking, and sees nothing of holders."""
    commit = release.find_commit("v0.1.0")
    if commit is None:
        pytest.skip(release.say_missing("v0.1.0"))
    release.unpack(commit, tmp_path, "sql", "src")
    cluster.create_database("held_before")
    store = Store(cluster, "held_before")
    with monkeypatch.context() as patch:
        patch.setattr(version, "EXPECTED_SCHEMA", 1)
        patch.setenv("CTAUDIT_SQL", str(tmp_path / "sql"))
        schema.install(store.owner)
    fill_live(store.recorder)
    schema.upgrade(store.owner)
    store.say("Ann", 0, 200)
    assert store.name()["name"] == "Ann"
    words = ("who", "1.2.3.4:53500", "--at", after(60).isoformat(), "--dsn", store.auditor)
    old = run(*words, "--json", env={"PYTHONPATH": str(tmp_path / "src")})
    assert old.status == 0
    assert "holder" not in json.loads(old.out)["answers"][0]


def test_who_may_not(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "holders.csv"
    path.write_text(f"address,holder,from\n{HOST},Ann,{datetime.now(UTC) - timedelta(1)}\n")
    words = ("import", "holders", str(path), "--format", "csv", "--source", "x", "--dsn")
    assert refuse(7, *words, store.auditor).endswith(
        "the login must be a member of ctaudit_registrar"
    )
    with psycopg.connect(store.auditor, autocommit=True) as audrey:
        for statement in (
            "SELECT ctaudit.holder_of(w, now()) FROM ctaudit.who('1.2.3.4', 1, now(), now()) AS w",
            "SELECT * FROM ctaudit.holder",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                audrey.execute(statement)  # type: ignore[arg-type]
    with psycopg.connect(store.registrar, autocommit=True) as reg:
        for statement in (
            "SELECT * FROM ctaudit.who('1.2.3.4', 1, now(), now())",
            "SELECT * FROM ctaudit.holder_reading",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reg.execute(statement)  # type: ignore[arg-type]
