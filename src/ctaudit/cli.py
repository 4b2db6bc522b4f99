"""The command line: runs a command, prints what it found, returns its exit status.

A command imports what it needs when it runs, so that the receiver never loads the database's
driver.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ctaudit import output
from ctaudit.arguments import parse_arguments
from ctaudit.config import Config, load_config, rename_node
from ctaudit.errors import (
    FLOWS_COVERED,
    FLOWS_UNCOVERED,
    INTERRUPTED,
    SUCCESS,
    CtauditError,
    PipeClosedError,
    SchemaError,
    UsageError,
)

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
        output.print_lines([format_schema(status)])
        return SchemaError.exit_status if status.version.mismatch else SUCCESS
    done = schema.install(dsn) if args.action == "install" else schema.upgrade(dsn)
    output.print_lines([format_installed(done)])
    return SUCCESS


def run_maintain(args: Namespace) -> int:
    from ctaudit.database import schema
    from ctaudit.database.schema_text import format_maintained

    config = load_config(args.config)
    output.print_lines(
        format_maintained(schema.maintain(pick_dsn(args, config), config.retention.days))
    )
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
        output.print_json(plain_reply(reply))
    else:
        output.print_lines(format_reply(reply))
    return reply.verdict.exit_status


def run_flows(args: Namespace) -> int:
    from ctaudit.query.flows_text import format_rows
    from ctaudit.query.lacking_text import LackCount
    from ctaudit.query.lookup import ask_flows
    from ctaudit.query.question import read_flows
    from ctaudit.query.uncovered import ask_uncovered
    from ctaudit.query.uncovered_text import format_uncovered, plain_uncovered

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
    lacks = LackCount(by_remote=args.remote is not None)
    with _asking(args) as connection:
        uncovered = ask_uncovered(connection, question)
        rows = lacks.watch(ask_flows(connection, question))
        output.print_lines(format_rows(rows, args.format, _terminal_width()))
    if uncovered and args.format == "json":
        output.print_lines([json.dumps(plain_uncovered(uncovered))])
    for sentence in (*lacks.format(), *format_uncovered(uncovered)):
        output.complain(sentence)
    return FLOWS_UNCOVERED if uncovered else FLOWS_COVERED


def run_table(args: Namespace) -> int:
    from ctaudit.query.flows_text import format_rows
    from ctaudit.query.question import read_flows
    from ctaudit.query.table import read_table

    question = read_flows(host=args.host, nat=args.nat, remote=args.remote, limit=args.limit)
    rows = read_table(load_config(args.config).node, question, output.complain)
    output.print_lines(format_rows(rows, args.format, _terminal_width()))
    return SUCCESS


def run_status(args: Namespace) -> int:
    from ctaudit.query.status import ask_status
    from ctaudit.query.status_text import format_status, plain_status

    with _asking(args) as connection:
        status = ask_status(connection)
    if args.json:
        output.print_json(plain_status(status))
    else:
        output.print_lines(format_status(status))
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
        output.print_json(plain_findings(findings))
    else:
        output.print_lines(format_findings(findings))
    return worst(findings)


def run_node(args: Namespace) -> int:
    from ctaudit.admin import nodes
    from ctaudit.admin.nodes_text import format_nodes, plain_nodes
    from ctaudit.query.time_notation import parse_past

    if args.action == "list":
        with _asking(args) as connection:
            known = nodes.list_nodes(connection)
        if args.json:
            output.print_json(plain_nodes(known))
        else:
            output.print_lines(format_nodes(known))
    elif args.action == "rename":
        output.print_lines([nodes.rename(pick_dsn(args), args.node, args.name, args.reason)])
    elif args.action == "revive":
        output.print_lines([nodes.revive(pick_dsn(args), args.node, args.reason)])
    elif args.here:
        _retire_here(args)
    else:
        at = parse_past(args.at, "--at").begin if args.at else None
        output.print_lines([nodes.retire(pick_dsn(args), args.node, at, args.reason)])
    return SUCCESS


def _retire_here(args: Namespace) -> None:
    from ctaudit.admin.last_word import wait_until_committed, write_last_word

    if args.at or args.dsn:
        raise UsageError("--here: takes neither --at nor --dsn; the spool says when it ended")
    config = load_config(args.config)
    path = write_last_word(config, args.reason or "retired by ctaudit node retire --here")
    wait_until_committed(path, args.wait)
    output.print_lines(["This gateway is retired, and the database has all that it received."])


def run_import(args: Namespace) -> int:
    from ctaudit.admin import import_command

    config = load_config(args.config)
    node = rename_node(config, args.node or f"{config.node}-ulogd2").node
    store = pick_dsn(Namespace(dsn=args.into), config)
    into = import_command.Into(store, node, config.retention.days)
    if args.csv is not None:
        return import_command.import_csv(into, args.csv, args.byte_order)
    return import_command.import_table(into, args.dsn, args.byte_order)


def run_setup(args: Namespace) -> int:
    from ctaudit.admin.setup_local import set_up_local

    config = load_config(args.config)
    auditors = list(dict.fromkeys(["root", *args.auditor]))
    for line in set_up_local(auditors, config.node):
        output.print_lines([line])
        output.flush()
    return SUCCESS


COMMANDS = {
    "receive": run_receive,
    "record": run_record,
    "schema": run_schema,
    "import": run_import,
    "maintain": run_maintain,
    "who": run_who,
    "flows": run_flows,
    "table": run_table,
    "status": run_status,
    "check": run_check,
    "node": run_node,
    "setup": run_setup,
}


# They print nothing of their own, and may run without a standard output.
_SERVICES = ("receive", "record")


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

    # The driver's own remarks, on a transaction that it could not roll back for instance.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    with connect(pick_dsn(args), "auditor") as connection:
        check_schema_version(connection)
        yield connection


def _set_zone(args: Namespace) -> None:
    from ctaudit.query.zone import set_zone

    set_zone(args.tz, utc=args.utc)


def _terminal_width() -> int | None:
    """In characters; None where the output is not a terminal."""
    return shutil.get_terminal_size().columns if output.require().isatty() else None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status. An unforeseen exception is __main__'s."""
    output.prepare()
    try:
        args = parse_arguments(sys.argv[1:] if argv is None else argv)
        if args.command not in _SERVICES:
            output.require()
        if "tz" in args:
            _set_zone(args)
        status = COMMANDS[args.command](args)
        output.flush()
    except PipeClosedError as error:
        return error.exit_status
    except CtauditError as error:
        output.complain(str(error))
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    return status
