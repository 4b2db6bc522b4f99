"""The case of docs/ask.md: its letter through the command, and what the page shows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ctaudit.__main__ import main
from ctaudit.commands import letters
from ctaudit.letter.caution import CAUTIONS
from ctaudit.query import batch, scope_at
from ctaudit.query.answer import Answer
from ctaudit.query.question import WhoQuestion
from ctaudit.query.reply import Reply, make_reply
from tests.unit.answers import COMPLETE, OUTWARD, OVERRUN, local_zone, other

PAGE = (Path(__file__).parents[3] / "docs/ask.md").read_text()
ZONE = "Europe/Berlin"


def earlier(answer: Answer) -> Answer:
    """By an hour: the page's times are local."""
    hour = timedelta(hours=1)
    assert answer.started_at is not None and answer.ended_at is not None
    return replace(answer, started_at=answer.started_at - hour, ended_at=answer.ended_at - hour)


@pytest.fixture(autouse=True)
def _store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store that has one connection with the port, and two with the address."""

    def ask_batch(
        _connection: object, questions: Iterable[WhoQuestion], _purpose: object
    ) -> Iterator[Reply]:
        for question in questions:
            found = [
                earlier(OUTWARD),
                earlier(other(orig_sport=1111, host_port=1111, reply_dport=53600)),
            ]
            answers = found if question.public.port is None else found[:1]
            coverage = OVERRUN if question.public.port == 1 else COMPLETE
            yield make_reply(question, answers, [coverage])

    @contextmanager
    def asking(_args: object) -> Iterator[None]:
        yield None

    monkeypatch.setattr(batch, "ask_batch", ask_batch)
    monkeypatch.setattr(scope_at, "read_scopes", lambda _connection: lambda *_: None)
    monkeypatch.setattr(letters, "asking", asking)
    with local_zone(ZONE):
        yield


def blocks(mark: str) -> list[str]:
    found = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", PAGE)
    return [text for name, text in found if name == mark]


@pytest.fixture
def letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    [text] = blocks("mail")
    (tmp_path / "letter.eml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return "letter.eml"


def test_the_page_shows_what_the_command_prints(
    letter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = f"$ ctaudit ask {letter} --tz {ZONE}\n"
    [shown] = [block for block in blocks("") if block.startswith(call)]
    assert main(["ask", letter, "--dsn", "", "--tz", ZONE]) == 0
    assert capsys.readouterr().out == shown.removeprefix(call)


def test_without_a_zone_two_lines_cannot_be_read(
    letter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", letter, "--dsn", ""]) == 2
    said = capsys.readouterr()
    assert said.err == f"ctaudit: {letter}: 2 lines could not be read\n"
    assert said.out.count("no time zone; give --tz\n") == 2
    assert said.out.startswith("1. body, line 6 (web server): ")


def test_the_page_has_each_caution() -> None:
    for kind, sentence in CAUTIONS.items():
        assert f"| `{kind}` | {sentence} |" in PAGE


def test_the_page_has_each_key_of_json(letter: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", letter, "--dsn", "", "--json"]) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    section = PAGE.partition("### Exit status and JSON")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", section))
    keys = {"letter", *lines[0]["letter"], *lines[0]["letter"]["origins"][0]}
    keys |= {"unread", *lines[1]["unread"], "summary", *lines[-1]["summary"]}
    assert keys == documented


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("1.2.3.4:5 2026-02-22T10:59:43Z", 0),
        ("1.2.3.4:1 2026-02-22T10:59:43Z", 4),
        ("1.2.3.4:1 2026-02-22T10:59:43Z\n1.2.3.4:5 2026-02-22 10:59:43", 2),
    ],
)
def test_unread_comes_before_unknown(text: str, status: int, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text(text)
    assert main(["ask", str(path), "--dsn", ""]) == status
