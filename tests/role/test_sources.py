"""The package from a URL and from a signed archive, and its removal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from lab.package import NEWER, build_archive
from tests.role.conftest import Site
from tests.role.playing import Played, assert_done, play

ONE = "--limit=r1"


def _assert_settled(site: Site) -> None:
    again = play(site.inventory, ONE)
    assert_done(again)
    assert again.changed("r1") == 0, again.text


def _play_foreseen(site: Site) -> Played:
    """A run whose changes check mode has named before."""
    foreseen = play(site.inventory, ONE, "--check", "--diff")
    assert_done(foreseen)
    run = play(site.inventory, ONE)
    assert_done(run)
    assert _changed_tasks(foreseen) == _changed_tasks(run)
    return run


def _changed_tasks(run: Played) -> set[str]:
    task, changed = "", set()
    for line in run.text.splitlines():
        if line.startswith("TASK ["):
            task = line
        if line.startswith("changed: "):
            changed.add(task)
    return changed


def _version(site: Site) -> str:
    words = ["dpkg-query", "-W", "-f", "${Version}", "ctaudit"]
    return site.machine("r1").run(words).stdout


def test_removal(site: Site) -> None:
    assert_done(play(site.inventory))
    site.write(r1={"ctaudit_state": "absent"})
    assert _play_foreseen(site).changed("r1") > 0
    machine = site.machine("r1")
    assert not machine.path("/usr/bin/ctaudit").exists()
    left = machine.run(["find", "/etc", "/var", "-path", "*ctaudit*", "-not", "-path", "*/dpkg/*"])
    kept = {
        line
        for line in left.stdout.split()
        if not line.startswith(("/var/lib/ctaudit/spool", "/var/lib/systemd", "/etc/ctaudit/"))
        and ".wants/" not in line  # what deb-systemd-helper keeps until the purge
    }
    # What outputs have written is rotated, and in the end deleted, until the purge.
    assert kept == {"/etc/ctaudit", "/etc/logrotate.d/ctaudit", "/var/lib/ctaudit"}
    assert machine.path("/var/lib/ctaudit/spool").is_dir()
    database = site.machine("rdb")
    listed = json.loads(database.run(["ctaudit", "node", "list", "--json"]).stdout)["nodes"]
    assert {row["node"]: bool(row["retired_at"]) for row in listed} == {"r1": True, "r2": False}
    words = ["psql", "-XAtq", "-c", "SELECT rolname FROM pg_roles WHERE rolname ~ '^r[12]$'"]
    assert database.run(words, user="postgres").stdout.split() == ["r2"]
    hba = database.run(["sh", "-c", "cat /etc/postgresql/*/main/pg_hba.conf"]).stdout
    assert '"r1"' not in hba
    assert '"r2"' in hba
    _assert_settled(site)
    site.write(r1={"ctaudit_state": "absent", "ctaudit_purge": True})
    assert _play_foreseen(site).changed("r1") > 0
    assert not machine.path("/var/lib/ctaudit").exists()
    assert not machine.path("/etc/ctaudit").exists()
    assert not machine.path("/etc/logrotate.d/ctaudit").exists()
    _assert_settled(site)


def test_removal_leaves_a_spool_elsewhere(site: Site) -> None:
    """A flag as text, on a release that nobody could install on."""
    machine = site.machine("r1")
    site.write(r1={"ctaudit_config": {"spool": {"directory": "/srv/spool"}}})
    assert_done(play(site.inventory, ONE))
    file = machine.path("/usr/lib/os-release")
    release = file.read_text()
    file.write_text("PRETTY_NAME='Devuan 5'\nID=devuan\nID_LIKE=debian\n")
    try:
        run = play(
            site.inventory, ONE, "-e", "ctaudit_state=absent", "-e", "ctaudit_purge=false",
            "-e", "ctaudit_package_file=",
        )  # fmt: skip
        assert_done(run)
        assert list(machine.path("/srv/spool").glob("*.segment"))
        assert not machine.path("/etc/systemd/system/ctaudit.service.d").exists()
        purged = play(site.inventory, ONE, "-e", "ctaudit_state=absent", "-e", "ctaudit_purge=yes")
        assert_done(purged)
        assert not machine.path("/srv/spool").exists()
    finally:
        file.write_text(release)


def test_from_a_url(site: Site) -> None:
    machine = site.machine("r1")
    machine.put(site.package, "/srv/web/ctaudit.deb")
    checksum = hashlib.sha256(site.package.read_bytes()).hexdigest()
    by_url = {
        "ctaudit_package_file": "",
        "ctaudit_package_url": "http://127.0.0.1:8000/ctaudit.deb",
    }
    server = ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory",
              "/srv/web", "8000"]  # fmt: skip
    with machine.start(server) as serving:
        try:
            site.write(r1={**by_url, "ctaudit_package_checksum": f"sha256:{'0' * 64}"})
            run = play(site.inventory, ONE)
            assert run.failed == "Fetch the package from its URL", run.text
            assert "checksum" in run.sentence
            site.write(r1={**by_url, "ctaudit_package_checksum": f"sha256:{checksum}"})
            assert _play_foreseen(site).changed("r1") > 0
            _assert_settled(site)
        finally:
            serving.kill()


@pytest.fixture
def archive(site: Site, newer: Path, tmp_path: Path) -> Path:
    """A signed archive in r1 with the newer version."""
    made = build_archive(newer.parent, tmp_path / "archive")
    site.machine("r1").put(made, "/srv/archive")
    return made


def test_upgrade_from_a_signed_archive(site: Site, archive: Path, tmp_path: Path) -> None:
    assert_done(play(site.inventory, ONE))
    older = _version(site)
    process = site.machine("r1").show("ctaudit-receiver.service", "MainPID")
    source = {"uri": "file:/srv/archive", "key": (archive / "ctaudit-archive.asc").read_text()}
    from_archive = {"ctaudit_package_file": "", "ctaudit_repository": source}

    stranger = build_archive(site.package.parent, tmp_path / "stranger")
    other = {**source, "key": (stranger / "ctaudit-archive.asc").read_text()}
    site.write(r1={**from_archive, "ctaudit_repository": other})
    run = play(site.inventory, ONE)
    assert run.failed == "Install ctaudit from an archive", run.text
    assert _version(site) == older

    site.write(r1={**from_archive, "ctaudit_package_version": "latest"})
    run = play(site.inventory, ONE)
    assert_done(run)
    assert _version(site).startswith(NEWER)
    assert site.machine("r1").show("ctaudit-receiver.service", "MainPID") != process
    _assert_settled(site)

    site.write(r1={**from_archive, "ctaudit_package_version": _version(site)})
    _assert_settled(site)
