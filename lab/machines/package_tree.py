"""The Debian trees for tests of the package: nothing of ctaudit's in them.

In the bare one apt needs no network: it finds what ctaudit depends on in its archive of
downloaded packages, and resolves and installs it from there as it would on a fresh host.
"""

from __future__ import annotations

from pathlib import Path

from lab.machines.tree import bootstrap_tree, copy_tree, entering_tree, keep_tree, read_own_release

# What the lab and the tests need to run in the machine.
_TOOLS = (
    "systemd", "systemd-sysv", "dbus", "ca-certificates", "procps", "python3", "python3-pyroute2",
    "conntrack", "nftables", "iproute2", "man-db",
)  # fmt: skip
# What the package depends on and recommends; what builds it and runs debian/tests.
_WANTED = ("python3-psycopg", "python3-systemd", "postgresql")
_BUILD = (
    "build-essential", "bash-completion", "debhelper", "dh-python", "lintian",
    "pybuild-plugin-pyproject", "python3-all", "python3-psycopg", "python3-pytest",
    "python3-setuptools",
)  # fmt: skip
_BUILD_TOOLS = (*_BUILD, "apt-utils", "autopkgtest", "gnupg")
BARE_RECIPE = Path(__file__).read_text()


def ready_bare(release: str = "bookworm") -> Path:
    """The tree of a Debian release, made now (1 to 2 minutes) unless it is there already."""
    return keep_tree(f"{release}-bare", BARE_RECIPE, lambda tree: _make_bare(release, tree))


def ready_build(release: str = "bookworm") -> Path:
    """The same with what builds the package and runs its autopkgtest (a minute more)."""
    bare = ready_bare(release)
    return keep_tree(
        f"{release}-build", BARE_RECIPE, lambda tree: copy_tree(bare, tree, _BUILD_TOOLS)
    )


def _make_bare(release: str, tree: Path) -> None:
    bootstrap_tree(release, tree, _TOOLS)
    with entering_tree(tree) as run:
        download = ("apt-get", "install", "-qy", "--download-only")
        run(*download, *_WANTED)
        if release != read_own_release():
            run(*download, "--no-install-recommends", *_BUILD)
