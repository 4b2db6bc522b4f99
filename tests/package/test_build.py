"""The build: the same bytes each time, nothing that lintian minds, on each release."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine.base import _read_os_release
from tests.machine.machine import ROOT, Machine, booted_machine
from tests.package.conftest import RELEASES
from tests.package.site import apt, is_here
from tests.package.tree import BUILD, ready_bare

pytestmark = pytest.mark.skipif(is_here(), reason="for a host that builds packages")
_OTHERS = [name for name in RELEASES if name != _read_os_release()["VERSION_CODENAME"]]
# The receiver's socket outlives its process in systemd's store: no init script can do that. And
# one source has one version of Debian's policy, that of the older release.
_ACCEPTED = {
    "package-supports-alternative-init-but-no-init.d-script",
    "newer-standards-version",
    "out-of-date-standards-version",
}
_LINTIAN = "lintian --allow-root --pedantic --display-info --fail-on=none"


def findings(said: str) -> list[str]:
    """Lines of lintian, ``I: ctaudit source: TAG ...``, without those that are accepted."""
    lines = [line for line in said.splitlines() if not line.startswith("N:")]
    return [line for line in lines if line.split(": ")[2].split()[0] not in _ACCEPTED]


def test_two_builds_are_equal(package: Path, tmp_path: Path) -> None:
    """The second from a copy elsewhere, with other dates, modes and umask."""
    copy = tmp_path / "elsewhere/checkout"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".*", "dist"), copy_function=shutil.copy
    )
    subprocess.run(["chmod", "-R", "g+w,o-r", str(copy)], check=True)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "TZ": "Asia/Tokyo"}
    second = tmp_path / "second"
    words = ["sh", "-c", 'umask 077; exec "$0" "$1"', str(copy / "tools/deb"), str(second)]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    for first in package.parent.glob("ctaudit_*"):
        # These say when and where it was built.
        if first.suffix not in (".buildinfo", ".changes"):
            assert (second / first.name).read_bytes() == first.read_bytes(), first.name


def test_lintian_has_nothing_to_say(package: Path) -> None:
    changes = next(package.parent.glob("*.changes"))
    words = [*_LINTIAN.split(), str(changes)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert findings(done.stdout) == []


@pytest.fixture(scope="module", params=_OTHERS)
def builder(request: pytest.FixtureRequest, package: Path) -> Iterator[Machine]:
    """A machine of another release that has built the source package in /root/tree."""
    release = request.param
    with booted_machine(f"build-{release}", release, ready_bare(release)) as machine:
        apt(machine, "install", "--no-install-recommends", *BUILD)
        for file in package.parent.glob("ctaudit_*"):
            machine.put(file, f"/root/source/{file.name}")
        build = (
            "cd /root && dpkg-source -x source/*.dsc tree && cd tree && dpkg-buildpackage -us -uc"
        )
        machine.run(["sh", "-c", build], timeout=300)
        yield machine


def test_source_builds_on_another_release(builder: Machine) -> None:
    said = builder.run(["sh", "-c", f"{_LINTIAN} /root/*.changes"]).stdout
    assert findings(said) == []


def test_autopkgtest(builder: Machine) -> None:
    """As autopkgtest would: the package that was built, and its tests in the source tree."""
    [built] = builder.path("/root").glob("ctaudit_*_all.deb")
    apt(builder, "install", "--no-install-recommends", f"./{built.name}", "postgresql")
    for name in ("smoke", "privileges", "upgrade"):
        done = builder.run(["env", "-C", "/root/tree", f"debian/tests/{name}"], timeout=300)
        assert "passed" in done.stdout
        print(f"{name}: {done.stdout.splitlines()[-1]}")
