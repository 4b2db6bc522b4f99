"""What a run that was broken off has left half done, the next one finishes."""

from __future__ import annotations

import json

import pytest

from tests.role.conftest import Site
from tests.role.playing import assert_done, assert_stopped, break_off, play


@pytest.fixture(scope="module", autouse=True)
def database(standing: Site) -> None:
    assert_done(play(standing.inventory, "--limit=database"))


def test_run_broken_off(site: Site) -> None:
    """Killed again and again on a bare machine, apt and dpkg with it."""
    words = ("--limit=r2",)
    moments = [2, 4, 6, 8, 10]
    broken = sum(break_off(site.inventory, seconds, *words) for seconds in moments)
    assert broken >= 3
    assert_done(play(site.inventory, *words))
    again = play(site.inventory, *words)
    assert_done(again)
    assert again.changed("r2") == 0, again.text


def test_package_left_unpacked(site: Site) -> None:
    """As by a power failure: without what it depends on, and not configured."""
    machine = site.machine("r2")
    machine.run(["dpkg", "--remove", "ctaudit"])
    machine.run(["dpkg", "--remove", "--force-depends", "python3-psycopg"])
    machine.put(site.package, "/root/ctaudit.deb")
    machine.run(["dpkg", "--unpack", "/root/ctaudit.deb"])
    assert_done(play(site.inventory, "--limit=r2"))
    said = machine.run(["dpkg-query", "-W", "-f", "${Status}", "ctaudit"]).stdout
    assert said == "install ok installed"
    assert play(site.inventory, "--limit=r2").changed("r2") == 0


def test_configuration_written_but_not_taken_up(site: Site) -> None:
    """A run that ended between the configuration and the services."""
    machine = site.machine("r1")
    assert_done(play(site.inventory, "--limit=r1"))
    before = machine.show("ctaudit.service", "MainPID")
    site.write(r1={"ctaudit_config": {"journal": {"rate": 7}}})
    assert_done(play(site.inventory, "--limit=r1", "--tags=configuration"))
    assert machine.show("ctaudit.service", "MainPID") == before
    run = play(site.inventory, "--limit=r1")
    assert_done(run)
    assert machine.show("ctaudit.service", "MainPID") != before
    assert run.changed("r1") == 1, run.text


def test_database_configuration_not_taken_up(site: Site) -> None:
    """pg_hba.conf changed by a run that ended before PostgreSQL was told."""
    assert_done(play(site.inventory, "--limit=r1"))
    machine = site.machine("rdb")
    file = machine.run(["sh", "-c", "ls /etc/postgresql/*/main/pg_hba.conf"]).stdout.strip()
    place = machine.path(file)
    kept = place.read_text()
    place.write_text(f"{kept}nonsense\n")
    run = play(site.inventory, "--limit=r1")
    task = "PostgreSQL goes by who may come in"
    assert_stopped(run, task, "pg_hba.conf would not be accepted: line")
    place.write_text(kept)
    run = play(site.inventory, "--limit=r1")
    assert_done(run)
    assert run.changed("r1") == 1, run.text
    assert play(site.inventory, "--limit=r1").changed("r1") == 0


def test_after_all_that_the_fleet_records(site: Site) -> None:
    run = play(site.inventory)
    assert_done(run)
    for name in ("r1", "r2"):
        said = site.machine(name).run(["ctaudit", "check", "--json"], check=False).stdout
        assert json.loads(said)["verdict"] != "not fit"
