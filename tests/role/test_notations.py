"""An inventory in INI with groups of its own: taken, or refused before anything is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.machines.machine import Machine
from tests.role.conftest import DATABASE_NAME, Site
from tests.role.ini import NAMED, write_ini
from tests.role.playing import assert_done, assert_stopped, play

R1 = "r1 ctaudit_gateway_addresses=10.20.1.2"
GROUPS = "Edge_Routers"
_READ = "Require variables that can be read"
_HOST = "rdb ctaudit_database_password=''"


def _find_hba(database: Machine) -> Path:
    words = ["sh", "-c", "ls /etc/postgresql/*/main/pg_hba.conf"]
    return database.path(database.run(words).stdout.strip())


def _process(machine: Machine) -> str:
    return machine.show("ctaudit-receiver.service", "MainPID")


@pytest.fixture(scope="module", autouse=True)
def fleet(standing: Site) -> None:
    """The host of the database is a gateway as well; no group has a name that the role knows."""
    assert_done(play(write_ini(standing, R1, _HOST)))


def test_a_second_run_changes_nothing_and_stops_no_receiver(site: Site) -> None:
    database = site.machine("rdb")
    before = _process(database)
    assert before != "0"
    again = play(write_ini(site, R1, _HOST))
    assert_done(again)
    assert [again.changed(name) for name in ("r1", "rdb")] == [0, 0], again.text
    assert _process(database) == before
    assert '"r1" 10.20.1.2/32 scram-sha-256\n' in _find_hba(database).read_text()


def test_groups_that_the_role_is_not_told(site: Site, tmp_path: Path) -> None:
    """A playbook of the site's own, over its groups; the host of the database by its name."""
    database = site.machine("rdb")
    before = _process(database)
    inventory = write_ini(site, R1, _HOST, everywhere="ctaudit_database_host=rdb")
    book = tmp_path / "own.yml"
    book.write_text(json.dumps([
        {"hosts": "pg", "become": True, "gather_facts": False, "tasks": [
            {"import_role": {"name": "ctaudit", "tasks_from": "database_host"}}]},
        {"hosts": "Edge_Routers", "become": True, "gather_facts": False,
         "roles": [{"role": "ctaudit"}]},
    ]))  # fmt: skip
    run = play(inventory, book=book)
    assert_done(run)
    assert [run.changed(name) for name in ("r1", "rdb")] == [0, 0], run.text
    assert _process(database) == before


def test_two_gateways_of_one_node(site: Site) -> None:
    lines = (R1, """rdb ctaudit_config='{"node": "r1"}'""")
    for everywhere in (NAMED, f"{NAMED}\nctaudit_database_host=rdb"):
        run = play(write_ini(site, *lines, everywhere=everywhere), f"--limit={GROUPS}")
        assert_stopped(run, "Require one gateway for each node", "have the same node r1")
        assert [run.changed(name) for name in ("r1", "rdb")] == [0, 0]


@pytest.mark.parametrize(
    ("everywhere", "words", "task", "sentence"),
    [
        ("", [], "Require groups with hosts", "no host in the group gateways"),
        (NAMED, ["-e", "ctaudit_gateways_group=x"], "Require groups with hosts", "in the group x"),
        (NAMED, ["--limit=other"], "Require hosts of these groups in this run", "correct --limit"),
    ],
    ids=["unknown groups", "empty group", "another host"],
)
def test_nothing_to_do_is_no_success(
    site: Site, everywhere: str, words: list[str], task: str, sentence: str
) -> None:
    inventory = write_ini(site, R1, everywhere=everywhere, also="\n[others]\nother\n")
    assert_stopped(play(inventory, *words), task, sentence)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ctaudit_gateway_addresses=gw.example", '"gw.example" is not an address or a network'),
        ("ctaudit_gateway_addresses=10.20.1.2/24", 'write the network as "10.20.1.0/24"'),
        ("""ctaudit_config='{"node": 1.10}'""", "ctaudit_config.node is 1.1; write text"),
        ("""ctaudit_config='{"scope": {"public": "1.2.3.4.5"}}'""", "ctaudit_config.scope.public"),
    ],
)
def test_refused_before_anything_is_changed(site: Site, line: str, words: str) -> None:
    hba = _find_hba(site.machine("rdb"))
    before = hba.read_bytes()
    run = play(write_ini(site, f"r1 {line}"), "--limit=r1")
    assert_stopped(run, _READ, "r1: ", words)
    assert run.changed("r1") == 0
    assert hba.read_bytes() == before


