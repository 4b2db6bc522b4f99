"""check against a real store, and setup --local against a server of its own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from ctaudit.admin import check_backlog, check_database, setup_local
from ctaudit.admin.auditor_limits import AUDITOR_CONNECTIONS, AUDITOR_SETTINGS
from ctaudit.admin.check_login import find_position
from ctaudit.admin.finding import Finding, Level
from ctaudit.admin.units import UnitState
from ctaudit.config import Config, SpoolSection
from ctaudit.database import schema
from ctaudit.database.connection import connect
from ctaudit.errors import DatabaseError, PrivilegeError, UsageError
from ctaudit.host.privileges import acting_as, current_user
from ctaudit.spool.writer import SpoolWriter
from lab.cluster import Cluster, private_cluster
from tests.store.gateway import let_record
from tests.store.scenario import run
from tests.store.spooled import Spooled

PROCEDURE = "ctaudit.record_live"
NODE = "unannounced"


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user ctaudit of this host is a stranger to the private server."""
    monkeypatch.setattr(check_database, "RECORDER_USER", "no-such-user")
    monkeypatch.setattr(check_database, "MAINTAINER_USER", "no-such-user")


def findings(dsn: str, procedure: str = PROCEDURE) -> dict[str, Finding]:
    return {item.name: item for item in check_database.check_database(dsn, procedure, NODE)}


def test_recorder_finds_all_good(cluster: Cluster) -> None:
    let_record(cluster.dsn(user="rex"), NODE)
    found = findings(cluster.dsn(user="rex"))
    assert list(found) == [
        "database",
        "schema",
        "privileges",
        "encoding",
        "server log",
        "partitions",
        "locks",
        "login",
        "announcements",
    ]
    assert {item.level for item in found.values()} == {Level.GOOD}, found


@pytest.mark.parametrize(
    ("user", "name", "level", "says"),
    [
        ("nobody-known", "database", Level.UNFIT, 'role "nobody-known" does not exist'),
        ("stranger", "privileges", Level.UNFIT, "permission denied"),
        ("audrey", "privileges", Level.UNFIT, "may not call"),
        (None, "privileges", Level.WARNING, "is a superuser"),
    ],
)
def test_other_logins(
    cluster: Cluster, user: str | None, name: str, level: Level, says: str
) -> None:
    found = findings(cluster.dsn(user=user))[name]
    assert (found.level, says in found.found) == (level, True), found


def test_wrong_procedure(cluster: Cluster) -> None:
    found = findings(cluster.dsn(user="rex"), "ctaudit.record_nothing")["privileges"]
    assert (found.level, found.found) == (Level.UNFIT, "no procedure ctaudit.record_nothing")


def test_no_schema(cluster: Cluster) -> None:
    cluster.create_database("without_schema")
    found = findings(cluster.dsn("without_schema", user="rex"))
    assert list(found) == ["database", "schema"]
    assert found["schema"].level is Level.UNFIT


def test_command_names_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text(f'[database]\ndsn = "host={tmp_path}"\n[spool]\ndirectory = "{tmp_path}/no"\n')
    done = run("check", "--config", str(file))
    assert (done.status, done.err) == (3, "")
    assert done.out.splitlines()[-1].startswith("Not ready: ")
    plain = run("check", "--json", "--config", str(file))
    levels = {item["name"]: item["level"] for item in plain.json["findings"]}
    assert plain.status == 3
    assert {levels[name] for name in ("spool", "receiver", "recorder", "database")} == {"not fit"}


