"""The release before this checkout: its tree and its package.

``python -m lab.release FOLDER``: builds that package into FOLDER and prints its version, which is
in FOLDER/version as well.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from lab.namespaces import ROOT, LabError
from lab.package import build_package

_NAMED = ROOT / "packaging/released"


def read_tag() -> str:
    """The release's tag; its version is what follows the ``v``."""
    return _read_named()[0]


def _read_named() -> tuple[str, str]:
    """Its tag and its commit."""
    lines = _NAMED.read_text().splitlines()
    [named] = [line.split() for line in lines if line and not line.startswith("#")]
    tag, commit = named
    return tag, commit


def find_commit(tag: str) -> str | None:
    """By the tag, or in a clone without tags by the commit that was released.

    None: neither is in this clone, which is shallow, or this is no clone.
    """
    named, commit = _read_named()
    for name in (f"refs/tags/{tag}", *([commit] if tag == named else [])):
        done = _git("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
        if done.returncode == 0:
            return done.stdout.decode().strip()
    return None


def unpack(commit: str, folder: Path, *parts: str) -> None:
    """The tree of a commit, or parts of it, into an empty folder."""
    packed = _git("archive", commit, *parts)
    if packed.returncode:
        raise LabError(f"git archive {commit} failed: {packed.stderr.decode().strip()}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)


def say_missing(tag: str) -> str:
    return (
        f"this clone has neither tag {tag} nor its commit, so this checkout stands in for that "
        f"release; git fetch origin tag {tag} brings it"
    )


def build_released(folder: Path) -> str:
    """Builds the package of the release, by its own tools; returns its version."""
    tag = read_tag()
    version, commit = tag.removeprefix("v"), find_commit(tag)
    if commit is None:
        print(f"release: {say_missing(tag)}", file=sys.stderr)
        build_package(ROOT, folder, version)
        return version
    with tempfile.TemporaryDirectory(prefix="ctaudit-release-") as tree:
        unpack(commit, Path(tree))
        build_package(Path(tree), folder)
    return version


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    """The checkout may be another user's: only its objects are read."""
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *words]
    try:
        return subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, b"", b"there is no git")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    released = build_released(folder)
    (folder / "version").write_text(released)
    print(released)