def test_password_that_is_not_ascii(site: Site) -> None:
    inventory = write_ini(site, R1, password="Schlüssel q7x2k9")  # noqa: S106
    run = play(inventory, "--limit=r1", "-e", '{"ctaudit_database_login": "r1new"}')
    assert_stopped(run, "Require what a database elsewhere needs", "other characters than printab")
    assert "q7x2k9" not in run.text
    words = ["psql", "-XAtq", "-c", "SELECT count(*) FROM pg_roles WHERE rolname = 'r1new'"]
    assert site.machine("rdb").run(words, user="postgres").stdout.strip() == "0"


def test_json_in_ini(site: Site) -> None:
    config = """ctaudit_config='{"socket": {"updates": false}, "journal": {"rate": "7"}}'"""
    inventory = write_ini(site, f"{R1} {config} ctaudit_check=no ctaudit_auditors=anna,ben")
    assert_done(play(inventory, "--limit=r1", "-e", "ctaudit_database_manage=yes"))
    said = site.machine("r1").path("/etc/ctaudit/ctaudit.toml").read_text()
    assert "updates = false\n" in said
    assert "rate = 7\n" in said
    assert_done(play(write_ini(site, R1), "--limit=r1"))


def test_configuration_refused_before_there_is_a_login(site: Site) -> None:
    config = """ctaudit_config='{"spool": {"max_bytes": "2 GB"}}'"""
    inventory = write_ini(site, f"{R1} {config} ctaudit_database_login=r1other")
    run = play(inventory, "--limit=r1")
    assert_stopped(run, "Require a configuration that the program accepts", "must be a size")
    words = ["psql", "-XAtq", "-c", "SELECT count(*) FROM pg_roles WHERE rolname = 'r1other'"]
    assert site.machine("rdb").run(words, user="postgres").stdout.strip() == "0"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE ROLE boss LOGIN SUPERUSER", "login boss: it is a superuser"),
        ("CREATE ROLE boss LOGIN IN ROLE ctaudit_auditor", "it is a member of ctaudit_auditor"),
    ],
    ids=["superuser", "auditor"],
)
def test_login_that_nothing_binds(site: Site, statement: str, words: str) -> None:
    database = site.machine("rdb")
    database.run(["psql", "-Xq", "-c", statement], user="postgres")
    try:
        run = play(write_ini(site, f"{R1} ctaudit_database_login=boss"), "--limit=r1")
    finally:
        database.run(["psql", "-Xq", "-c", "DROP ROLE boss"], user="postgres")
    task = "Require that the login may be a gateway's"
    assert_stopped(run, task, words, "another one in ctaudit_database_login")
    assert run.changed("r1") == 0


def test_settings_that_the_kernel_lacks(site: Site) -> None:
    file = site.machine("r1").path("/etc/sysctl.d/60-ctaudit.conf")
    before = file.read_bytes()
    settings = """ctaudit_sysctls='{"net.netfilter.nf_conntrack_act": 1, "net.no.such": "1"}'"""
    run = play(write_ini(site, f"{R1} {settings}"), "--limit=r1")
    task = "Require settings that hold or can be set"
    names = "this kernel has no net.netfilter.nf_conntrack_act, net.no.such: the name is misspelt"
    assert_stopped(run, task, names, "ctaudit_sysctls")
    assert "container" not in run.sentence
    assert file.read_bytes() == before


