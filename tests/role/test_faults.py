"""Each fault stops the run at the right task with a sentence; repaired, the next run succeeds.

The tests stand in the order in which a site would meet the faults, on machines that are bare at
first.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from lab.fleet import keeper
from lab.machines.nspawn import network_of
from tests.role.conftest import DATABASE_NAME, Site
from tests.role.playing import assert_done, assert_stopped, play

Variables = dict[str, object]
_ELSEWHERE = "Require what a database elsewhere needs"
_STORE = "Require a store that is named"
_NAMES = "Require names that the database and the program take"


@pytest.mark.parametrize(
    ("release", "words"),
    [
        (
            'PRETTY_NAME="Devuan 5"\nID=devuan\nID_LIKE=debian\nVERSION_ID="5"\n',
            ("r1 runs Devuan 5, a derivative of Debian", "Debian 12 and 13"),
        ),
        (
            'PRETTY_NAME="Debian GNU/Linux forky/sid"\nID=debian\nVERSION_CODENAME=forky\n',
            ("r1 runs Debian GNU/Linux forky/sid, which is newer", "ctaudit_untried_release"),
        ),
    ],
    ids=["derivative", "testing"],
)
def test_untried_release(site: Site, release: str, words: tuple[str, ...]) -> None:
    machine = site.machine("r1")
    file = machine.path("/usr/lib/os-release")
    kept = file.read_text()
    file.write_text(release)
    try:
        run = play(site.inventory, "--limit=gateways")
    finally:
        file.write_text(kept)
    assert_stopped(run, "Require a release that ctaudit is made for", *words)
    assert "upgrade" not in run.sentence
    assert run.changed("r1") == 0
    assert not run.touched("r2")


@pytest.mark.parametrize(
    ("variables", "task", "word"),
    [
        ({"ctaudit_database_password": ""}, _ELSEWHERE, "password"),
        ({"ctaudit_database_ca": ""}, _ELSEWHERE, "_ca is missing"),
        (
            {"ctaudit_database_authentication": "peer"},
            _ELSEWHERE,
            "database's host only",
        ),
        ({"ctaudit_database_host": "nowhere"}, _ELSEWHERE, "no host"),
        (
            {"ctaudit_package_url": "https://example.net/ctaudit.deb"},
            "Require one source of the package",
            "at most one",
        ),
        ({"ctaudit_package_file": "/nowhere.deb"}, "Require the package's file", "make deb"),
        ({"ctaudit_config": {"node": "r2"}}, "Require one gateway for each node", "the same node"),
        ({"ctaudit_config": {"node": "postgres"}}, _NAMES, "no gateway's: PostgreSQL"),
        (
            {"ctaudit_config": {"database": {"dsn": "host=db user=postgres"}}},
            _NAMES,
            'logs in as "postgres"',
        ),
        (
            {"ctaudit_config": {"database": {"dsn": "dbname=ctaudit password=q7x2k9"}}},
            _NAMES,
            "has a password other than that of the login",
        ),
        (
            {"ctaudit_stores": {"a": {"host": "nowhere"}}, "ctaudit_store": "a"},
            "Require stores that can be",
            "ctaudit_stores.a.host is nowhere, which is not in the group database",
        ),
        (
            {"ctaudit_stores": {"a": {"host": "rdb"}, "b": {"host": "rdb"}}, "ctaudit_store": "a"},
            "Require stores that can be",
            "have the same host rdb",
        ),
        ({"ctaudit_stores": {"a": {"host": "rdb"}}}, _STORE, "ctaudit_store is missing"),
        (
            {"ctaudit_stores": {"a": {"host": "rdb"}}, "ctaudit_store": "b"},
            _STORE,
            "ctaudit_store is b, and ctaudit_stores has a",
        ),
        ({"ctaudit_store": "b"}, _STORE, "ctaudit_stores is empty"),
    ],
)
def test_variables(site: Site, variables: Variables, task: str, word: str) -> None:
    site.write(r1=variables, r2={"ctaudit_config": {"node": "r2"}})
    run = play(site.inventory, "--limit=gateways")
    assert_stopped(run, task, word)
    assert run.changed("r1") == 0
    assert "q7x2k9" not in run.text


def test_a_front_without_stores(site: Site) -> None:
    run = play(site.inventory, "--limit=gateways", "-e", "ctaudit_front_group=gateways")
    words = ("ctaudit_stores is empty, and a front has nobody to ask", "a host of its own",
             "ctaudit_front_password is missing")  # fmt: skip
    assert_stopped(run, "Require what a front needs", *words)
    assert run.changed("r1") == 0


def test_mistyped_key(site: Site) -> None:
    site.write(r1={"ctaudit_config": {"journal": {"rates": 5}}})
    run = play(site.inventory, "--limit=gateways")
    assert run.status != 0
    assert "rates" in run.text
    assert run.failed.startswith("Validating arguments")


def test_database_host_down(site: Site) -> None:
    keeper.switch_off("rdb")
    try:
        whole = play(site.inventory)
        gateways = play(site.inventory, "--limit=gateways")
    finally:
        keeper.switch_on("rdb")
    assert whole.status != 0
    assert "UNREACHABLE" in whole.text
    assert not whole.touched("r1")
    task = "Require that the gateway reaches the database"
    assert_stopped(gateways, task, f"r1 does not reach PostgreSQL at {DATABASE_NAME}")
    assert gateways.changed("r1") == 0
    assert not gateways.touched("r2")


def test_setting_refused(site: Site) -> None:
    """As an unprivileged container's: its host alone may write the settings."""
    assert_done(play(site.inventory, "--limit=database"))
    machine = site.machine("r1")
    machine.run(["mount", "--bind", "/proc/sys/net/netfilter", "/proc/sys/net/netfilter"])
    machine.run(["mount", "-o", "remount,ro,bind", "/proc/sys/net/netfilter"])
    try:
        run = play(site.inventory, "--limit=r1")
        assert_stopped(
            run,
            "Require settings that hold or can be set",
            "does not let us write net.netfilter.nf_conntrack_acct, wanted 1, found 0",
            "set it on the host that runs it",
        )
        for name in ("acct", "timestamp", "events"):
            setting = f"net.netfilter.nf_conntrack_{name}=1"
            words = ["ip", "netns", "exec", network_of("r1"), "sysctl", "-qw", setting]
            subprocess.run(words, check=True)
        assert_done(play(site.inventory, "--limit=r1"))
    finally:
        machine.run(["umount", "/proc/sys/net/netfilter"])


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            lambda site: {"ctaudit_database_ca": site.read("other-ca.crt")},
            ("certificate verify failed", "ctaudit_database_ca must have signed"),
        ),
        (
            lambda _: {"ctaudit_database_address": "10.20.0.1"},
            ("does not match host name", "ctaudit_database_address must be a name in"),
        ),
        (
            lambda _: {"ctaudit_gateway_addresses": ["192.0.2.1"]},
            ("no pg_hba.conf entry", "ctaudit_gateway_addresses must hold"),
        ),
    ],
    ids=["other authority", "other name", "other address"],
)
def test_connection_not_trusted(
    site: Site, variables: Callable[[Site], Variables], words: tuple[str, ...]
) -> None:
    site.write(r1=variables(site))
    run = play(site.inventory, "--limit=gateways")
    assert_stopped(run, "Require that the recorder can connect", "r1: ", *words)
    assert not run.touched("r2")
    site.write()
    assert_done(play(site.inventory, "--limit=r1"))


def test_value_that_the_program_refuses(site: Site) -> None:
    machine = site.machine("r1")
    before = machine.path("/etc/ctaudit/ctaudit.toml").read_text()
    site.write(r1={"ctaudit_config": {"spool": {"max_bytes": "2 GB"}}})
    run = play(site.inventory, "--limit=r1")
    task = "Require a configuration that the program accepts"
    assert_stopped(run, task, "r1: ctaudit_config: spool.max_bytes = '2 GB': must be a size")
    assert machine.path("/etc/ctaudit/ctaudit.toml").read_text() == before


def test_gateway_that_is_not_fit_stops_the_roll_out(site: Site) -> None:
    site.write(r1={"ctaudit_config": {"procedure": "site.nothing"}})
    run = play(site.inventory, "--limit=gateways", "-e", '{"ctaudit_check_retries": 2}')
    assert_stopped(
        run,
        "Require a gateway that is fit to be believed",
        "r1 is not fit to be believed: recorder: ",
        "privileges: no procedure site.nothing",
        "correct procedure or mode in the configuration",
    )
    assert not run.touched("r2")
    site.write()
    assert_done(play(site.inventory, "--limit=r1"))
