"""ask: the questions in a letter to the abuse desk, and the answers to them."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ctaudit import output
from ctaudit.commands.bar import Bar
from ctaudit.commands.notice import say_breadth
from ctaudit.commands.source import asking
from ctaudit.config import load_config
from ctaudit.errors import ASK_UNREAD, SUCCESS, WHO_UNKNOWN, UsageError

if TYPE_CHECKING:
    from ctaudit.conntrack.endpoint import Address
    from ctaudit.letter.letter import Letter
    from ctaudit.letter.letter_text import Tally
    from ctaudit.letter.reading import Found
    from ctaudit.query.purpose import Purpose
    from ctaudit.query.reply import Reply
    from ctaudit.report.writer import ReportWriter

# Of more the sender must say more; without a port they may be hundreds for each line of a letter.
_CANDIDATES = 10


def run_ask(args: Namespace) -> int:
    from ctaudit.commands.reports import name_zone_option, writing_report
    from ctaudit.letter.clock import read_day
    from ctaudit.letter.letter import Options, read_letter
    from ctaudit.letter.letter_text import (
        Tally,
        format_end,
        format_unread_count,
        plain_end,
        plain_unread,
    )
    from ctaudit.query.notation import parse_within
    from ctaudit.query.purpose import read_purpose

    purpose = read_purpose(args.case, args.reason)
    options = Options(
        name_zone_option(args), read_day(args.date), parse_within(args.within), _find_scope(args)
    )
    letter = read_letter(_read(args.file), options)
    if not letter.found and not letter.unread:
        raise UsageError(
            f"{args.file}: no question is in it; a question is an address, best with its port, "
            "and a time"
        )
    tally = Tally()
    if letter.found:
        with writing_report(args, purpose, len(letter.found)) as report:
            letter = _answer(args, letter, tally, purpose, report)
    elif args.report:
        output.remark(f"no question could be read, so {args.output} is not written")
    status = _choose_status(letter, tally)
    if args.json:
        output.print_data(json.dumps(plain_unread(each)) for each in letter.unread)
        output.print_data([json.dumps(plain_end(letter, tally, status))])
    else:
        output.print_lines(format_end(letter, tally))
    if letter.unread:
        output.remark(f"{args.file}: {format_unread_count(letter)}")
    spans = [each.question.span for each in letter.found]
    if spans:
        widest = max(spans, key=lambda span: span.end - span.begin)
        say_breadth(purpose, {}, widest.begin, widest.end)
    return status


def _answer(
    args: Namespace, letter: Letter, tally: Tally, purpose: Purpose, report: ReportWriter | None
) -> Letter:
    """Prints each question with its answer as soon as it is there; returns what was asked."""
    from ctaudit.letter.caution import find_cautions
    from ctaudit.letter.letter import orient_letter
    from ctaudit.query.batch import ask_batch
    from ctaudit.query.scope_at import read_scopes

    with closing(Bar(len(letter.found), "question")) as bar, asking(args) as connection:
        letter = orient_letter(letter, read_scopes(connection))
        replies = ask_batch(connection, (each.question for each in letter.found), purpose)
        for number, (found, reply) in enumerate(zip(letter.found, replies, strict=True), 1):
            cautions = list(find_cautions(found, reply))
            tally.add(number, reply.verdict.name, cautions)
            _print_one(number, found, reply, cautions, is_json=args.json)
            if report is not None:
                report.add_found(connection, found, reply)
            bar.show(number)
    if report is not None:
        report.unread = letter.unread
    return letter


def _print_one(
    number: int, found: Found, reply: Reply, cautions: list[str], *, is_json: bool
) -> None:
    from ctaudit.letter.letter_text import format_caution, format_found, plain_found
    from ctaudit.query.who_text import format_reply, plain_reply

    if is_json:
        line = {**plain_reply(reply), "letter": plain_found(number, found, cautions)}
        output.print_data([json.dumps(line)])
        return
    output.print_lines(format_found(number, found))
    output.print_lines(format_reply(reply, _CANDIDATES))
    output.print_lines([*map(format_caution, cautions), ""])


def _choose_status(letter: Letter, tally: Tally) -> int:
    if letter.unread:
        return ASK_UNREAD
    return WHO_UNKNOWN if "unknown" in tally.verdicts else SUCCESS


def _read(file: str) -> bytes:
    """At most a byte more than is read of a letter, so that one that is too long is refused."""
    from ctaudit.letter.letter import SIZE_MAX

    try:
        if file == "-":
            return sys.stdin.buffer.read(SIZE_MAX + 1) if sys.stdin is not None else b""
        with Path(file).open("rb") as stream:
            return stream.read(SIZE_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{file}: cannot be read: {reason}") from None


def _find_scope(args: Namespace) -> Callable[[Address], bool] | None:
    """Whether an address is in [scope] of the configuration; None: it is not set there."""
    if args.dsn is not None:
        return None
    networks = load_config(args.config).scope.networks
    if not networks:
        return None
    return lambda address: any(address in network for network in networks)
