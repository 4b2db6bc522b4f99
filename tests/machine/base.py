"""The Debian tree that machines boot from: made once a release, kept outside the checkout.

debootstrap and apt fetch it from the mirror that this host itself is configured to use. What
the product needs is installed in it, so that a test run downloads nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CACHE = Path("/var/cache/ctaudit/machines")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "ca-certificates", "procps", "sudo", "python3",
    "python3-psycopg", "python3-systemd", "python3-pyroute2", "postgresql", "conntrack",
    "nftables", "iproute2",
)  # fmt: skip
# Nothing begins by itself in a machine that a test measures.
_MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer")
_LOCAL_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_CHROOT_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class MachineError(Exception):
    """A machine or its tree cannot be made or used; the text is one sentence for a person."""


def ready_base(release: str = "bookworm") -> Path:
    """The tree of a Debian release, made now (1 to 2 minutes) unless it is there already."""
    tree, stamp = CACHE / release, CACHE / f"{release}.recipe"
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == recipe and tree.is_dir():
            return tree
        stamp.unlink(missing_ok=True)
        draft = CACHE / f"{release}.new"
        for old in (draft, tree):
            _remove_tree(old)
        _make_tree(release, draft)
        draft.rename(tree)
        stamp.write_text(recipe)
    return tree


def _make_tree(release: str, tree: Path) -> None:
    mirror, security = _find_mirrors()
    _run(
        ["debootstrap", "--variant=minbase", f"--keyring={KEYRING}",
         "--include=ca-certificates", release, str(tree), mirror],
    )  # fmt: skip
    (tree / "etc/apt/sources.list").unlink(missing_ok=True)
    (tree / "etc/apt/sources.list.d/debian.sources").write_text(
        _write_source(mirror, f"{release} {release}-updates")
        + _write_source(security, f"{release}-security")
    )
    (tree / "etc/apt/apt.conf.d/90host").write_text(_read_apt_settings())
    (tree / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    for certificate in _LOCAL_CERTIFICATES.glob("*.crt"):
        shutil.copy(certificate, tree / _LOCAL_CERTIFICATES.relative_to("/"))
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    with _no_services(tree), _mounted_proc(tree):
        chroot = ["chroot", str(tree)]
        _run([*chroot, "update-ca-certificates"])
        _run([*chroot, "apt-get", "update", "-q"])
        _run([*chroot, "apt-get", "install", "-qy", "--no-install-recommends", *PACKAGES])
        _run([*chroot, "apt-get", "clean"])
        _run([*chroot, "systemctl", "mask", *_MASKED])
    (tree / "etc/machine-id").write_text("")


def _find_mirrors() -> tuple[str, str]:
    """(archive, security archive) of this host's own apt sources."""
    own = _read_os_release()["VERSION_CODENAME"]
    listed = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"],
    ).splitlines()  # fmt: skip
    found: dict[str, str] = {}
    for uri, suite, component in map(str.split, listed):
        if component == "main" and uri.startswith(("http:", "https:")):
            found.setdefault(suite, uri)
    if own not in found:
        raise MachineError(f"no source of Debian's {own} main is configured in /etc/apt")
    archive = found[own]
    return archive, found.get(f"{own}-security", archive.rstrip("/") + "-security/")


def _read_os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key: value.strip('"') for key, _, value in pairs}


def _write_source(uri: str, suites: str) -> str:
    return f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {KEYRING}\n\n"


def _read_apt_settings() -> str:
    """What makes fetching work on this host: proxies, certificates, retries, checks of dates."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::Check-")
    lines = _run(["apt-config", "dump"]).splitlines()
    kept = [line for line in lines if line.startswith(wanted) and not line.endswith('"";')]
    return "".join(f"{line}\n" for line in kept)


@contextmanager
def _no_services(tree: Path) -> Iterator[None]:
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


@contextmanager
def _mounted_proc(tree: Path) -> Iterator[None]:
    _run(["mount", "-t", "proc", "proc", str(tree / "proc")])
    try:
        yield
    finally:
        _run(["umount", "-l", str(tree / "proc")])


def _remove_tree(tree: Path) -> None:
    if os.path.ismount(tree / "proc"):
        _run(["umount", "-l", str(tree / "proc")])
    if tree.exists():
        shutil.rmtree(tree)


def _run(argv: Sequence[str]) -> str:
    environment = _CHROOT_ENVIRONMENT if argv[0] == "chroot" else None
    try:
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
    except FileNotFoundError:
        raise MachineError(f"{argv[0]} is missing: run tools/setup test as root") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise MachineError(f"{' '.join(argv[:6])} failed: {' / '.join(said)}")
    return done.stdout
