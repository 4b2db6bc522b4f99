"""The database's host is a gateway as well."""

from __future__ import annotations

import json

from lab.waiting import wait_until
from tests.role.conftest import Site
from tests.role.playing import assert_done, play

HOSTS = ("r1", "r2", "rdb")


def _is_fit(site: Site, name: str) -> bool:
    said = site.machine(name).run(["ctaudit", "check", "--json"], check=False).stdout
    return bool(json.loads(said)["verdict"] != "not fit")


def test_database_host_that_is_a_gateway(site: Site) -> None:
    site.write("rdb")
    assert_done(play(site.inventory))
    again = play(site.inventory)
    assert_done(again)
    assert [again.changed(name) for name in HOSTS] == [0, 0, 0], again.text
    for name in HOSTS:
        assert _is_fit(site, name)
    # Its own recorder comes in by the socket, the others by TLS.
    said = site.machine("rdb").run(["ctaudit", "status", "--json"]).stdout
    running = {row["node"] for row in json.loads(said)["streams"] if row["stopped_at"] is None}
    assert running == set(HOSTS)


def test_removal_of_the_database_host(site: Site) -> None:
    """The gateway that it is has its last word; the others go on recording."""
    site.write("rdb")
    removed = ("--limit=rdb", "-e", "ctaudit_state=absent", "-e", "ctaudit_purge=true")
    assert_done(play(site.inventory, *removed))
    database = site.machine("rdb")
    assert not database.path("/usr/bin/ctaudit").exists()
    database.run(["systemctl", "restart", "postgresql"])
    statement = "SELECT node, retired_at IS NOT NULL FROM ctaudit.node ORDER BY 1"
    words = ["psql", "-XAtq", "-d", "ctaudit", "-c", statement]
    assert database.run(words, user="postgres").stdout.split() == ["r1|f", "r2|f", "rdb|t"]
    for name in HOSTS[:2]:
        wait_until(lambda name=name: _is_fit(site, name), patience=60, pause=1)  # type: ignore[misc]
    again = play(site.inventory, *removed)
    assert_done(again)
    assert again.changed("rdb") == 0, again.text
