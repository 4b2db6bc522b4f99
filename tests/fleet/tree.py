"""The Debian tree that a fleet's machines boot from: a fresh host that Ansible can reach.

It is the tree of the package's tests with what Ansible needs on a host, and with the downloaded
packages as an archive of its own, so that apt updates and installs as it would from a
mirror, without a network.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.machine import base
from tests.package.tree import ready_bare

# python3-apt and sudo are on each Debian that was not made as small as can be.
_TOOLS = ("python3-apt", "sudo")
_ARCHIVE = "srv/debian"
_SOURCE = "deb [trusted=yes] file:/srv/debian ./\n"


def ready_host(release: str = "bookworm") -> Path:
    """The tree of a Debian release, made now (half a minute) unless it is there already."""
    bare = ready_bare(release)
    tree, stamp = base.CACHE / f"{release}-host", base.CACHE / f"{release}-host.recipe"
    made_from = [bare.with_suffix(".recipe").read_text(), *_TOOLS, _ARCHIVE, _SOURCE]
    recipe = hashlib.sha256(" ".join(made_from).encode()).hexdigest()
    with (base.CACHE / f"{release}-host.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == recipe and tree.is_dir():
            return tree
        stamp.unlink(missing_ok=True)
        draft = base.CACHE / f"{release}-host.new"
        for old in (draft, tree):
            base._remove_tree(old)
        base._run(["cp", "-a", "--reflink=auto", str(bare), str(draft)])
        _add_tools(draft)
        _make_archive(draft)
        draft.rename(tree)
        stamp.write_text(recipe)
    return tree


def _add_tools(tree: Path) -> None:
    with base._no_services(tree), base._mounted_proc(tree):
        install = ["apt-get", "install", "-qy", "--no-install-recommends"]
        base._run(["chroot", str(tree), *install, *_TOOLS])


def _make_archive(tree: Path) -> None:
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
    (sources / "archive.list").write_text(_SOURCE)
    base._run(["chroot", str(tree), "apt-get", "update", "-q"])


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        try:
            ready_host(wanted)
        except base.MachineError as error:
            sys.exit(str(error))
