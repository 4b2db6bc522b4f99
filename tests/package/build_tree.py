"""The Debian tree of a machine that builds the package and runs its autopkgtest."""

from __future__ import annotations

import fcntl
import hashlib
from pathlib import Path

from tests.machine import base
from tests.package.tree import BUILD, ready_bare

_TOOLS = (*BUILD, "apt-utils", "autopkgtest", "gnupg")
_RECIPE = Path(__file__).read_bytes()


def ready_build(release: str = "bookworm") -> Path:
    """The tree of a Debian release, made now (a minute) unless it is there already."""
    bare = ready_bare(release)
    tree, stamp = base.CACHE / f"{release}-build", base.CACHE / f"{release}-build.recipe"
    recipe = hashlib.sha256(bare.with_suffix(".recipe").read_bytes() + _RECIPE).hexdigest()
    with (base.CACHE / f"{release}-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == recipe and tree.is_dir():
            return tree
        stamp.unlink(missing_ok=True)
        draft = base.CACHE / f"{release}-build.new"
        for old in (draft, tree):
            base._remove_tree(old)
        base._run(["cp", "-a", "--reflink=auto", str(bare), str(draft)])
        install = ["apt-get", "install", "-qy", "--no-install-recommends", *_TOOLS]
        with base._no_services(draft), base._mounted_proc(draft):
            base._run(["chroot", str(draft), "apt-get", "update", "-q"])
            base._run(["chroot", str(draft), *install])
        draft.rename(tree)
        stamp.write_text(recipe)
    return tree
