"""schema, maintain and setup: the database itself."""

from __future__ import annotations

from argparse import Namespace

from ctaudit import output
from ctaudit.commands.source import pick_dsn
from ctaudit.config import load_config
from ctaudit.errors import SUCCESS, SchemaError, UsageError


def run_schema(args: Namespace) -> int:
    from ctaudit.database import front, schema
    from ctaudit.database.schema_text import format_installed, format_schema

    dsn = pick_dsn(args)
    if args.front and args.action != "install":
        raise UsageError(
            f"schema {args.action}: finds out by itself whether it is a front; leave out --front"
        )
    if args.action == "status":
        status = schema.status(dsn)
        output.print_lines([format_schema(status)])
        return SchemaError.exit_status if status.version.mismatch else SUCCESS
    if args.front:
        done = front.install(dsn)
    else:
        done = schema.install(dsn) if args.action == "install" else schema.upgrade(dsn)
    output.print_lines(format_installed(done))
    return SUCCESS


def run_maintain(args: Namespace) -> int:
    from ctaudit.database.dsn import pick_local_dsn
    from ctaudit.database.maintenance import maintain
    from ctaudit.database.maintenance_text import format_maintained

    config = load_config(args.config)
    dsn = pick_dsn(args, config)
    if args.local:
        dsn = pick_local_dsn(dsn)
    for line in format_maintained(maintain(dsn, config.retention)):
        output.print_lines([line])
        output.flush()
    return SUCCESS


def run_setup(args: Namespace) -> int:
    from ctaudit.admin.setup_local import set_up_local

    config = load_config(args.config)
    auditors = list(dict.fromkeys(["root", *args.auditor]))
    for line in set_up_local(auditors, config.node, config.spool.directory):
        output.print_lines([line])
        output.flush()
    return SUCCESS
