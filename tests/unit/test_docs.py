"""The documentation leads where it says: links, paths, documented commands, decisions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctaudit.arguments import build_parser

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page for form in ("*.md", "docs/**/*.md", "roles/ctaudit/*.md") for page in ROOT.glob(form)
)
DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
FOLDERS = "bench|docs|lab|molecule|packaging|roles|sql|src|tests|tools"


def named(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """(file, anchor or "") of each link of a page to a place in this repository."""
    text = re.sub(r"(?ms)^```.*?^```$|`[^`\n]*`", "", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and GitLab make them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_paths_exist(page: Path) -> None:
    """A path in backquotes that begins with a folder of ours; NAME and NNNN stand for any."""
    found = re.findall(rf"`((?:{FOLDERS})/[\w./*-]*)`", page.read_text())
    patterns = [re.sub(r"NAME|NNNN.topic", "*", path) for path in found]
    missing = [path for path in patterns if not any(ROOT.glob(path.rstrip("/")))]
    assert not missing


def test_each_page_can_be_reached_from_the_readme() -> None:
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            left += [target for target, _ in links(page)]
    assert {page for page in PAGES if page not in reached} == set()


def commands() -> Iterator[tuple[str, str]]:
    """(page, command line) of each ctaudit command in a block of code, synopses left out."""
    for page in PAGES:
        for block in re.findall(r"(?ms)^```\w*\n(.*?)^```$", page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                found = re.match(r"(?:\$ |sudo )*ctaudit (.*)", line)
                if found and not re.search(r"\[|\.\.\. | · ", line):
                    yield str(page.relative_to(ROOT)), found[1]


def test_documented_commands_are_understood() -> None:
    found = list(commands())
    assert len({page for page, _ in found}) > 3
    for _, line in found:
        build_parser().parse_args(shlex.split(line, comments=True))


@pytest.mark.parametrize("page", DECISIONS, ids=named(DECISIONS))
def test_a_decision_has_its_form(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert re.fullmatch(rf"# {page.name[:4]} \S.*[^.]", lines[0])
    assert re.fullmatch(r"Date: \d{4}-\d\d-\d\d", lines[2])
    assert re.fullmatch(r"Status: (accepted|replaced by \[\d{4}\]\(\S+\))", lines[4])
    sections = [line for line in lines if line.startswith("## ")]
    assert sections == ["## Context", "## Decision", "## Consequences"]


def test_the_index_of_decisions_is_complete() -> None:
    index = ROOT / "docs/decisions/README.md"
    titles = dict(re.findall(r"(?m)^- \[(.+)\]\((\d.+\.md)\)$", index.read_text()))
    assert titles == {page.read_text().splitlines()[0][2:]: page.name for page in DECISIONS}
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == sorted(set(numbers))
