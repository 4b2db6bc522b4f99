"""How a Debian tree is made, once, and kept outside the checkout for machines to boot from.

debootstrap and apt fetch from the mirror that this host itself is configured to use.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.machines.machine import MachineError

_CACHE = Path("/var/cache/ctaudit/machines")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Nothing begins by itself in a machine that a test measures.
_MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer")
_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_INSTALL = ("apt-get", "install", "-qy", "--no-install-recommends")
_CHROOT_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
_OWN_RECIPE = Path(__file__).read_text()


def keep_tree(name: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """The tree of that name: what is there, or what ``make`` makes when the recipe has changed."""
    tree, stamp, draft = (_CACHE / f"{name}{suffix}" for suffix in ("", ".recipe", ".new"))
    wanted = hashlib.sha256((_OWN_RECIPE + recipe).encode()).hexdigest()
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted and tree.is_dir():
            return tree
        stamp.unlink(missing_ok=True)
        for old in (draft, tree):
            _remove_tree(old)
        make(draft)
        draft.rename(tree)
        stamp.write_text(wanted)
    return tree


def bootstrap_tree(release: str, tree: Path, packages: Sequence[str]) -> None:
    """A Debian release with these packages, and this host's way to its mirrors."""
    mirror, security = _find_mirrors()
    include = "--include=ca-certificates"
    _run(["debootstrap", "--variant=minbase", f"--keyring={_KEYRING}", include, release, str(tree),
          mirror])  # fmt: skip
    (tree / "etc/apt/sources.list").unlink(missing_ok=True)
    (tree / "etc/apt/sources.list.d/debian.sources").write_text(
        _write_source(mirror, f"{release} {release}-updates")
        + _write_source(security, f"{release}-security")
    )
    (tree / "etc/apt/apt.conf.d/90host").write_text(_read_apt_settings())
    # What a fresh host has not, and only saves time here.
    (tree / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    for certificate in _CERTIFICATES.glob("*.crt"):
        shutil.copy(certificate, tree / _CERTIFICATES.relative_to("/"))
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    with entering_tree(tree) as run:
        run("update-ca-certificates")
        run("apt-get", "update", "-q")
        run(*_INSTALL, *packages)
        run("apt-get", "clean")
        run("systemctl", "mask", *_MASKED)
    (tree / "etc/machine-id").write_text("")


def copy_tree(tree: Path, copy: Path, packages: Sequence[str]) -> None:
    """Another one with more packages, as far as its archive or the mirrors have them."""
    _run(["cp", "-a", "--reflink=auto", str(tree), str(copy)])
    with entering_tree(copy) as run:
        run("apt-get", "update", "-q")
        run(*_INSTALL, *packages)


@contextmanager
def entering_tree(tree: Path) -> Iterator[Callable[..., str]]:
    """Runs commands in it, with /proc and without starting what apt installs."""
    policy, proc = tree / "usr/sbin/policy-rc.d", tree / "proc"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    _run(["mount", "-t", "proc", "proc", str(proc)])
    try:
        yield lambda *argv: _run(["chroot", str(tree), *argv])
    finally:
        _run(["umount", "-l", str(proc)])
        policy.unlink()


def read_own_release() -> str:
    """The name of the release that this host runs."""
    lines = Path("/etc/os-release").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key: value.strip('"') for key, _, value in pairs}["VERSION_CODENAME"]


def _find_mirrors() -> tuple[str, str]:
    """(archive, security archive) of this host's own apt sources."""
    own = read_own_release()
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


def _write_source(uri: str, suites: str) -> str:
    return f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {_KEYRING}\n\n"


def _read_apt_settings() -> str:
    """What makes fetching work on this host: proxies, certificates, retries, checks of dates."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::Check-")
    lines = _run(["apt-config", "dump"]).splitlines()
    kept = [line for line in lines if line.startswith(wanted) and not line.endswith('"";')]
    return "".join(f"{line}\n" for line in kept)


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