def test_a_spool_that_nobody_records(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then with a recorder that has committed it: as the database says, not the spool."""
    monkeypatch.setattr(check_backlog, "PATIENCE", 0.3)
    cluster.create_database("unrecorded")
    schema.install(cluster.dsn("unrecorded"))
    dsn = cluster.dsn("unrecorded", user="rex")
    let_record(dsn, NODE)
    writer = SpoolWriter(Config(node=NODE, spool=SpoolSection(tmp_path)), time.monotonic)
    writer.begin_stream()
    writer.append_note("start", mode="live")
    site = check_database.Site(tmp_path)

    def look() -> Finding:
        found = check_database.check_database(dsn, PROCEDURE, NODE, site)
        return {item.name: item for item in found}["backlog"]

    try:
        assert look().level is Level.UNFIT
        [stream] = check_backlog.read_published(tmp_path)
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "CALL ctaudit.record_note(%s::text, %s, 0::bigint, %s::bigint, now(),"
                " 'start'::text, %s::jsonb)",
                (NODE, stream.stream, stream.end, json.dumps({"mode": "live"})),
            )
        assert look() == Finding("backlog", Level.GOOD, "the database has all that was received")
    finally:
        writer.close()


def test_a_spool_of_before_the_gateway_had_its_name(cluster: Cluster, tmp_path: Path) -> None:
    """The package receives under the host's name until ``node`` is written; one command is said."""
    dsn = cluster.dsn(user="rex")
    let_record(dsn, NODE)
    Spooled(tmp_path, "debian.old").begin()
    Spooled(tmp_path, NODE).begin()
    site = check_database.Site(tmp_path)
    found = check_database.check_database(dsn, PROCEDURE, NODE, site)
    assert (
        Finding(
            "login",
            Level.UNFIT,
            "rex does not record as debian.old; the spool holds what was received as that",
            "a login that records as debian.old",
            "if it is a login of that gateway, run as the owner: ctaudit node login debian.old rex",
        )
        in found
    )
    assert {item.name: item for item in found}["login"].level is Level.UNFIT
    assert "backlog" not in {item.name for item in found}


def test_a_database_that_fails_midway_is_said(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as a lack of privileges, and not as a spool of which nothing is recorded."""

    def fail(*_: object) -> None:
        raise DatabaseError("asking as this gateway: the disk is full")

    dsn = cluster.dsn(user="rex")
    let_record(dsn, NODE)
    Spooled(tmp_path, NODE).begin()
    monkeypatch.setattr(check_database, "find_position", fail)
    found = check_database.check_database(dsn, PROCEDURE, NODE, check_database.Site(tmp_path))
    assert [(item.name, item.found) for item in found if item.level is Level.UNFIT] == [
        ("database", "asking as this gateway: the disk is full")
    ]


def test_only_a_login_that_is_refused_has_no_position(cluster: Cluster) -> None:
    """Anything else is said, not taken for a stream that nobody knows."""
    stream = uuid4()
    with connect(cluster.dsn(user="rex"), "recorder") as connection:
        assert find_position(connection, "another", stream) is None
        with psycopg.connect(cluster.dsn()) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(DatabaseError, match=r"asking as this gateway: .*terminating"):
            find_position(connection, "another", stream)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Cluster]:
    with private_cluster(settings={"fsync": "off"}) as made:
        yield made


@pytest.fixture
def local(fresh: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A server in the place of this host's own."""
    monkeypatch.setattr(setup_local, "_SOCKET", str(fresh.socket_directory))
    monkeypatch.setattr(setup_local, "SUPERUSER", fresh.superuser)
    monkeypatch.setattr(setup_local, "_has_unit", lambda _: False)
    monkeypatch.setattr(setup_local, "WEB_USER", "no-such-user")
    return fresh


def test_setup_makes_database_schema_and_logins(local: Cluster) -> None:
    first = list(setup_local.set_up_local(["root"], "gw1"))
    again = list(setup_local.set_up_local(["root", "nobody"], "gw1"))
    assert "Created database ctaudit." in first
    assert "Created login ctaudit (recorder)." in first
    assert "Database ctaudit exists already, with encoding UTF8." in again
    assert "Login ctaudit exists already (recorder)." in again
    assert "Created login nobody (auditor)." in again
    assert "Login ctaudit records as gw1." in first
    assert "Login ctaudit records as gw1." in again
    assert current_user() == "root"
    assert os.environ["HOME"]
    with psycopg.connect(local.dsn()) as connection:
        members = connection.execute(
            "SELECT m.rolname, g.rolname, m.rolpassword IS NULL, m.rolsuper"
            " FROM pg_auth_members AS a JOIN pg_authid AS m ON m.oid = a.member"
            " JOIN pg_authid AS g ON g.oid = a.roleid WHERE g.rolname LIKE 'ctaudit%'"
            " AND NOT m.rolsuper ORDER BY 1"
        ).fetchall()
    assert members == [
        ("ctaudit", "ctaudit_recorder", True, False),
        ("ctaudit-maintain", "ctaudit_maintainer", True, False),
        ("ctaudit_front", "ctaudit_auditor", True, False),
        ("nobody", "ctaudit_auditor", True, False),
        ("root", "ctaudit_auditor", True, False),
    ]
    assert findings(local.dsn(user="ctaudit"))["privileges"].level is Level.GOOD


def test_setup_makes_the_login_of_the_pages(
    local: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where their package is; with an auditor's limits, and free to say for whom it asks."""
    assert "front" not in "\n".join(setup_local.set_up_local([], "gw1"))
    monkeypatch.setattr(setup_local, "WEB_USER", "daemon")
    assert "Created login daemon (front)." in list(setup_local.set_up_local([], "gw1"))
    assert "Login daemon exists already (front)." in list(setup_local.set_up_local([], "gw1"))
    with psycopg.connect(local.dsn(user="daemon")) as connection:
        connection.execute("SELECT ctaudit.set_purpose(NULL, NULL, 'audrey')")
        for name, wanted in AUDITOR_SETTINGS.items():
            assert connection.execute("SELECT current_setting(%s)", (name,)).fetchone() == (wanted,)
        most = connection.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'daemon'")
        assert most.fetchone() == (AUDITOR_CONNECTIONS,)


def test_setup_covers_what_the_spool_was_before(local: Cluster, tmp_path: Path) -> None:
    """But no name that has a login: whoever writes the spool may not become another gateway."""
    list(setup_local.set_up_local([], "taken"))
    with psycopg.connect(local.dsn(), autocommit=True) as owner:
        owner.execute("UPDATE ctaudit.node_login SET login = 'gw9' WHERE node = 'taken'")
    for name in ("debian", "taken", "gw1"):
        Spooled(tmp_path, name).begin()
    first = list(setup_local.set_up_local([], "gw1", tmp_path))
    assert "Login ctaudit records as debian, which this spool was before." in first
    assert (
        "The spool holds what was received as taken, whose logins are others; if it is this "
        "gateway, run as postgres: ctaudit node login taken ctaudit"
    ) in first
    again = "\n".join(setup_local.set_up_local([], "gw1", tmp_path))
    assert "debian" not in again
    with psycopg.connect(local.dsn()) as connection:
        logins = connection.execute("SELECT node FROM ctaudit.node_login WHERE login = 'ctaudit'")
        names = {row[0] for row in logins}
    assert {"debian", "gw1"} <= names
    assert "taken" not in names


def test_setup_closes_the_database_that_it_makes(
    fresh: Cluster, local: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that was there it says what to run: another program may use it."""
    monkeypatch.setattr(setup_local, "DATABASE", "closed")
    with psycopg.connect(fresh.dsn("postgres"), autocommit=True) as owner:
        owner.execute("CREATE ROLE stranger LOGIN")
    said = "\n".join(setup_local.set_up_local([], "gw1"))
    assert "REVOKE" not in said
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(local.dsn("closed", user="stranger"))
    for login in ("ctaudit", "ctaudit-maintain"):
        with psycopg.connect(local.dsn("closed", user=login)) as connection:
            assert connection.execute(
                "SELECT has_database_privilege('closed', 'TEMPORARY')"
            ).fetchone() == (False,)
    assert "REVOKE" not in "\n".join(setup_local.set_up_local([], "gw1"))
    fresh.create_database("open")
    monkeypatch.setattr(setup_local, "DATABASE", "open")
    said = "\n".join(setup_local.set_up_local([], "gw1"))
    _, _, statements = said.partition("run as its owner: ")
    psycopg.connect(local.dsn("open", user="stranger")).close()
    with psycopg.connect(local.dsn("open"), autocommit=True) as owner:
        for statement in statements.splitlines()[0].rstrip(";").split("; "):
            owner.execute(statement)  # type: ignore[arg-type]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(local.dsn("open", user="stranger"))


@pytest.mark.parametrize(
    "setting", ["statement_timeout = '1ms'", "default_transaction_read_only = on"]
)
def test_setup_of_a_database_with_limits(local: Cluster, setting: str) -> None:
    list(setup_local.set_up_local([], "gw1"))
    name, _, _ = setting.partition(" ")
    with psycopg.connect(local.dsn("postgres"), autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE ctaudit SET {setting}")  # type: ignore[arg-type]
        list(setup_local.set_up_local(["root"], "gw2"))
        owner.execute(f"ALTER DATABASE ctaudit RESET {name}")  # type: ignore[arg-type]


def test_setup_limits_auditors(local: Cluster) -> None:
    """A site's own limits stay, and other databases of the server are not concerned."""
    list(setup_local.set_up_local(["root"], "gw1"))
    with psycopg.connect(local.dsn(), autocommit=True) as connection:
        connection.execute("ALTER ROLE root IN DATABASE ctaudit SET statement_timeout = '1h'")
        connection.execute("ALTER ROLE root IN DATABASE ctaudit RESET temp_file_limit")
        connection.execute("ALTER ROLE root CONNECTION LIMIT 2")
    list(setup_local.set_up_local(["root", "nobody"], "gw1"))

    def show(user: str, database: str = "ctaudit") -> list[object]:
        with psycopg.connect(local.dsn(database, user=user)) as connection:
            asked = ("SHOW statement_timeout", "SHOW temp_file_limit",
                     "SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user")  # fmt: skip
            return [connection.execute(query).fetchall()[0][0] for query in asked]

    assert show("root") == ["1h", "10GB", 2]
    assert show("nobody") == ["10min", "10GB", 10]
    assert show("nobody", "postgres") == ["0", "-1", 10]
    assert show("ctaudit") == ["0", "-1", -1]
    with (
        psycopg.connect(local.dsn(user="nobody")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SET temp_file_limit = -1")


def test_setup_takes_the_ownership_from_the_maintainer(local: Cluster) -> None:
    list(setup_local.set_up_local([], "gw1"))
    with psycopg.connect(local.dsn(), autocommit=True) as connection:
        connection.execute('GRANT ctaudit_owner TO "ctaudit-maintain"')
        list(setup_local.set_up_local([], "gw1"))
        row = connection.execute(
            "SELECT pg_has_role('ctaudit-maintain', 'ctaudit_owner', 'MEMBER'),"
            " pg_has_role('ctaudit-maintain', 'ctaudit_maintainer', 'MEMBER')"
        ).fetchone()
    assert row == (False, True)


def test_setup_gives_a_login_its_role_back(local: Cluster) -> None:
    list(setup_local.set_up_local([], "gw1"))
    with psycopg.connect(local.dsn(), autocommit=True) as connection:
        connection.execute("REVOKE ctaudit_recorder FROM ctaudit")
    assert "Granted ctaudit_recorder to login ctaudit (recorder)." in setup_local.set_up_local(
        [], "gw1"
    )


def test_a_database_host_is_judged_by_the_maintainer_s_login(local: Cluster) -> None:
    list(setup_local.set_up_local(["root"], "gw1"))
    running = UnitState(elapses=True)
    site = check_database.Site(Path("/nowhere"), maintain_timer=running)
    found = check_database.check_database_host(local.dsn(user="ctaudit-maintain"), site)
    assert [item.name for item in found] == [
        "database", "schema", "encoding", "server log", "partitions", "locks", "maintenance",
    ]  # fmt: skip
    assert {item.level for item in found} == {Level.GOOD}, found
    stopped = check_database.Site(Path("/nowhere"), maintain_timer=UnitState(active="inactive"))
    found = check_database.check_database_host(local.dsn(user="ctaudit-maintain"), stopped)
    assert found[-1].level is Level.WARNING
    assert found[-1].remedy == "systemctl enable --now ctaudit-maintain.timer"


@pytest.mark.usefixtures("local")
def test_setup_refuses() -> None:
    with pytest.raises(UsageError, match="--auditor no-such-user: no such user on this host"):
        list(setup_local.set_up_local(["no-such-user"], "gw1"))
    with (
        acting_as("nobody"),
        pytest.raises(PrivilegeError, match="runs as nobody; run it as root or as"),
    ):
        list(setup_local.set_up_local([], "gw1"))
    assert run("setup").status == 2
