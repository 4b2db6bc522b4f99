"""The Debian trees that machines boot from, each made once and then kept.

    whole   what ctaudit and the lab need: a test run downloads nothing
    bare    nothing of what ctaudit depends on; apt finds that in its own archive of downloaded
            packages, and resolves and installs it without a network, as on a fresh host
    build   bare, with what builds the package and runs its autopkgtest
    host    bare, with what Ansible needs on a host, and with the downloaded packages as an archive,
            so that apt updates as it would from a mirror

``python3 -m lab.machines.trees host RELEASE`` makes one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from lab.machines.debian import (
    bootstrap_tree,
    copy_tree,
    entering_tree,
    keep_tree,
    read_own_release,
)
from lab.machines.machine import MachineError

_SYSTEM = (
    "systemd", "systemd-sysv", "dbus", "ca-certificates", "procps", "python3", "python3-pyroute2",
    "conntrack", "nftables", "iproute2",
)  # fmt: skip
# What the packages depend on and recommend; what builds them and runs debian/tests.
_WANTED = ("python3-psycopg", "python3-systemd", "postgresql", "python3-flask", "python3-waitress")
_BUILD = (
    "build-essential", "bash-completion", "debhelper", "dh-python", "lintian",
    "pybuild-plugin-pyproject", "python3-all", "python3-psycopg", "python3-pytest",
    "python3-setuptools",
)  # fmt: skip
_BUILD_TOOLS = (*_BUILD, "apt-utils", "autopkgtest", "gnupg")
# python3-apt and sudo are on each Debian that was not made as small as can be.
_HOST_TOOLS = ("python3-apt", "sudo")
_ARCHIVE = "srv/debian"
_RECIPE = Path(__file__).read_text()


def whole_tree(release: str = "bookworm") -> Path:
    """The tree of a Debian release, made now (1 to 2 minutes) unless it is there already."""
    packages = (*_SYSTEM, *_WANTED, "sudo")
    return keep_tree(release, _RECIPE, lambda tree: bootstrap_tree(release, tree, packages))


def bare_tree(release: str = "bookworm") -> Path:
    return keep_tree(f"{release}-bare", _RECIPE, lambda tree: _make_bare(release, tree))


def build_tree(release: str = "bookworm") -> Path:
    bare = bare_tree(release)
    return keep_tree(f"{release}-build", _RECIPE, lambda tree: copy_tree(bare, tree, _BUILD_TOOLS))


def host_tree(release: str = "bookworm") -> Path:
    bare = bare_tree(release)
    return keep_tree(f"{release}-host", _RECIPE, lambda tree: _make_host(bare, tree))


def _make_bare(release: str, tree: Path) -> None:
    bootstrap_tree(release, tree, (*_SYSTEM, "man-db"))
    with entering_tree(tree) as run:
        download = ("apt-get", "install", "-qy", "--download-only")
        run(*download, *_WANTED)
        if release != read_own_release():
            run(*download, "--no-install-recommends", *_BUILD)


def _make_host(bare: Path, tree: Path) -> None:
    copy_tree(bare, tree, _HOST_TOOLS)
    archive = tree / _ARCHIVE
    archive.mkdir(parents=True)
    for package in (tree / "var/cache/apt/archives").glob("*.deb"):
        package.rename(archive / package.name)
    for name in ("packages", "release"):
        done = subprocess.run(
            ["apt-ftparchive", name, "."], cwd=archive, capture_output=True, text=True, check=True
        )
        (archive / name.capitalize()).write_text(done.stdout)
    sources = tree / "etc/apt/sources.list.d"
    shutil.rmtree(sources)
    sources.mkdir()
    (sources / "archive.list").write_text(f"deb [trusted=yes] file:/{_ARCHIVE} ./\n")
    with entering_tree(tree) as run:
        run("apt-get", "update", "-q")


TREES = {"whole": whole_tree, "bare": bare_tree, "build": build_tree, "host": host_tree}


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or arguments[0] not in TREES:
        print(__doc__, file=sys.stderr)
        return 2
    make, *releases = arguments
    try:
        for release in releases:
            TREES[make](release)
    except MachineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
