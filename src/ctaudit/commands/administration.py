"""check, metrics, node, hold, import, config and filter: gateways, and what is kept of them."""

from __future__ import annotations

from argparse import Namespace

from ctaudit import output
from ctaudit.commands.source import asking, pick_dsn
from ctaudit.config import check_node, load_config, read_config
from ctaudit.errors import HOLDERS_PARTLY, HOLDERS_WHOLE, SUCCESS, UsageError


def run_check(args: Namespace) -> int:
    from ctaudit.admin.check import check
    from ctaudit.admin.finding import worst
    from ctaudit.admin.finding_text import format_findings, plain_findings
    from ctaudit.conntrack.filter_notation import read_rules

    config = load_config(args.config)
    read_rules(config.filter)
    findings = check(config, args.config, pick_dsn(args, config))
    if args.json:
        output.print_json(plain_findings(findings))
    else:
        output.print_lines(format_findings(findings))
    return worst(findings)


def run_metrics(args: Namespace) -> int:
    from ctaudit.admin.metrics import read_metrics, write_whole

    try:
        from ctaudit.admin.metrics_text import format_metrics
    except ImportError as error:
        # What is missing may be what the library needs itself.
        if (error.name or "").startswith("ctaudit"):
            raise
        raise UsageError(
            "metrics needs the client library of Prometheus: apt install python3-prometheus-client"
        ) from None
    config = load_config(args.config)
    readings, remarks = read_metrics(config, args.config, pick_dsn(args, config))
    content = format_metrics(readings)
    if args.output is not None:
        write_whole(args.output, content)
    else:
        output.print_data(content.decode().splitlines())
    for remark in remarks:
        output.remark(remark)
    return SUCCESS


def run_node(args: Namespace) -> int:
    from ctaudit.admin import nodes
    from ctaudit.admin.nodes_text import format_nodes, plain_nodes
    from ctaudit.query.time_notation import parse_past

    if args.action == "list":
        with asking(args) as connection:
            known = nodes.list_nodes(connection)
        if args.json:
            output.print_json(plain_nodes(known))
        else:
            output.print_lines(format_nodes(known))
    elif args.action == "rename":
        name = check_node(args.name, "NEW")
        output.print_lines([nodes.rename(pick_dsn(args), args.node, name, args.reason)])
    elif args.action == "login":
        name = check_node(args.node, "NAME")
        change = nodes.remove_login if args.remove else nodes.add_login
        output.print_lines([change(pick_dsn(args), name, args.login, args.reason)])
    elif args.action == "move":
        from ctaudit.admin.move import move

        output.print_lines([move(pick_dsn(args), args.node, args.to, args.login, args.reason)])
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

    if args.at or args.dsn or args.tz or args.utc:
        raise UsageError(
            "--here: takes neither --at, --tz, --utc nor --dsn; the spool says when it ended"
        )
    config = load_config(args.config)
    path = write_last_word(config, args.reason or "retired by ctaudit node retire --here")
    if not config.database.enabled:
        output.print_lines(["This gateway is retired in its spool; no database is configured."])
        return
    wait_until_committed(path, args.wait)
    output.print_lines(["This gateway is retired, and the database has all that it received."])


def run_store(args: Namespace) -> int:
    from ctaudit.admin import stores
    from ctaudit.admin.stores_text import format_stores, plain_stores

    if args.action == "list":
        with asking(args) as connection:
            known = stores.list_stores(connection)
        if args.json:
            output.print_json(plain_stores(known))
        else:
            output.print_lines(format_stores(known))
        return SUCCESS
    if args.action == "add":
        done = stores.add(pick_dsn(args), args.name, args.store, args.patience)
    else:
        done = stores.retire(pick_dsn(args), args.name, is_gone=args.gone)
    output.print_lines([done])
    return SUCCESS


def run_hold(args: Namespace) -> int:
    from ctaudit.admin import holds
    from ctaudit.admin.holds_text import format_holds, format_lifted, format_set, plain_holds

    if args.action == "set":
        wanted = holds.read_hold(
            args.case, args.begin, args.until, node=args.node, addresses=args.address
        )
        output.print_lines(format_set(wanted, holds.set_hold(pick_dsn(args), wanted)))
        return SUCCESS
    if args.action == "lift":
        lifted = holds.lift_hold(pick_dsn(args), args.case)
        output.print_lines([format_lifted(args.case, lifted)])
        return SUCCESS
    known = holds.list_holds(pick_dsn(args))
    if args.json:
        output.print_json(plain_holds(known))
    else:
        output.print_lines(format_holds(known))
    return SUCCESS


def run_import(args: Namespace) -> int:
    from ctaudit.admin import import_command

    if args.program == "holders":
        return _import_holders(args)
    config = load_config(args.config)
    node = check_node(args.node or f"{config.node}-ulogd2", "--node")
    store = pick_dsn(Namespace(dsn=args.into), config)
    into = import_command.Into(store, node, config.retention.days)
    if args.csv is not None:
        return import_command.import_csv(into, args.csv, args.byte_order)
    return import_command.import_table(into, args.dsn, args.byte_order)


def _import_holders(args: Namespace) -> int:
    from ctaudit.admin.holders_text import format_imported, format_refused
    from ctaudit.admin.import_holders import Files, import_holders
    from ctaudit.query.notation import parse_zone

    files = Files(args.files, args.format, args.source, args.node, parse_zone(args.zone))
    done = import_holders(pick_dsn(args), files)
    output.print_lines(format_imported(done))
    for sentence in format_refused(done.refused):
        output.remark(sentence)
    return HOLDERS_PARTLY if done.refused else HOLDERS_WHOLE


def run_config(args: Namespace) -> int:
    from ctaudit.admin import config_text

    if args.action == "check":
        return _check_config(args)
    from ctaudit.admin.config_values import list_shown, look_here

    reading = read_config(args.config)
    if reading.faults:
        hint = "; ctaudit config check names all faults" if len(reading.faults) > 1 else ""
        raise UsageError(f"{reading.faults[0]}{hint}")
    shown = list(list_shown(reading, look_here(args.config)))
    if args.json:
        output.print_json(config_text.plain_shown(reading, shown))
    else:
        output.print_lines(config_text.format_shown(reading, shown))
    return SUCCESS


def _check_config(args: Namespace) -> int:
    from ctaudit.admin.config_check import check_config
    from ctaudit.admin.config_text import format_checked, plain_checked

    checked = check_config(args.file or args.config)
    if args.json:
        output.print_json(plain_checked(checked))
    else:
        output.print_lines(format_checked(checked))
        for error in checked.errors:
            output.complain(error)
        for warning in checked.warnings:
            output.remark(f"warning: {warning}")
    return UsageError.exit_status if checked.errors else SUCCESS


def run_filter(args: Namespace) -> int:
    from ctaudit.admin import filter_rules, filter_text

    config = load_config(args.config)
    if args.action == "show":
        chosen = filter_rules.show(config)
        if args.json:
            output.print_json(filter_text.plain_filter(chosen))
        else:
            output.print_lines(filter_text.format_rules(chosen))
        return SUCCESS
    connection = filter_rules.read_connection(
        args.source,
        args.target,
        proto=args.proto,
        zone=args.zone,
        snat=args.snat,
        dnat=args.dnat,
    )
    decision = filter_rules.explain(config, connection)
    if args.json:
        output.print_json(filter_text.plain_decision(decision))
    else:
        output.print_lines(filter_text.format_decision(decision))
    return SUCCESS