def test_host_name_with_dots_and_capitals(site: Site) -> None:
    """As its login, its node and its mark in pg_hba.conf; and what it was called before.

    The spool has events of r1, which the new login records too: it is the same gateway.
    """
    config = """ctaudit_config='{"node": "R1.Example.NET"}'"""
    inventory = write_ini(site, f"{R1} {config}")
    assert_done(play(inventory, "--limit=r1"))
    again = play(inventory, "--limit=r1")
    assert_done(again)
    assert again.changed("r1") == 0, again.text
    database = site.machine("rdb")
    assert '"R1.Example.NET" 10.20.1.2/32' in _find_hba(database).read_text()
    listed = json.loads(database.run(["ctaudit", "node", "list", "--json"]).stdout)["nodes"]
    retired = {row["node"]: bool(row["retired_at"]) for row in listed}
    assert (retired["r1"], retired["R1.Example.NET"]) == (True, False)
    _remove_as(site, "R1.Example.NET")
    assert_done(play(write_ini(site, R1), "--limit=r1"))


def _remove_as(site: Site, node: str) -> None:
    """The login goes with its gateway, though it has recorded as another one before."""
    config = f'ctaudit_config=\'{{"node": "{node}"}}\' ctaudit_state=absent'
    assert_done(play(write_ini(site, f"{R1} {config}"), "--limit=r1"))
    words = ["psql", "-XAtq", "-c", f"SELECT count(*) FROM pg_roles WHERE rolname = '{node}'"]
    assert site.machine("rdb").run(words, user="postgres").stdout.strip() == "0"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ctaudit_database_listen=203.0.113.9", "203.0.113.9 is none of this host's"),
        (
            "ctaudit_database_tls_key=\"{{ lookup('ansible.builtin.file', '{tls}/r2.key') }}\"",
            "do not work together",
        ),
    ],
    ids=["address", "key"],
)
def test_files_that_the_server_would_not_load(site: Site, line: str, words: str) -> None:
    database = site.machine("rdb")
    place = _find_hba(database).parent / "conf.d/ctaudit.conf"
    key = database.path("/etc/ctaudit/postgresql/server.key")
    before = (place.read_bytes(), key.read_bytes())
    also = f"\n[pg:vars]\n{line.replace('{tls}', str(site.tls))}\n"
    run = play(write_ini(site, R1, also=also), "--limit=pg")
    assert_stopped(run, "PostgreSQL serves gateways over TLS", words)
    assert (place.read_bytes(), key.read_bytes()) == before
    database.run(["systemctl", "restart", "postgresql"])
    database.run(["runuser", "-u", "postgres", "--", "psql", "-c", "SELECT 1"])


def test_pg_hba_that_somebody_has_broken(site: Site) -> None:
    """The gateway's new lines do not come into a file that the server would not load."""
    hba = _find_hba(site.machine("rdb"))
    kept = hba.read_text()
    hba.write_text(f"{kept}nonsense\n")
    try:
        run = play(write_ini(site, "r1 ctaudit_gateway_addresses=10.20.1.0/30"), "--limit=r1")
        task = "Let the gateway in on the database's host"
        assert_stopped(run, task, "pg_hba.conf would not be accepted: line")
        assert hba.read_text() == f"{kept}nonsense\n"
    finally:
        hba.write_text(kept)


def test_timers_run_since_the_first_roll_out(site: Site) -> None:
    for name in ("r1", "rdb"):
        machine = site.machine(name)
        assert machine.show("ctaudit-clock.timer", "ActiveState") == "active"
        assert machine.show("ctaudit-clock.service", "ExecMainStartTimestamp") != ""


def test_sandbox_that_systemd_cannot_make(site: Site) -> None:
    """An unknown user ends with the status that a host without user namespaces ends with."""
    run = play(write_ini(site, R1), "--limit=r1", "-e", '{"ctaudit_sandbox": ["User=nemo"]}')
    task = "Require a sandbox that systemd can make"
    assert_stopped(run, task, "217/USER", "user.max_user_namespaces", "no-user-namespaces.conf")
    assert run.changed("r1") == 0


