"""The command line: one function a command, each thin.

A command imports what it needs when it runs, so that the receiver never loads the database's
driver.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ctaudit import __version__
from ctaudit.config import DEFAULT_PATH, Config, load_config
from ctaudit.errors import CtauditError, SchemaError, UsageError

if TYPE_CHECKING:
    import psycopg

_INTERRUPTED = 130
_PIPE_CLOSED = 141


class _Parser(argparse.ArgumentParser):
    """Refuses in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def run_receive(args: argparse.Namespace) -> int:
    from ctaudit.capture import receiver
    from ctaudit.host import log

    config = load_config(args.config)
    log.start_logging("ctaudit-receiver")
    return receiver.run(config)


def run_record(args: argparse.Namespace) -> int:
    from ctaudit.host import log
    from ctaudit.record import recorder

    config = load_config(args.config)
    if args.node is not None:
        config = _with_node(config, args.node)
    dsn = pick_dsn(args, config)
    log.start_logging("ctaudit")
    return recorder.replay(config, dsn, args.replay) if args.replay else recorder.run(config, dsn)


def run_schema(args: argparse.Namespace) -> int:
    from ctaudit.database import schema, schema_text

    dsn = pick_dsn(args)
    if args.action == "status":
        standing = schema.status(dsn)
        print(schema_text.format_schema(standing))
        return 0 if standing.current else SchemaError.exit_status
    done = schema.install(dsn) if args.action == "install" else schema.upgrade(dsn)
    print(schema_text.format_installed(done))
    return 0


def run_maintain(args: argparse.Namespace) -> int:
    from ctaudit.database import schema, schema_text

    config = load_config(args.config)
    done = schema.maintain(pick_dsn(args, config), config.retention.days)
    _print_lines(schema_text.format_maintained(done))
    return 0


def run_who(args: argparse.Namespace) -> int:
    from ctaudit.query import lookup, question, who_text

    asked = question.read_who(
        args.public, args.at, to=args.to, proto=args.proto, node=args.node, within=args.within
    )
    with _asking(args) as connection:
        reply = lookup.ask_who(connection, asked)
    if args.json:
        print(json.dumps(who_text.plain_reply(reply), indent=2))
    else:
        _print_lines(who_text.format_reply(reply))
    return reply.verdict.exit_status


