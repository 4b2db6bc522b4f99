"""Runs a command of this checkout in a Debian tree: python3 -m lab.machines.inside RELEASE WORD...

The command is root there and has that Debian's Python, libraries and PostgreSQL, and this host's
network. The checkout stands at its own path; whatever else is written is gone afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.machines.debian import copy_tree, keep_tree
from lab.machines.machine import MachineError
from lab.machines.nspawn import DISKS
from lab.machines.trees import whole_tree
from lab.namespaces import ROOT

_POSTGRESQL = {"bookworm": 15, "trixie": 17}
# What tests/store wants beside what a machine has.
_PACKAGES = (
    "apache2-bin", "git", "nginx-light", "pgbouncer", "postgresql-{}-pgtap", "python3-hypothesis",
    "python3-jinja2", "python3-prometheus-client", "python3-pytest", "python3-pytest-xdist",
    "ulogd2", "ulogd2-json", "ulogd2-pgsql", "weasyprint",
)  # fmt: skip
# sh -c _ENTER sh TREE CHECKOUT OBJECTS COMMAND...: in a mount namespace, in an empty folder.
_ENTER = """
tree=$1 checkout=$2 objects=$3
shift 3
mkdir upper work root
mount -t overlay -o "lowerdir=$tree,upperdir=upper,workdir=work" overlay root
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount --rbind /sys root/sys
for place in "$checkout" "$objects"; do
    mkdir -p "root$place"
    mount --bind "$place" "root$place"
done
for site in root/usr/local/lib/python3.*/dist-packages; do
    echo "$checkout/src" >"$site/ctaudit.pth"
done
exec chroot root env -C "$checkout" "$@"
"""


def testing_tree(release: str) -> Path:
    """The tree of a Debian release in which tests/store can run, made unless it is there."""
    if release not in _POSTGRESQL:
        raise MachineError(f"{release!r} is none of {', '.join(_POSTGRESQL)}")
    whole = whole_tree(release)
    packages = [name.format(_POSTGRESQL[release]) for name in _PACKAGES]
    # Another tree below it has other packages, such as those of the pages.
    recipe = " ".join([*packages, whole.with_name(f"{release}.recipe").read_text()])
    return keep_tree(f"{release}-tests", recipe, lambda tree: copy_tree(whole, tree, packages))


def run_inside(release: str, command: list[str]) -> int:
    """Returns the command's exit status; what it has left running ends with it."""
    settings = {"HOME": "/root", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}  # fmt: skip
    own = {name: os.environ[name] for name in os.environ if name.startswith("CTAUDIT_")}
    places = [str(place) for place in (testing_tree(release), ROOT, _find_objects())]
    enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--",
             "sh", "-ec", _ENTER, "sh", *places]  # fmt: skip
    DISKS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="inside-", dir=DISKS) as folder:
        done = subprocess.run([*enter, *command], cwd=folder, env=settings | own, check=False)
    return done.returncode


def _find_objects() -> Path:
    """Where git keeps them, which is elsewhere for a worktree; the checkout if it is no clone."""
    words = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "rev-parse",
             "--path-format=absolute", "--git-common-dir"]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else ROOT


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    release, *command = arguments
    try:
        return run_inside(release, command)
    except MachineError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
