"""One machine a release, with the package installed, for all tests of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.namespaces import ROOT
from lab.package import NEWER, build_package
from tests.package.installation import Installation, here, is_here, standing_installation

RELEASES = os.environ.get("CTAUDIT_RELEASES", "bookworm").split()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy without .git, as it is now: somebody may be at work in this one. Here: this one."""
    if is_here():
        return ROOT
    copy = tmp_path_factory.mktemp("checkout") / "ctaudit"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "dist", "__pycache__"))
    return copy


@pytest.fixture(scope="session")
def package(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_package(checkout, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def newer(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package under a higher version, its configuration file changed."""
    return build_package(checkout, tmp_path_factory.mktemp("newer"), NEWER)


@pytest.fixture(scope="session", params=["here"] if is_here() else RELEASES)
def installed(request: pytest.FixtureRequest) -> Iterator[Installation]:
    if is_here():
        yield here()
        return
    with standing_installation(request.param, request.getfixturevalue("package")) as standing:
        yield standing
