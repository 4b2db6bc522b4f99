"""A release: its migrations stay as they are, its tree is found by its tag, its text is there."""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from ctaudit import __version__
from lab import release
from lab.namespaces import LabError
from lab.package import NEWER
from tests.corpus.keep_spool import EVENTS, NOTES
from tests.corpus.keep_spool import HERE as CORPUS
from tests.unit.test_recorder import Bench

ROOT = Path(__file__).parents[2]
SQL = ROOT / "sql"
_DIGEST = re.compile(r"([0-9a-f]{64})  (migrations/\d{4}_\w+\.sql)")


def read_digests() -> dict[str, str]:
    """By the file's path below sql/, in the order of the releases."""
    lines = (SQL / "released.sha256").read_text().splitlines()
    found = [_DIGEST.fullmatch(line) for line in lines if not line.startswith("#")]
    return {line[2]: line[1] for line in found if line is not None}


@pytest.mark.parametrize(("path", "digest"), read_digests().items())
def test_a_released_migration_is_never_edited(path: str, digest: str) -> None:
    """Databases have run it: they would not get the change. Write the next migration instead."""
    assert hashlib.sha256((SQL / path).read_bytes()).hexdigest() == digest, path


def test_no_migration_comes_before_a_released_one() -> None:
    released = list(read_digests())
    assert released[0] == "migrations/0001_store.sql"
    lines = (SQL / "install.list").read_text().splitlines()
    listed = [line for line in lines if line.startswith("migrations/")]
    assert listed == sorted(listed)
    assert listed[: len(released)] == released


def test_the_changelog_has_the_release() -> None:
    """Under the version of the program, or of the release before it while it is not released."""
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"(?m)^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text)
    assert headings[0] == ("Unreleased", "")
    versions = [name for name, _ in headings[1:]]
    assert all(date for _, date in headings[1:])
    assert release.read_tag().removeprefix("v") in versions
    assert versions[0] == __version__ or _numbers(__version__) > _numbers(versions[0])


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def test_versions_to_try_an_upgrade_with_are_higher() -> None:
    """As dpkg compares: ``1+x`` comes after ``1``, and the release is no newer than this."""
    assert NEWER.startswith(f"{__version__}+")
    assert _numbers(release.read_tag()) <= _numbers(__version__)
    scenario = (ROOT / "molecule/upgrade/molecule.yml").read_text()
    assert 'version_after: "{{ version_before }}+' in scenario


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first commit, tagged v0.1.0, is not its last one."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    (tmp_path / "sql").mkdir()

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True)

    git("init", "--quiet")
    for text in ("before", "after"):
        (tmp_path / "sql/file").write_text(text)
        (tmp_path / "other").write_text(text)
        git("add", "--all")
        git("commit", "--quiet", "-m", text)
        if text == "before":
            git("tag", "v0.1.0")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    return tmp_path


def test_tree_of_a_release(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    commit = release.find_commit("v0.1.0")
    assert commit is not None
    folder = tmp_path_factory.mktemp("tree")
    release.unpack(commit, folder, "sql")
    assert (folder / "sql/file").read_text() == "before"
    assert [path.name for path in folder.iterdir()] == ["sql"]
    with pytest.raises(LabError, match="git archive"):
        release.unpack(commit, folder, "nothing")
    # A branch of that name is no release.
    subprocess.run(["git", "-C", str(clone), "branch", "v9"], check=True)
    assert release.find_commit("v9") is None


def test_without_the_tag_this_checkout_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shallow clone, one without tags, or a source package, where no repository is."""
    built: list[tuple[Path, str | None]] = []

    def build(checkout: Path, _: Path, version: str | None = None) -> None:
        built.append((checkout, version))

    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "build_package", build)
    assert release.build_released(tmp_path / "out") == "0.1.0"
    assert built == [(tmp_path, "0.1.0")]
    assert capsys.readouterr().err == (
        "release: this clone has neither tag v0.1.0 nor its commit, so this checkout stands in for "
        "that release; git fetch origin tag v0.1.0 brings it\n"
    )


@pytest.mark.usefixtures("clone")
def test_a_release_is_built_by_its_own_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(checkout: Path, folder: Path, version: str | None = None) -> None:
        assert (checkout / "sql/file").read_text() == "before"
        assert (folder, version) == (tmp_path, None)

    monkeypatch.setattr(release, "build_package", build)
    assert release.build_released(tmp_path) == "0.1.0"


KEPT_SPOOLS = sorted(CORPUS.glob("spool-*.segment.gz"))


@pytest.mark.parametrize("kept", KEPT_SPOOLS, ids=lambda kept: kept.name)
def test_spool_of_an_earlier_release_is_read(kept: Path, tmp_path: Path) -> None:
    """An upgrade finds it; what the receiver of that version wrote is recorded in full."""
    (tmp_path / "000000000001.segment").write_bytes(gzip.decompress(kept.read_bytes()))
    bench = Bench(tmp_path)
    assert bench.record() == len(EVENTS)
    assert bench.database.events == list(EVENTS)
    assert bench.database.names() == NOTES
    assert bench.marks() == [True]


def test_the_spool_of_each_release_is_kept() -> None:
    version = release.read_tag().removeprefix("v")
    assert f"spool-{version}.segment.gz" in {kept.name for kept in KEPT_SPOOLS}
