"""The build: the same bytes each time, nothing that lintian minds, on each release."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machines.booting import booted_machine
from lab.machines.machine import Machine
from lab.machines.trees import build_tree
from lab.package import web_package
from tests.package.conftest import RELEASES
from tests.package.installation import is_here

pytestmark = pytest.mark.skipif(is_here(), reason="for a host that builds packages")
# On the newer release: one source has one version of Debian's policy, that of the older one.
_ACCEPTED = "I: ctaudit source: out-of-date-standards-version 4.6.2 "
_LINTIAN = "lintian --allow-root --pedantic --display-info --fail-on=none"


def test_two_builds_are_equal(checkout: Path, package: Path, tmp_path: Path) -> None:
    """The second from a copy elsewhere, with other dates, modes and umask."""
    copy = tmp_path / "elsewhere/checkout"
    shutil.copytree(checkout, copy, copy_function=shutil.copy)
    subprocess.run(["chmod", "-R", "g+w,o-r", str(copy)], check=True)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "TZ": "Asia/Tokyo"}
    second = tmp_path / "second"
    words = ["sh", "-c", 'umask 077; exec "$0" "$1"', str(copy / "tools/deb"), str(second)]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    for first in package.parent.glob("ctaudit*_*"):
        # These say when and where it was built.
        if first.suffix not in (".buildinfo", ".changes"):
            assert (second / first.name).read_bytes() == first.read_bytes(), first.name


def test_lintian_has_nothing_to_say(package: Path) -> None:
    changes = next(package.parent.glob("*.changes"))
    words = [*_LINTIAN.split(), str(changes)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_command_is_kept_from_the_caller_s_environment(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    script = (tmp_path / "usr/bin/ctaudit").read_text()
    assert script.startswith("#!/usr/bin/python3 -I\n")


def test_the_pages_are_in_their_own_package(checkout: Path, package: Path) -> None:
    """All of src/ctaudit/web in the one, and nothing of it in the other."""
    listed = {}
    for name in (package, web_package(package)):
        words = ["dpkg", "-c", str(name)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        paths = {line.split()[5] for line in done.stdout.splitlines() if line[0] == "-"}
        place = "./usr/lib/python3/dist-packages/"
        listed[name] = {path.removeprefix(place) for path in paths if path.startswith(place)}
    tree = checkout / "src"
    pages = {
        str(path.relative_to(tree)) for path in tree.glob("ctaudit/web/**/*") if path.is_file()
    }
    assert listed[web_package(package)] == {path for path in pages if "__pycache__" not in path}
    assert not any(path.startswith("ctaudit/web/") for path in listed[package])


def test_package_is_marked_as_typed(package: Path) -> None:
    listed = subprocess.run(["dpkg", "-c", package], capture_output=True, text=True, check=True)
    assert "/ctaudit/py.typed\n" in listed.stdout


def test_completion(checkout: Path) -> None:
    script = (
        "source /usr/share/bash-completion/bash_completion; source $0; COMP_LINE=$*;"
        " COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${#COMP_WORDS[@]} - 1));"
        " COMP_POINT=${#COMP_LINE}; _ctaudit; echo ${COMPREPLY[@]}"
    )
    completion = str(checkout / "packaging/debian/ctaudit.bash-completion")
    for line, wanted in (
        ("ctaudit wh", "who"),
        ("ctaudit flows --fo", "--format"),
        ("ctaudit flows --format ul", "ulogd"),
        ("ctaudit setup --aud", "--auditor"),
    ):
        words = ["bash", "-c", script, completion, *line.split()]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [wanted], line


@pytest.fixture(scope="module", params=RELEASES)
def builder(request: pytest.FixtureRequest, package: Path) -> Iterator[Machine]:
    """A machine that has built the source package in /root/tree, on each release."""
    release = request.param
    with booted_machine(f"build-{release}", release, build_tree(release)) as machine:
        for file in package.parent.glob("ctaudit*_*"):
            machine.put(file, f"/root/source/{file.name}")
        build = (
            "cd /root && dpkg-source -x source/*.dsc tree && cd tree && dpkg-buildpackage -us -uc"
        )
        machine.run(["sh", "-c", build], timeout=900)
        yield machine


def test_source_builds(builder: Machine) -> None:
    said = builder.run(["sh", "-c", f"{_LINTIAN} /root/*.changes"], timeout=900).stdout
    assert [line for line in said.splitlines() if not line.startswith(_ACCEPTED)] == []


def test_autopkgtest(builder: Machine) -> None:
    """In the machine itself: it is isolated, and what tests break there is thrown away."""
    built = [f"/root/{path.name}" for path in builder.path("/root").glob("ctaudit*_all.deb")]
    assert len(built) == 2
    ignored = "--ignore-restrictions=isolation-machine,breaks-testbed"
    words = ["autopkgtest", ignored, "--no-built-binaries", "--summary-file=/root/summary"]
    words += [*built, "/root/tree/", "--", "null"]
    done = builder.run(words, check=False, timeout=900)
    summary = builder.path("/root/summary").read_text()
    print(summary)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = dict(line.split() for line in summary.splitlines())
    assert results == dict.fromkeys(("smoke", "privileges", "pages", "upgrade"), "PASS")
