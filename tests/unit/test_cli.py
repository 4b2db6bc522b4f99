"""The command line: every command runs, and what goes wrong is one sentence."""

from __future__ import annotations

import argparse

import pytest

from ctaudit import cli
from ctaudit.arguments import build_parser
from ctaudit.errors import (
    CtauditError,
    DatabaseError,
    DiskError,
    PrivilegeError,
    SchemaError,
    UsageError,
)


def test_every_command_has_its_function() -> None:
    [commands] = [
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    assert list(commands.choices) == list(cli.COMMANDS)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError, 2),
        (DatabaseError, 5),
        (SchemaError, 6),
        (PrivilegeError, 7),
        (DiskError, 8),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_status(
    error: type[CtauditError],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(args: argparse.Namespace) -> int:
        raise error(f"{args.command} failed")

    monkeypatch.setitem(cli.COMMANDS, "status", fail)
    assert cli.main(["status"]) == status
    assert capsys.readouterr() == ("", "ctaudit: status failed\n")


def test_an_interrupt_is_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "status", interrupt)
    assert cli.main(["status"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "the following arguments are required: COMMAND; see ctaudit --help"),
        (
            ["who", "1.2.3.4"],
            "who: give ADDRESS:PORT and --at, or a file of questions: --batch FILE -o FILE",
        ),
        (["flows", "--limit", "0"], "--limit 0: must be a number from 1 to 2147483647"),
    ],
)
def test_a_wrong_call(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    assert capsys.readouterr() == ("", f"ctaudit: {says}\n")