def test_gateway_in_a_network_namespace(site: Site) -> None:
    machine = site.machine("r1")
    machine.run(["ip", "netns", "add", "Uplink.1"])
    ask = ["ip", "netns", "exec", "Uplink.1", "sysctl", "-n", "net.netfilter.nf_conntrack_acct"]
    inventory = write_ini(site, f"{R1} ctaudit_network_namespace=Uplink.1 ctaudit_check=no")
    try:
        assert machine.run(ask).stdout.strip() == "0"
        assert_done(play(inventory, "--limit=r1"))
        assert machine.run(ask).stdout.strip() == "1"
        again = play(inventory, "--limit=r1")
        assert_done(again)
        assert again.changed("r1") == 0, again.text
        assert machine.show("ctaudit-receiver.service", "ActiveState") == "active"
        # As after a boot: the receiver's start brings the settings back.
        machine.run([*ask[:4], "sysctl", "-qw", "net.netfilter.nf_conntrack_acct=0"])
        machine.run(["systemctl", "restart", "ctaudit-receiver.service"])
        assert machine.run(ask).stdout.strip() == "1"
    finally:
        run = play(write_ini(site, R1), "--limit=r1")
        machine.run(["ip", "netns", "delete", "Uplink.1"])
    assert_done(run)
    assert machine.show("ctaudit-receiver.service", "NetworkNamespacePath") == ""


def test_database_of_others(site: Site) -> None:
    """A connection string is all that there is, with a password in it."""
    machine = site.machine("r1")
    dsn = (
        f"postgresql://r1:not%3A%20a%20%5Csecret@{DATABASE_NAME}/ctaudit?sslmode=verify-full"
        "&sslrootcert=/etc/ctaudit/database-ca.pem&options=-c%20lock_timeout%3D5s"
    )
    config = f"""ctaudit_config='{{"database": {{"dsn": "{dsn}"}}}}'"""
    lines = write_ini(
        site, f"r1 ctaudit_database_manage=False {config}",
        everywhere="ctaudit_gateways_group=Edge_Routers", password="",
    )  # fmt: skip
    run = play(lines, "--limit=r1", "--diff", "-vv")
    assert_done(run)
    assert "Nobody runs ctaudit maintain for this database" in run.text
    assert "secret" not in run.text.replace("/secrets", "")
    file = machine.path("/etc/ctaudit/ctaudit.toml")
    assert "passfile=/var/lib/ctaudit/.pgpass" in file.read_text()
    assert "options='-c lock_timeout=5s'" in file.read_text()
    assert "secret" not in file.read_text()
    again = play(lines, "--limit=r1")
    assert_done(again)
    assert again.changed("r1") == 0, again.text
    _arrange_maintenance(site, lines)
    assert_done(play(write_ini(site, R1), "--limit=r1"))


def _arrange_maintenance(site: Site, inventory: Path) -> None:
    machine, database = site.machine("r1"), site.machine("rdb")
    words = "CREATE ROLE keeper LOGIN PASSWORD 'w8z3' IN ROLE ctaudit_maintainer"
    database.run(["psql", "-Xq", "-c", words], user="postgres")
    hba = _find_hba(database)
    hba.write_text('hostssl ctaudit "keeper" 10.20.1.2/32 scram-sha-256\n' + hba.read_text())
    database.run(["psql", "-Xq", "-c", "SELECT pg_reload_conf()"], user="postgres")
    dsn = (
        f"host={DATABASE_NAME} dbname=ctaudit user=keeper password=w8z3 sslmode=verify-full "
        "sslrootcert=/etc/ctaudit/database-ca.pem"
    )
    more = ["--limit=r1", "--diff", "-e", f'{{"ctaudit_maintain_dsn": "{dsn}"}}']
    run = play(inventory, *more)
    assert_done(run)
    assert "Nobody runs ctaudit maintain" not in run.text
    assert "w8z3" not in run.text
    machine.run(["systemctl", "start", "ctaudit-maintain.service"])
    assert machine.show("ctaudit-maintain.service", "Result") == "success"
    assert machine.show("ctaudit-maintain.timer", "ActiveState") == "active"
    again = play(inventory, *more)
    assert again.changed("r1") == 0, again.text
