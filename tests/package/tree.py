"""The Debian tree for tests of the package: nothing of ctaudit's in it, and no network needed.

apt finds what ctaudit depends on in its archive of downloaded packages, and resolves and
installs it from there as it would on a fresh host.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from pathlib import Path

from tests.machine import base

# What the lab and the tests need to run in the machine.
_TOOLS = (
    "systemd", "systemd-sysv", "dbus", "ca-certificates", "procps", "python3", "python3-pyroute2",
    "conntrack", "nftables", "iproute2", "man-db",
)  # fmt: skip
# What the package depends on and recommends; what builds it and runs debian/tests.
_WANTED = ("python3-psycopg", "python3-systemd", "postgresql")
BUILD = (
    "build-essential", "bash-completion", "debhelper", "dh-python", "lintian",
    "pybuild-plugin-pyproject", "python3-all", "python3-psycopg", "python3-pytest",
    "python3-setuptools",
)  # fmt: skip


def ready_bare(release: str = "bookworm") -> Path:
    """The tree of a Debian release, made now (1 to 2 minutes) unless it is there already."""
    tree, stamp = base.CACHE / f"{release}-bare", base.CACHE / f"{release}-bare.recipe"
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    base.CACHE.mkdir(parents=True, exist_ok=True)
    with (base.CACHE / f"{release}-bare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == recipe and tree.is_dir():
            return tree
        stamp.unlink(missing_ok=True)
        draft = base.CACHE / f"{release}-bare.new"
        for old in (draft, tree):
            base._remove_tree(old)
        _make_tree(release, draft)
        draft.rename(tree)
        stamp.write_text(recipe)
    return tree


def _make_tree(release: str, tree: Path) -> None:
    mirror, security = base._find_mirrors()
    keyring = f"--keyring={base.KEYRING}"
    include = "--include=ca-certificates"
    base._run(["debootstrap", "--variant=minbase", keyring, include, release, str(tree), mirror])
    (tree / "etc/apt/sources.list").unlink(missing_ok=True)
    (tree / "etc/apt/sources.list.d/debian.sources").write_text(
        base._write_source(mirror, f"{release} {release}-updates")
        + base._write_source(security, f"{release}-security")
    )
    (tree / "etc/apt/apt.conf.d/90host").write_text(base._read_apt_settings())
    # What a fresh host has not, and only saves time here.
    (tree / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    for certificate in base._LOCAL_CERTIFICATES.glob("*.crt"):
        shutil.copy(certificate, tree / base._LOCAL_CERTIFICATES.relative_to("/"))
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    with base._no_services(tree), base._mounted_proc(tree):
        chroot = ["chroot", str(tree)]
        base._run([*chroot, "update-ca-certificates"])
        base._run([*chroot, "apt-get", "update", "-q"])
        base._run([*chroot, "apt-get", "install", "-qy", "--no-install-recommends", *_TOOLS])
        base._run([*chroot, "apt-get", "clean"])
        base._run([*chroot, "systemctl", "mask", *base._MASKED])
        download = [*chroot, "apt-get", "install", "-qy", "--download-only"]
        base._run([*download, *_WANTED])
        if release != base._read_os_release()["VERSION_CODENAME"]:
            base._run([*download, "--no-install-recommends", *BUILD])
    (tree / "etc/machine-id").write_text("")
