"""Debian's Patroni and etcd as an archive for apt: python3 -m lab.machines.patroni_archive RELEASE

Fetched once and kept, as the machines' trees are; prints the folder, which apt takes as
``deb [trusted=yes] file:FOLDER ./``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lab.machines.debian import copy_tree, entering_tree, keep_tree
from lab.machines.machine import MachineError
from lab.machines.trees import bare_tree

FOLDER = "srv/patroni"
_PACKAGES = ("patroni", "python3-etcd", "etcd-server", "etcd-client")
_RECIPE = Path(__file__).read_text()


def patroni_archive(release: str = "bookworm") -> Path:
    bare = bare_tree(release)
    tree = keep_tree(f"{release}-patroni", _RECIPE, lambda draft: _make(bare, draft))
    return tree / FOLDER


def _make(bare: Path, tree: Path) -> None:
    copy_tree(bare, tree, ())
    with entering_tree(tree) as run:
        # What bare has downloaded is in the machines' own archive.
        run("apt-get", "clean")
        download = ("apt-get", "install", "-qy", "--no-install-recommends", "--download-only")
        run(*download, *_PACKAGES)
    archive = tree / FOLDER
    archive.mkdir(parents=True)
    for package in (tree / "var/cache/apt/archives").glob("*.deb"):
        package.rename(archive / package.name)
    done = subprocess.run(
        ["apt-ftparchive", "packages", "."], cwd=archive, capture_output=True, text=True, check=True
    )
    (archive / "Packages").write_text(done.stdout)


def main(arguments: list[str]) -> int:
    try:
        print(patroni_archive(*arguments[:1]))
    except MachineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
