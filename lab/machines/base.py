"""The Debian tree that machines boot from unless they are given another.

What the product needs is installed in it, so that a test run downloads nothing.
"""

from __future__ import annotations

from pathlib import Path

from lab.machines.tree import bootstrap_tree, keep_tree

_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "ca-certificates", "procps", "sudo", "python3",
    "python3-psycopg", "python3-systemd", "python3-pyroute2", "postgresql", "conntrack",
    "nftables", "iproute2",
)  # fmt: skip


def ready_base(release: str = "bookworm") -> Path:
    """The tree of a Debian release, made now (1 to 2 minutes) unless it is there already."""
    return keep_tree(
        release, " ".join(_PACKAGES), lambda tree: bootstrap_tree(release, tree, _PACKAGES)
    )
