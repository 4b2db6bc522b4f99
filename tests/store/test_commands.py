"""schema and status against a real store, and every wrong call: one sentence, its exit status."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ctaudit.database import schema
from ctaudit.database.version import EXPECTED_SCHEMA
from lab.cluster import Cluster
from tests.store.gateway import Gateway, nanoseconds
from tests.store.scenario import COVERED, after, refuse, run, who


def test_status(dsn: str) -> None:
    done = run("status", "--dsn", dsn)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("gw1 (live, stream ")
    assert "  received   21 events = 21 stored + 0 filtered + 0 undecodable" in lines
    assert "  gaps       1, none open" in lines
    plain = run("status", "--json", "--dsn", dsn).json
    (stream,) = plain["streams"]
    assert stream["node"] == "gw1"
    assert stream["covered_until"] == COVERED.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert stream["lag_seconds"] > 3000
    assert (stream["received"], stream["stored"], stream["open_gaps"]) == (21, 21, 0)
    assert plain["open_gaps"] == []


def test_status_of_a_gap_that_is_not_over(cluster: Cluster) -> None:
    cluster.create_database("gap")
    schema.install(cluster.dsn("gap"))
    dsn = cluster.dsn("gap", user="audrey")
    assert run("status", "--dsn", dsn).out == "No gateway has recorded anything yet.\n"
    assert who(dsn, "1.2.3.4:53500", 60).status == 4
    for begin in (-600, -60):
        gateway = Gateway(cluster.dsn("gap", user="rex"), "gw1")
        gateway.listen(after(begin))
        gateway.record([], after(begin + 30))
        if begin == -600:
            gateway.close()
    gateway.note("overrun", after(0), {"last_read_at": nanoseconds(after(-30)), "lost": 7})
    done = run("status", "--dsn", dsn, env={"TZ": "UTC"})
    since = after(-30).strftime("%Y-%m-%d %H:%M:%S+00:00")
    assert f"  open gap   overrun since {since}, 7 events lost" in done.out.splitlines()
    assert "  covered    nothing at present; coverage begins with the next table dump" in done.out
    assert "  before     1 earlier stream since " in done.out
    (gap,) = run("status", "--json", "--dsn", dsn).json["open_gaps"]
    assert (gap["cause"], gap["lost"], gap["gap_until"]) == ("overrun", 7, None)
    gateway.close()


def test_status_of_a_gap_whose_end_is_to_come(cluster: Cluster) -> None:
    cluster.create_database("to_come")
    schema.install(cluster.dsn("to_come"))
    gateway = Gateway(cluster.dsn("to_come", user="rex"), "gw1")
    now = datetime.now(UTC)
    gateway.listen(now - timedelta(hours=1))
    for ago in (600, 2):
        at = now - timedelta(seconds=ago)
        gateway.record([], at - timedelta(seconds=1))
        since = nanoseconds(at - timedelta(seconds=1))
        gateway.note("clashes", at, {"count": 1, "since": since, "udp_timeout": 300})
    dsn = cluster.dsn("to_come", user="audrey")
    lines = run("status", "--dsn", dsn).out.splitlines()
    assert "  gaps       2, 1 open" in lines
    assert [line for line in lines if line.startswith("  open gap   clashes of udp since ")]
    (gap,) = run("status", "--json", "--dsn", dsn).json["open_gaps"]
    assert (gap["proto"], gap["lost"]) == (17, 1)
    assert gap["gap_until"] > now.strftime("%Y-%m-%dT%H:%M:%S")
    gateway.close()


WRONG = [
    (["who", "1.2.3.4:x", "--at", "2026-02-22 11:59:43"], "the port must be a whole number"),
    (["who", "gw.example:80", "--at", "2026-02-22 11:59:43"], "not an address"),
    (["who", "1.2.3.4:80", "--at", "yesterday"], "--at 'yesterday': not a time"),
    (["who", "1.2.3.4:80", "--at", "2999-01-01 00:00:00"], "is in the future; it is now"),
    (["who", "1.2.3.4:80"], "who: give ADDRESS:PORT and --at, or a file of questions"),
    (["who", "1.2.3.4:80", "--at", "2026-02-22 11:59:43", "--proto", "x"], "--proto 'x'"),
    (["who", "1.2.3.4:80", "--at", "2026-02-22 11:59:43", "--within", "-1"], "--within '-1'"),
    (["who", "1.2.3.4:80", "--at", "2026-02-22 11:59:43", "--to", "::1"], "1.2.3.4 is IPv4"),
    (["flows", "--from", "2999-01-01 00:00:00"], "is in the future"),
    (["flows", "--host", "10.0.0.1/8"], "has host bits set; did you mean 10.0.0.0/8?"),
    (["flows", "--format", "xml"], "invalid choice: 'xml'"),
    (["flows", "--limit", "many"], "invalid int value"),
    (["schema", "drop"], "invalid choice: 'drop'"),
    (["record", "--node", "a b", "--dsn", ""], "--node 'a b': must be 1 to 63 letters"),
    ([], "required: COMMAND; see ctaudit --help"),
    (["asked"], "invalid choice: 'asked'"),
]


@pytest.mark.parametrize(("words", "says"), WRONG, ids=lambda value: " ".join(value)[:50])
def test_wrong_usage_is_one_sentence(words: list[str], says: str) -> None:
    assert says in refuse(2, *words)


@pytest.mark.parametrize("command", ["who", "flows", "status", "schema", "maintain", "record"])
def test_wrong_configuration_is_one_sentence(tmp_path: Path, command: str) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text("[journal]\nrates = 1\n")
    words = {"who": ["1.2.3.4:5", "--at", "2026-02-22 11:59:43"], "schema": ["status"]}
    sentence = refuse(2, command, *words.get(command, []), "--config", str(file))
    assert sentence.startswith(f"{file}: journal.rates: unknown key")
    sentence = refuse(2, command, *words.get(command, []), "--config", "/nowhere/x.toml")
    assert sentence == "/nowhere/x.toml: no such configuration file"


COMMANDS = [
    ["who", "1.2.3.4:5", "--at", "2026-02-22 11:59:43"],
    ["flows"],
    ["status"],
    ["schema", "status"],
    ["schema", "install"],
    ["schema", "upgrade"],
    ["maintain"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_database(words: list[str]) -> None:
    sentence = refuse(5, *words, "--dsn", "host=/nowhere dbname=ctaudit")
    assert sentence.startswith("cannot connect to PostgreSQL (host /nowhere, database ctaudit): ")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_password_is_not_shown(tmp_path: Path, words: list[str]) -> None:
    for dsn in ("password=hunter2 host=/nowhere", "postgresql://a:hunter2@localhost/b"):
        sentence = refuse(2, *words, "--dsn", dsn)
        assert "hunter2" not in sentence
        assert ".pgpass" in sentence
    assert "hunter2" not in refuse(2, *words, "--dsn", "password=hunter2 'x")
    file = tmp_path / "ctaudit.toml"
    file.write_text('[database]\ndsn = "host=/nowhere password=hunter2"\n')
    assert "hunter2" not in refuse(5, *words, "--config", str(file))
    file.write_text('[database]\ndsn = "hunter2"\n')
    sentence = refuse(2, *words, "--config", str(file))
    assert sentence.startswith("database.dsn: not a libpq connection string")
    assert "hunter2" not in sentence


def test_where_the_dsn_comes_from(cluster: Cluster, tmp_path: Path) -> None:
    """--dsn goes before the configuration, which goes before libpq's environment."""
    good, bad = cluster.dsn(), "host=/nowhere dbname=x"
    file = tmp_path / "ctaudit.toml"
    file.write_text(f'[database]\ndsn = "{bad}"\n')
    assert run("schema", "status", "--config", str(file)).status == 5
    assert run("schema", "status", "--config", str(file), "--dsn", good).status == 0
    env = {"PGHOST": str(cluster.socket_directory), "PGUSER": "postgres", "PGDATABASE": "ctaudit"}
    assert run("schema", "status", "--dsn", "", env=env).status == 0
    file.write_text("")
    assert run("schema", "status", "--config", str(file), env=env).status == 0


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("older", "DELETE FROM ctaudit.migration", "version 0, .*; run: ctaudit schema upgrade"),
        (
            "later",
            "UPDATE ctaudit.migration SET number = 999, compatible_since = 998 WHERE number = 1",
            "version 999, .* of version 998 and newer, .* upgrade ctaudit",
        ),
        (
            "empty",
            "DROP SCHEMA ctaudit CASCADE",
            "has no ctaudit schema; run: ctaudit schema install",
        ),
    ],
)
def test_a_schema_that_is_too_old_or_too_new(
    cluster: Cluster, name: str, change: str, says: str
) -> None:
    cluster.create_database(name)
    dsn = cluster.dsn(name)
    schema.install(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute(change)  # type: ignore[arg-type]
    for words in (COMMANDS[0], ["flows"], ["status"]):
        sentence = refuse(6, *words, "--dsn", dsn)
        assert re.search(says, sentence), sentence
    done = run("schema", "status", "--dsn", dsn)
    assert done.status == 6
    assert done.out.count("\n") == 1
    assert re.search(says, done.out), done.out


def test_an_installation_refuses_what_is_newer(cluster: Cluster) -> None:
    cluster.create_database("newer")
    schema.install(cluster.dsn("newer"))
    with psycopg.connect(cluster.dsn("newer")) as connection:
        connection.execute("UPDATE ctaudit.migration SET number = 999 WHERE number = 1")
    for action in ("install", "upgrade"):
        assert "upgrade ctaudit" in refuse(6, "schema", action, "--dsn", cluster.dsn("newer"))


def test_schema_commands(cluster: Cluster) -> None:
    cluster.create_database("fresh")
    dsn = cluster.dsn("fresh")
    before = run("schema", "status", "--dsn", dsn)
    assert (before.status, before.out.count("\n")) == (6, 1)
    assert "schema install" in refuse(6, "schema", "upgrade", "--dsn", dsn)
    installed = run("schema", "install", "--dsn", dsn).out.splitlines()
    assert [line.split(" version ")[0].split(" may ")[0] for line in installed] == [
        "The schema is", "Each login of the server"
    ]  # fmt: skip
    again = run("schema", "install", "--dsn", dsn)
    assert again.status == 0
    assert "applied no migration, made 0 partitions" in again.out
    after_it = run("schema", "status", "--dsn", dsn)
    assert after_it.status == 0
    assert f"version {EXPECTED_SCHEMA}, as this program needs, and partitions" in after_it.out
    assert run("maintain", "--dsn", dsn).status == 0


def test_who_may_not_ask(cluster: Cluster) -> None:
    for user in ("stranger", "rex"):
        dsn = cluster.dsn(user=user)
        for words in (COMMANDS[0], ["flows"], ["status"]):
            assert "permission denied" in refuse(7, *words, "--dsn", dsn)
    said = refuse(7, "flows", "--dsn", cluster.dsn(user="rex"))
    assert said.endswith("; the login rex must be a member of ctaudit_auditor to ask")
