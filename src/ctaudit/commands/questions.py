"""who, flows, traffic, inquiries, table and status: what is asked of the record."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ctaudit import output
from ctaudit.commands.notice import say_breadth
from ctaudit.commands.source import asking, watch_unreached
from ctaudit.config import load_config
from ctaudit.errors import FLOWS_COVERED, FLOWS_UNCOVERED, SUCCESS, UsageError

if TYPE_CHECKING:
    from ctaudit.query.outputs import OutputLag
    from ctaudit.query.uncovered import Uncovered


def run_who(args: Namespace) -> int:
    from ctaudit.commands.batch import run_batch
    from ctaudit.commands.reports import name_zone_option, writing_report
    from ctaudit.query.lookup import ask_who
    from ctaudit.query.purpose import read_purpose
    from ctaudit.query.question import read_who
    from ctaudit.query.who_text import format_reply, plain_reply

    if args.batch is not None:
        return run_batch(args)
    if args.public is None or args.at is None:
        raise UsageError(
            "who: give ADDRESS:PORT and --at, or a file of questions: --batch FILE -o FILE"
        )
    question = read_who(
        args.public,
        args.at,
        to=args.to,
        proto=args.proto,
        node=args.node,
        within=args.within,
        zone=args.zone,
    )
    purpose = read_purpose(args.case, args.reason)
    with writing_report(args, purpose) as report:
        with asking(args) as connection:
            reply = ask_who(connection, question, purpose)
            if report is not None:
                words = {
                    name: value for name, value in vars(args).items() if isinstance(value, str)
                }
                report.add_call(connection, words, name_zone_option(args), reply)
        if args.json:
            output.print_json(plain_reply(reply))
        else:
            output.print_lines(format_reply(reply))
    say_breadth(purpose, {}, question.span.begin, question.span.end)
    return reply.verdict.exit_status


def run_flows(args: Namespace) -> int:
    from ctaudit.query.flows_text import format_rows
    from ctaudit.query.lacking_text import LackCount
    from ctaudit.query.lookup import ask_flows
    from ctaudit.query.purpose import read_purpose
    from ctaudit.query.question import read_flows
    from ctaudit.query.uncovered import ask_uncovered

    question = read_flows(
        host=args.host,
        nat=args.nat,
        remote=args.remote,
        begin=args.begin,
        until=args.until,
        only_open=args.open,
        node=args.node,
        limit=args.limit,
        zone=args.zone,
    )
    purpose = read_purpose(args.case, args.reason)
    lacks = LackCount(by_remote=args.remote is not None)
    unreached: list[str] = []
    with asking(args) as connection:
        watch_unreached(connection, unreached.append)
        uncovered = ask_uncovered(connection, question)
        rows = lacks.watch(ask_flows(connection, question, purpose))
        _print_as(args.format, format_rows(rows, args.format, _terminal_width()))
    for sentence in lacks.format():
        output.remark(sentence)
    named = {"--host": question.host, "--nat": question.nat, "--remote": question.remote}
    say_breadth(purpose, named, question.begin, question.end)
    return _say_uncovered(uncovered, args.format) or _judge_stores(unreached)


def _say_uncovered(uncovered: Sequence[Uncovered], form: str) -> int:
    from ctaudit.query.uncovered_text import format_uncovered, plain_uncovered

    if not uncovered:
        return FLOWS_COVERED
    if form == "json":
        output.print_data([json.dumps(plain_uncovered(uncovered))])
    for sentence in format_uncovered(uncovered):
        output.remark(sentence)
    return FLOWS_UNCOVERED


def _judge_stores(unreached: Sequence[str]) -> int:
    """A store may answer when the coverage is asked for, and not when the rows are."""
    return FLOWS_UNCOVERED if unreached else FLOWS_COVERED


def run_traffic(args: Namespace) -> int:
    from ctaudit.query.bars import choose_style
    from ctaudit.query.durations_text import format_bins
    from ctaudit.query.lacking_text import format_left_out
    from ctaudit.query.purpose import read_purpose
    from ctaudit.query.question import FlowsQuestion
    from ctaudit.query.traffic import ask_durations, ask_traffic, count_remoteless, read_traffic
    from ctaudit.query.traffic_text import format_shares
    from ctaudit.query.uncovered import ask_uncovered

    question = read_traffic(
        begin=args.begin,
        until=args.until,
        bucket=args.bucket,
        by=args.by,
        top=args.top,
        node=args.node,
        host=args.host,
        remote=args.remote,
        durations=args.durations,
    )
    purpose = read_purpose(args.case, args.reason)
    width, style = _terminal_width(), choose_style(output.require().encoding)
    unreached: list[str] = []
    with asking(args) as connection:
        watch_unreached(connection, unreached.append)
        spanned = FlowsQuestion(begin=question.begin, end=question.end, node=question.node)
        uncovered = ask_uncovered(connection, spanned)
        if args.durations:
            bins = ask_durations(connection, question, purpose).rows
            lines = format_bins(bins, args.format, width, style)
        else:
            shares = ask_traffic(connection, question, purpose).rows
            lines = format_shares(question, shares, args.format, width, style)
        left_out = count_remoteless(connection, question, purpose)
        _print_as(args.format, lines)
    for sentence in format_left_out(left_out):
        output.remark(sentence)
    if question.by == "host" or question.host is not None:
        say_breadth(purpose, {"--host": question.host}, question.begin, question.end)
    return _say_uncovered(uncovered, args.format) or _judge_stores(unreached)


def run_inquiries(args: Namespace) -> int:
    from ctaudit.query.inquiries import ask_inquiries, read_inquiries
    from ctaudit.query.inquiries_text import format_inquiries, plain_inquiries

    wanted = read_inquiries(case=args.case, by=args.by, begin=args.begin, address=args.address)
    with asking(args) as connection:
        inquiries = ask_inquiries(connection, wanted)
    if args.json:
        output.print_json(plain_inquiries(inquiries))
    else:
        output.print_lines(format_inquiries(inquiries))
    return SUCCESS


def run_table(args: Namespace) -> int:
    from ctaudit.query.flows_text import format_rows
    from ctaudit.query.question import read_flows
    from ctaudit.query.table import read_table

    question = read_flows(host=args.host, nat=args.nat, remote=args.remote, limit=args.limit)
    rows = read_table(load_config(args.config).node, question, output.remark)
    _print_as(args.format, format_rows(rows, args.format, _terminal_width()))
    return SUCCESS


def run_status(args: Namespace) -> int:
    from ctaudit.query.outputs_text import format_outputs, plain_outputs
    from ctaudit.query.status import Status, ask_status
    from ctaudit.query.status_text import format_status, plain_status

    outputs = _measure_outputs(args)
    if args.dsn is None and not load_config(args.config).database.enabled:
        status = Status((), ())
    else:
        with asking(args) as connection:
            status = ask_status(connection)
    if args.json:
        output.print_json({**plain_status(status), "outputs": plain_outputs(outputs)})
        return SUCCESS
    if status.streams or not outputs:
        output.print_lines(format_status(status))
    output.print_lines(format_outputs(outputs))
    return SUCCESS


def _measure_outputs(args: Namespace) -> Sequence[OutputLag]:
    """Those of this host's configuration; none where another database is asked."""
    from ctaudit.query.outputs import measure_outputs

    if args.dsn is not None:
        return ()
    try:
        return measure_outputs(load_config(args.config))
    except OSError as error:
        output.remark(f"the outputs of this gateway cannot be seen: {error.strerror}: run as root")
        return ()


def _print_as(form: str, lines: Iterable[str]) -> None:
    (output.print_lines if form == "table" else output.print_data)(lines)


def _terminal_width() -> int | None:
    """In characters; None where the output is not a terminal."""
    return shutil.get_terminal_size().columns if output.require().isatty() else None