def run_flows(args: argparse.Namespace) -> int:
    from ctaudit.query import flows_text, lookup, question

    asked = question.read_flows(
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
        rows = lookup.ask_flows(connection, asked)
        if args.format == "table":
            _print_lines(flows_text.format_table(rows, _terminal_width()))
        else:
            _print_lines(flows_text.FORMATS[args.format](rows))
    return 0


def run_table(args: argparse.Namespace) -> int:
    from ctaudit.query import flows_text, question, table

    asked = question.read_flows(host=args.host, nat=args.nat, remote=args.remote, limit=args.limit)
    rows = table.read_table(load_config(args.config).node, asked, _warn)
    _print_lines(flows_text.format_rows(rows, args.format, _terminal_width()))
    return 0


def run_status(args: argparse.Namespace) -> int:
    from ctaudit.query import status, status_text

    with _asking(args) as connection:
        found = status.ask_status(connection)
    if args.json:
        print(json.dumps(status_text.plain_status(found), indent=2))
    else:
        _print_lines(status_text.format_status(found))
    return 0


def run_check(args: argparse.Namespace) -> int:
    from ctaudit.admin import check_database, check_host, finding

    config = load_config(args.config)
    dsn = pick_dsn(args, config)
    findings = check_host.check_host(config) + check_database.check_store(
        dsn, config.record_procedure
    )
    if args.json:
        print(json.dumps(finding.plain_findings(findings), indent=2))
    else:
        _print_lines(finding.format_findings(findings))
    return int(finding.worst(findings))


def run_setup(args: argparse.Namespace) -> int:
    from ctaudit.admin import setup_local

    config = load_config(args.config)
    auditors = list(dict.fromkeys(["root", *args.auditor]))
    for line in setup_local.set_up_local(auditors, config.node):
        print(line, flush=True)
    return 0


@contextmanager
def _asking(args: argparse.Namespace) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose schema is the one this program knows."""
    from ctaudit.database.connection import check_schema_version, connect

    with connect(pick_dsn(args), "auditor") as connection:
        check_schema_version(connection)
        yield connection


def pick_dsn(args: argparse.Namespace, config: Config | None = None) -> str:
    """--dsn, else database.dsn of the configuration, else "": libpq's own environment.

    With --dsn the configuration is not read, so that an auditor need not be able to.
    """
    if args.dsn is None:
        dsn = (config or load_config(args.config)).database.dsn
        _read_dsn(dsn, "database.dsn")
        return dsn
    if {"password", "sslpassword"} & set(_read_dsn(args.dsn, "--dsn")):
        raise UsageError(
            "--dsn: holds a password, which everybody on this machine can see there; "
            "put it into ~/.pgpass or a file that PGPASSFILE names"
        )
    return str(args.dsn)


def _read_dsn(dsn: str, name: str) -> dict[str, Any]:
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    try:
        return conninfo_to_dict(dsn)
    except Error:
        # libpq's words repeat pieces of the string, a password perhaps.
        raise UsageError(
            f'{name}: is no connection string of libpq; write "host=... dbname=..." '
            "or postgresql://host/dbname"
        ) from None


def _with_node(config: Config, node: str) -> Config:
    reader = {item.name: item for item in dataclasses.fields(config)}["node"].metadata["reader"]
    try:
        return dataclasses.replace(config, node=reader(node))
    except ValueError as error:
        raise UsageError(f"--node {node!r}: {error}") from None


def _terminal_width() -> int | None:
    """None where the output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def _warn(sentence: str) -> None:
    """After what has been printed, where both go to one terminal."""
    sys.stdout.flush()
    print(f"ctaudit: {sentence}", file=sys.stderr)


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="ctaudit", description="The connection-tracking audit log.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"ctaudit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Any, text: str, *, dsn: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.set_defaults(run=run)
        command.add_argument(
            "--config", type=Path, metavar="FILE", help=f"configuration, default {DEFAULT_PATH}"
        )
        if dsn:
            command.add_argument(
                "--dsn", help="database, before database.dsn and libpq's environment"
            )
        return command

    add("receive", run_receive, "Receive the kernel's events into the spool.", dsn=False)
    record = add("record", run_record, "Record the spool in the database.")
    record.add_argument("--replay", type=Path, metavar="FILE", help="record this kept segment only")
    record.add_argument("--node", help="the gateway's name, in place of the configuration's")
    schema = add("schema", run_schema, "Install, upgrade or inspect the database's schema.")
    schema.add_argument("action", choices=("install", "upgrade", "status"))
    add("maintain", run_maintain, "Make partitions ahead, and drop those past retention.")
    _add_who(add("who", run_who, "Who was behind a public address and port at a time?"))
    _add_flows(add("flows", run_flows, "List connections."))
    _add_table(add("table", run_table, "List the kernel's own connections, now.", dsn=False))
    status = add("status", run_status, "What is recorded, up to when, and what is missing.")
    status.add_argument("--json", action="store_true", help="one JSON object")
    check = add("check", run_check, "Is this gateway fit to be believed, and what is missing?")
    check.add_argument("--json", action="store_true", help="one JSON object")
    setup = add("setup", run_setup, "Make the database on this host.", dsn=False)
    setup.add_argument(
        "--local", action="store_true", required=True, help="over PostgreSQL's local socket"
    )
    setup.add_argument(
        "--auditor", action="append", default=[], metavar="NAME",
        help="a user of this host who may ask, as root may",
    )  # fmt: skip
    return parser


def _add_who(who: argparse.ArgumentParser) -> None:
    who.add_argument("public", metavar="ADDRESS:PORT", help="1.2.3.4:53500 or [2001:db8::1]:443")
    who.add_argument(
        "--at", required=True, metavar="TIME",
        help="RFC 3339, or local YYYY-MM-DD HH:MM:SS; without fraction: that whole second",
    )  # fmt: skip
    who.add_argument("--to", metavar="ADDRESS[:PORT]", help="the remote end")
    who.add_argument("--proto", help="tcp, udp, icmp, ... or a number")
    who.add_argument("--node", help="this gateway only")
    who.add_argument("--within", default="0", metavar="SECONDS", help="widen the time both ways")
    who.add_argument("--json", action="store_true", help="one JSON object")


def _add_flows(flows: argparse.ArgumentParser) -> None:
    flows.add_argument("--host", metavar="CIDR", help="the internal side")
    flows.add_argument("--nat", metavar="CIDR", help="the public side")
    flows.add_argument("--remote", metavar="CIDR", help="the outside")
    flows.add_argument("--from", dest="begin", metavar="TIME", help="alive at this time or later")
    flows.add_argument("--until", metavar="TIME", help="begun before this time")
    flows.add_argument("--open", action="store_true", help="only those not ended")
    flows.add_argument("--node", help="this gateway only")
    flows.add_argument("--limit", type=int, metavar="N", help="at most N rows")
    flows.add_argument("--format", choices=("table", "json", "csv", "ulogd"), default="table")


def _add_table(table: argparse.ArgumentParser) -> None:
    table.add_argument("--host", metavar="CIDR", help="the internal side")
    table.add_argument("--nat", metavar="CIDR", help="the public side")
    table.add_argument("--remote", metavar="CIDR", help="the outside")
    table.add_argument("--limit", type=int, metavar="N", help="at most N rows")
    table.add_argument("--format", choices=("table", "json", "csv", "ulogd"), default="table")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = build_parser().parse_args(argv)
        status = int(args.run(args))
        sys.stdout.flush()
    except CtauditError as error:
        print(f"ctaudit: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # What is still buffered must not be tried again as the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return status
