"""The command line: runs a command, prints what it found, returns its exit status.

A command imports what it needs when it runs, so that the receiver never loads the database's
driver.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ctaudit.arguments import build_parser
from ctaudit.config import Config, load_config, rename_node
from ctaudit.errors import INTERRUPTED, PIPE_CLOSED, SUCCESS, CtauditError, SchemaError

if TYPE_CHECKING:
    import psycopg


def run_receive(args: Namespace) -> int:
    from ctaudit.capture import receiver
    from ctaudit.host.log import start_logging

    config = load_config(args.config)
    start_logging("ctaudit-receiver")
    return receiver.run(config)


def run_record(args: Namespace) -> int:
    from ctaudit.host.log import start_logging
    from ctaudit.record import recorder

    config = load_config(args.config)
    if args.node is not None:
        config = rename_node(config, args.node)
    dsn = pick_dsn(args, config)
    start_logging("ctaudit")
    return recorder.replay(config, dsn, args.replay) if args.replay else recorder.run(config, dsn)


def run_schema(args: Namespace) -> int:
    from ctaudit.database import schema
    from ctaudit.database.schema_text import format_installed, format_schema

    dsn = pick_dsn(args)
    if args.action == "status":
        status = schema.status(dsn)
        print(format_schema(status))
        return SchemaError.exit_status if status.version.mismatch else SUCCESS
    done = schema.install(dsn) if args.action == "install" else schema.upgrade(dsn)
    print(format_installed(done))
    return SUCCESS


def run_maintain(args: Namespace) -> int:
    from ctaudit.database import schema
    from ctaudit.database.schema_text import format_maintained

    config = load_config(args.config)
    _print_lines(format_maintained(schema.maintain(pick_dsn(args, config), config.retention.days)))
    return SUCCESS


def run_who(args: Namespace) -> int:
    from ctaudit.query.lookup import ask_who
    from ctaudit.query.question import read_who
    from ctaudit.query.who_text import format_reply, plain_reply

    question = read_who(
        args.public, args.at, to=args.to, proto=args.proto, node=args.node, within=args.within
    )
    with _asking(args) as connection:
        reply = ask_who(connection, question)
    if args.json:
        _print_json(plain_reply(reply))
    else:
        _print_lines(format_reply(reply))
    return reply.verdict.exit_status


def run_flows(args: Namespace) -> int:
    from ctaudit.query.flows_text import format_rows
    from ctaudit.query.lookup import ask_flows
    from ctaudit.query.question import read_flows

    question = read_flows(
        host=args.host,
        nat=args.nat,
        remote=args.remote,
        begin=args.begin,
        until=args.until,
        only_open=args.open,
        node=args.node,
        limit=args.limit,
    )
    with _asking(args) as connection:
        rows = ask_flows(connection, question)
        _print_lines(format_rows(rows, args.format, _terminal_width()))
    return SUCCESS


def run_table(args: Namespace) -> int:
    from ctaudit.query.flows_text import format_rows
    from ctaudit.query.question import read_flows
    from ctaudit.query.table import read_table

    question = read_flows(host=args.host, nat=args.nat, remote=args.remote, limit=args.limit)
    rows = read_table(load_config(args.config).node, question, _warn)
    _print_lines(format_rows(rows, args.format, _terminal_width()))
    return SUCCESS


def run_status(args: Namespace) -> int:
    from ctaudit.query.status import ask_status
    from ctaudit.query.status_text import format_status, plain_status

    with _asking(args) as connection:
        status = ask_status(connection)
    if args.json:
        _print_json(plain_status(status))
    else:
        _print_lines(format_status(status))
    return SUCCESS


def run_check(args: Namespace) -> int:
    from ctaudit.admin.check_database import check_database
    from ctaudit.admin.check_host import check_host
    from ctaudit.admin.finding import worst
    from ctaudit.admin.finding_text import format_findings, plain_findings

    config = load_config(args.config)
    dsn = pick_dsn(args, config)
    findings = [*check_host(config), *check_database(dsn, config.record_procedure, config.node)]
    if args.json:
        _print_json(plain_findings(findings))
    else:
        _print_lines(format_findings(findings))
    return worst(findings)


def run_setup(args: Namespace) -> int:
    from ctaudit.admin.setup_local import set_up_local

    config = load_config(args.config)
    auditors = list(dict.fromkeys(["root", *args.auditor]))
    for line in set_up_local(auditors, config.node):
        print(line, flush=True)
    return SUCCESS


COMMANDS = {
    "receive": run_receive,
    "record": run_record,
    "schema": run_schema,
    "maintain": run_maintain,
    "who": run_who,
    "flows": run_flows,
    "table": run_table,
    "status": run_status,
    "check": run_check,
    "setup": run_setup,
}


def pick_dsn(args: Namespace, config: Config | None = None) -> str:
    """--dsn, else database.dsn of the configuration, else "": libpq's own environment.

    With --dsn the configuration is not read, so that an auditor need not be able to.
    """
    from ctaudit.database.dsn import check_dsn

    if args.dsn is not None:
        return check_dsn(args.dsn, "--dsn", public=True)
    return check_dsn((config or load_config(args.config)).database.dsn, "database.dsn")


@contextmanager
def _asking(args: Namespace) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database whose schema is of this program's version."""
    from ctaudit.database.connection import check_schema_version, connect

    with connect(pick_dsn(args), "auditor") as connection:
        check_schema_version(connection)
        yield connection


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2))


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def _warn(sentence: str) -> None:
    """After what has been printed, where both go to one terminal."""
    sys.stdout.flush()
    print(f"ctaudit: {sentence}", file=sys.stderr)


def _terminal_width() -> int | None:
    """In characters; None where the output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = build_parser().parse_args(argv)
        status = COMMANDS[args.command](args)
        sys.stdout.flush()
    except CtauditError as error:
        print(f"ctaudit: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes standard output again as it ends: into nothing then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status
