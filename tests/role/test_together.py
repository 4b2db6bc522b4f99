"""The database's host is a gateway as well."""

from __future__ import annotations

import json

from tests.role.conftest import Site
from tests.role.playing import assert_done, play

HOSTS = ("r1", "r2", "rdb")


def test_database_host_that_is_a_gateway(site: Site) -> None:
    site.write("rdb")
    assert_done(play(site.inventory))
    again = play(site.inventory)
    assert_done(again)
    assert [again.changed(name) for name in HOSTS] == [0, 0, 0], again.text
    for name in HOSTS:
        said = site.machine(name).run(["ctaudit", "check", "--json"], check=False).stdout
        assert json.loads(said)["verdict"] != "not fit"
    # Its own recorder comes in by the socket, the others by TLS.
    said = site.machine("rdb").run(["ctaudit", "status", "--json"]).stdout
    running = {row["node"] for row in json.loads(said)["streams"] if row["stopped_at"] is None}
    assert running == set(HOSTS)
