"""The Debian packages and a signed archive of them, made from a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.namespaces import ROOT, LabError

NEWER = "0.1.0+newer"  # a version to upgrade to


def build_package(checkout: Path, folder: Path, version: str | None = None) -> Path:
    """The package of that checkout, built into ``folder``; under another version if given.

    That of the web pages is beside it: ``web_package``.
    """
    as_version = ["--as", version] if version else []
    _run(checkout / "tools/deb", *as_version, str(folder))
    return next(folder.glob("ctaudit_*.deb"))


def web_package(package: Path) -> Path:
    """The web pages of the same build."""
    return package.with_name(package.name.replace("ctaudit_", "ctaudit-web_"))


def build_archive(packages: Path, archive: Path) -> Path:
    """A signed archive of the packages in a folder; its key is ctaudit-archive.asc in it."""
    _run(ROOT / "tools/apt-repo", str(packages), str(archive))
    return archive


def _run(tool: Path, *words: str) -> None:
    done = subprocess.run([str(tool), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{tool.name} failed: {done.stderr.strip()[-2000:]}")
