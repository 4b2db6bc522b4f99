"""The command line's commands and options (argparse); cli runs the commands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn

from ctaudit import __version__, options, output, question_options
from ctaudit.errors import UsageError
from ctaudit.words import check_text, join_ports, join_times

_COMMON = (
    "2 a wrong call or configuration; 5 the database failed; 6 the schema has another version; "
    "7 a privilege is missing; 8 the spool's disk is full or refuses; 70 an error that was not "
    "foreseen; 74 the output cannot be written; 130 interrupted; 141 the output's reader has gone"
)
_STATUSES = {
    "who": "0 exactly one answer; 1 none, and the record is complete; 3 several; 4 unknown; with "
    "--batch: 2 also if a line could not be read, else 4 if a verdict is unknown, else 0",
    "ask": "0 all questions are answered; 2 also: a line could not be read; 4 a verdict is unknown",
    "flows": "0 the record covers the span; 4 a part of it is not covered",
    "traffic": "0 the record covers the span; 4 a part of it is not covered",
    "check": "0 fit; 1 fit, with warnings; 3 not fit",
    "import": "0 all is imported; 3 some rows of ulogd2 could not be; 2 some lines of holders",
    "maintain": "0 done; 5 also: a step waits for a lock that somebody else holds",
    "node": "0 done; 5 also: of retire --here, the database did not have the last note in time",
    "schema": "0 done; 6 also: of status, no schema is installed",
}


class _Parser(argparse.ArgumentParser):
    """Raises UsageError in place of printing the usage; prints help as other output."""

    def error(self, message: str) -> NoReturn:
        hint = ""
        if re.match("unrecognized arguments: [^-]", message):
            hint = "; put quotes around a value with spaces, such as a time"
        raise UsageError(f"{message}{hint}; see {self.prog} --help")

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002
        output.print_lines(message.splitlines())
        output.flush()


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; raises UsageError.

    A time, and an address followed by "port N", need no quotes: they are joined to one word.
    """
    args = build_parser().parse_args(list(join_ports(join_times(words))))
    for name, value in vars(args).items():
        if isinstance(value, str):
            check_text(value, name)
    return args


def build_parser() -> argparse.ArgumentParser:
    """The parser; the result's ``command`` is the command's name."""
    own = "; ".join(f"{name}: {text}" for name, text in _STATUSES.items())
    parser = _Parser(
        prog="ctaudit", description="The connection-tracking audit log.", allow_abbrev=False,
        epilog=f"Exit status: of all commands: 0 done; {_COMMON}. {own}.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"ctaudit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, *, dsn: bool = True) -> argparse.ArgumentParser:
        own = f"{_STATUSES[name]}; " if name in _STATUSES else "0 done; "
        command = commands.add_parser(
            name, help=text, description=text, allow_abbrev=False,
            epilog=f"Exit status: {own}{_COMMON}.",
        )  # fmt: skip
        if name not in ("node", "store", "hold", "import", "filter", "config"):
            options.add_source(command, dsn=dsn)
        return command

    add("receive", "Receive the kernel's events into the spool.", dsn=False)
    options.add_record(add("record", "Record the spool in the database."))
    add("forward", "Write the spool's events to files and collectors, as ulogd2 did.", dsn=False)
    options.add_schema(add("schema", "Install, upgrade or inspect the database's schema."))
    options.add_import(add("import", "Take over another program's record, or who had an address."))
    options.add_maintain(add("maintain", "Make partitions ahead, and drop those past retention."))
    question_options.add_who(add("who", "Who was behind a public address and port at a time?"))
    question_options.add_ask(
        add("ask", "Answer the questions in a mail, report, table or log excerpt.")
    )
    question_options.add_flows(add("flows", "List connections."))
    question_options.add_traffic(add("traffic", "Show how much flowed, when and by whom."))
    question_options.add_inquiries(add("inquiries", "Show who asked what, when and why."))
    question_options.add_table(add("table", "List the kernel's own connections, now.", dsn=False))
    status = add("status", "Show what is recorded, until when, and the gaps.")
    options.add_json(status)
    options.add_tz(status)
    options.add_metrics(add("metrics", "Print numbers for Prometheus."))
    check = add("check", "Check kernel, spool, services and database.")
    options.add_json(check)
    options.add_tz(check)
    options.add_node(
        add("node", "List, rename, retire or revive gateways; say who records as them.")
    )
    options.add_store(add("store", "List, add or retire the stores that a front asks."))
    options.add_hold(add("hold", "Keep a span of the record although retention would drop it."))
    options.add_filter(add("filter", "Show the rules by which connections are recorded."))
    options.add_config(add("config", "Show or check the configuration."))
    options.add_setup(add("setup", "Create the database on this host.", dsn=False))
    return parser
