"""The Debian tree that a fleet's machines boot from: a fresh host that Ansible can reach.

It is the tree of the package's tests with what Ansible needs on a host, and with the downloaded
packages as an archive of its own, so that apt updates and installs as it would from a
mirror, without a network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from lab.machines.package_tree import BARE_RECIPE, ready_bare
from lab.machines.tree import MachineError, copy_tree, entering_tree, keep_tree

# python3-apt and sudo are on each Debian that was not made as small as can be.
_TOOLS = ("python3-apt", "sudo")
_ARCHIVE = "srv/debian"
_RECIPE = BARE_RECIPE + Path(__file__).read_text()


def ready_host(release: str = "bookworm") -> Path:
    """The tree of a Debian release, made now (half a minute) unless it is there already."""
    bare = ready_bare(release)
    return keep_tree(f"{release}-host", _RECIPE, lambda tree: _make_host(bare, tree))


def _make_host(bare: Path, tree: Path) -> None:
    copy_tree(bare, tree, _TOOLS)
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


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        try:
            ready_host(wanted)
        except MachineError as error:
            sys.exit(str(error))
