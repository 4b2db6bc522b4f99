"""The web pages on the database's host: brought, changed, upgraded, taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.package import NEWER
from tests.role.conftest import Site
from tests.role.playing import Played, assert_done, assert_stopped, play

ONE = "--limit=rdb"
UNIT = "ctaudit-web.service"
PAGES = {"ctaudit_web": True, "ctaudit_web_proxy_users": ["www-data"]}
_FRONTS = (
    "SELECT m.rolname FROM pg_auth_members AS a JOIN pg_roles AS m ON m.oid = a.member"
    " JOIN pg_roles AS g ON g.oid = a.roleid WHERE g.rolname = 'ctaudit_front'"
)
_GET = (
    "import urllib.request; request = urllib.request.Request('http://127.0.0.1:8037/record.json');"
    " print(urllib.request.urlopen(request, timeout=20).status)"
)


def bring(site: Site, **variables: Any) -> None:
    """What check mode has named before, and then nothing."""
    site.write(rdb=variables)
    foreseen = play(site.inventory, ONE, "--check", "--diff")
    assert_done(foreseen)
    run = play(site.inventory, ONE)
    assert_done(run)
    assert _changed_tasks(run), run.text
    assert _changed_tasks(run) <= _changed_tasks(foreseen)
    # Check mode may foresee an upgrade of the schema that does not follow (docs/fleet.md).
    for task in _changed_tasks(foreseen) - _changed_tasks(run):
        assert "bring its schema to this version" in task
    again = play(site.inventory, ONE)
    assert_done(again)
    assert again.changed("rdb") == 0, again.text


def _changed_tasks(run: Played) -> set[str]:
    task, changed = "", set()
    for line in run.text.splitlines():
        if line.startswith("TASK ["):
            task = line.rstrip("*")
        if line.startswith("changed: "):
            changed.add(task)
    return changed


def fronts(site: Site) -> list[str]:
    words = ["psql", "-XAtq", "-c", _FRONTS]
    return site.machine("rdb").run(words, user="postgres").stdout.split()


def versions(site: Site) -> set[str]:
    words = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}\\n", "ctaudit", "ctaudit-web"]
    return set(site.machine("rdb").run(words, check=False).stdout.splitlines())


def test_a_web_server_s_user_must_be_there(site: Site) -> None:
    site.write(rdb={**PAGES, "ctaudit_web_proxy_users": ["caddy"]})
    run = play(site.inventory, ONE)
    task = "Require that they are users of this host"
    assert_stopped(run, task, "ctaudit_web_proxy_users: caddy: no such user on this host")


def test_the_pages_file_must_be_there(site: Site) -> None:
    site.write(rdb={**PAGES, "ctaudit_web_package_file": "/nowhere/ctaudit-web.deb"})
    run = play(site.inventory, ONE)
    assert_stopped(run, "Require what the web pages need", "/nowhere/ctaudit-web.deb")


def test_pages_come_change_and_go(site: Site, newer: Path) -> None:
    assert_done(play(site.inventory, ONE))
    machine = site.machine("rdb")
    assert fronts(site) == []

    bring(site, **PAGES)
    assert machine.show(UNIT, "ActiveState") == "active"
    assert fronts(site) == ["ctaudit-web"]
    assert "ctaudit-web" in machine.run(["id", "-Gn", "www-data"]).stdout.split()

    bring(site, **PAGES, ctaudit_web_listen="127.0.0.1:8037")
    assert machine.run(["python3", "-c", _GET]).stdout == "200\n"

    bring(site, **PAGES, ctaudit_package_file=str(newer))
    assert versions(site) == {f"ii {NEWER}-1"}
    assert machine.show(UNIT, "ActiveState") == "active"

    bring(site, ctaudit_package_file=str(newer))
    assert not machine.path(f"/usr/lib/systemd/system/{UNIT}").exists()
    assert fronts(site) == []

    bring(site, **PAGES, ctaudit_package_file=str(newer))
    bring(site, **PAGES, ctaudit_state="absent")
    assert not machine.path("/usr/bin/ctaudit").exists()
    assert not machine.path(f"/usr/lib/systemd/system/{UNIT}").exists()
