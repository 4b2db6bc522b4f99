"""The options of each command: one ``add_`` function a command, and those that several have."""

from __future__ import annotations

import argparse
from pathlib import Path

from ctaudit.config import DEFAULT_PATH


def add_source(command: argparse.ArgumentParser, *, dsn: bool = True) -> None:
    command.add_argument(
        "--config", type=Path, metavar="FILE", help=f"configuration, default {DEFAULT_PATH}"
    )
    if dsn:
        command.add_argument(
            "--dsn", help="connection string; overrides database.dsn and the PG* variables"
        )


def add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")


def add_tz(command: argparse.ArgumentParser) -> None:
    zone = command.add_mutually_exclusive_group()
    zone.add_argument(
        "--tz", metavar="ZONE",
        help="read times without a zone, and print all times, in this time zone: Europe/Berlin",
    )  # fmt: skip
    zone.add_argument("--utc", action="store_true", help="the same, in UTC")


def add_zone(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--zone", metavar="N", help="this conntrack zone only, of either direction"
    )


def add_record(record: argparse.ArgumentParser) -> None:
    record.add_argument("--replay", type=Path, metavar="FILE", help="replay one segment file")
    record.add_argument("--node", help="the gateway's name; overrides the configuration")


def _add_action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    epilog: str | None,
) -> argparse.ArgumentParser:
    return actions.add_parser(name, help=text, description=text, epilog=epilog, allow_abbrev=False)


def add_metrics(metrics: argparse.ArgumentParser) -> None:
    metrics.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="replace this file in one step, as node_exporter's textfile collector wants it",
    )  # fmt: skip


def add_node(node: argparse.ArgumentParser) -> None:
    actions = node.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action = _add_action(actions, name, text, node.epilog)
        add_source(action)
        if name != "list":
            action.add_argument("--reason", metavar="TEXT", help="put on record")
        return action

    listing = add("list", "Show the gateways, and which of them record nothing.")
    add_json(listing)
    add_tz(listing)
    rename = add("rename", "Give a gateway another name in all that is recorded of it.")
    rename.add_argument("node", metavar="NAME")
    rename.add_argument("name", metavar="NEW")
    retire = add("retire", "Say that a gateway is gone; later questions do not wait for it.")
    which = retire.add_mutually_exclusive_group(required=True)
    which.add_argument("node", metavar="NAME", nargs="?")
    which.add_argument(
        "--here", action="store_true",
        help="this gateway, by a last note in its spool; its receiver must be stopped",
    )  # fmt: skip
    retire.add_argument(
        "--at", metavar="TIME", help="gone since then; default: the last that it recorded"
    )
    add_tz(retire)
    retire.add_argument(
        "--wait", type=float, default=30.0, metavar="SECONDS",
        help="with --here: until the database has the note; default 30",
    )  # fmt: skip
    add("revive", "Take a retirement back.").add_argument("node", metavar="NAME")
    move = add("move", "Let a gateway's record go on in another store; stop its recorder first.")
    move.add_argument("node", metavar="NAME")
    move.add_argument("--to", required=True, metavar="DSN", help="connection string of that store")
    move.add_argument("--login", metavar="LOGIN", help="that records as it there")
    login = add("login", "Let a login record as a gateway; no other login may.")
    login.add_argument("node", metavar="NAME")
    login.add_argument("login", metavar="LOGIN")
    login.add_argument(
        "--remove", action="store_true", help="it does not record as the gateway any more"
    )


def add_schema(schema: argparse.ArgumentParser) -> None:
    schema.add_argument("action", choices=("install", "upgrade", "status"))
    schema.add_argument(
        "--front", action="store_true",
        help="install a front, which records nothing and asks several stores as one",
    )  # fmt: skip


def add_store(store: argparse.ArgumentParser) -> None:
    actions = store.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action = _add_action(actions, name, text, store.epilog)
        add_source(action)
        return action

    listing = add("list", "Show the stores that a front asks.")
    add_json(listing)
    add_tz(listing)
    adding = add("add", "Let a front ask a store, or change how it does.")
    adding.add_argument("name", metavar="NAME")
    adding.add_argument(
        "--store", required=True, metavar="DSN",
        help="connection string by which the front's server reaches it; the login must be a "
        "member of ctaudit_front there",
    )  # fmt: skip
    adding.add_argument(
        "--patience", type=float, default=5.0, metavar="SECONDS",
        help="how long a question of who waits for it; default 5",
    )  # fmt: skip
    retire = add("retire", "Say that no gateway records in a store any more.")
    retire.add_argument("name", metavar="NAME")
    retire.add_argument(
        "--gone", action="store_true",
        help="its record is not there any more: it is not asked, and its time is unknown",
    )  # fmt: skip


def add_import(command: argparse.ArgumentParser) -> None:
    programs = command.add_subparsers(dest="program", required=True, metavar="PROGRAM")
    text = "Take over the table ulog2_ct of ulogd2."
    ulogd = _add_action(programs, "ulogd", text, command.epilog)
    add_source(ulogd, dsn=False)
    source = ulogd.add_mutually_exclusive_group(required=True)
    source.add_argument("--dsn", metavar="OLD", help="connection string of ulogd2's database")
    source.add_argument(
        "--csv", type=Path, metavar="FILE", help="a dump of the MySQL table, with a header line"
    )
    ulogd.add_argument(
        "--into", metavar="DSN",
        help="the store; default: database.dsn and the PG* variables. The login must be a member "
        "of ctaudit_owner",
    )  # fmt: skip
    ulogd.add_argument(
        "--node", metavar="NAME", help="what it is recorded as; default: this gateway's name-ulogd2"
    )
    ulogd.add_argument(
        "--byte-order", choices=("little", "big"),
        help="of addresses that are numbers; default: as the addresses tell",
    )  # fmt: skip

    _add_import_holders(_add_action(programs, "holders", _HOLDERS, command.epilog))


_HOLDERS = "Take over who had which internal address, from a list or from DHCP leases."


def _add_import_holders(holders: argparse.ArgumentParser) -> None:
    add_source(holders)
    holders.add_argument(
        "files", type=Path, nargs="+", metavar="FILE",
        help="of Kea also several, the oldest first: leases4.csv.2 leases4.csv",
    )  # fmt: skip
    holders.add_argument(
        "--format", required=True, choices=("csv", "dnsmasq", "kea"),
        help="csv: a header with address, holder, from, and until, detail, node, zone",
    )  # fmt: skip
    holders.add_argument(
        "--source", required=True, metavar="NAME",
        help="who says so, shown with each holder; each job needs a name of its own",
    )  # fmt: skip
    holders.add_argument("--node", help="the addresses behind this gateway only")
    add_zone(holders)
    add_tz(holders)


def add_hold(hold: argparse.ArgumentParser) -> None:
    actions = hold.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action = _add_action(actions, name, text, hold.epilog)
        add_source(action)
        return action

    put = add("set", "Hold a span for a case.")
    put.add_argument("--case", required=True, metavar="CASE", help="the reference of the case")
    put.add_argument("--from", dest="begin", required=True, metavar="TIME", help="since this time")
    put.add_argument(
        "--until", required=True, metavar="TIME", help="before this time, which may be to come"
    )
    add_tz(put)
    put.add_argument("--node", help="connections of this gateway")
    put.add_argument(
        "--address", nargs="+", action="extend", default=[], metavar="CIDR",
        help="connections of these addresses and networks; may be repeated",
    )  # fmt: skip
    add("lift", "Lift the holds of a case.").add_argument("case", metavar="CASE")
    listing = add("list", "Show each hold that was ever set, by whom, and what it keeps.")
    add_json(listing)
    add_tz(listing)


def add_filter(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action = _add_action(actions, name, text, command.epilog)
        add_source(action, dsn=False)
        add_json(action)
        return action

    add("show", "Show the rules, and where they are evaluated.")
    explain = add("explain", "Say which rule decides on a connection.")
    explain.add_argument("source", metavar="SOURCE[:PORT]", help="of the first packet")
    explain.add_argument("target", metavar="DESTINATION[:PORT]", help="of the first packet")
    explain.add_argument("--proto", help="tcp, udp, icmp, ... or a number; default tcp")
    explain.add_argument("--zone", metavar="N", help="conntrack zone; default 0")
    explain.add_argument(
        "--snat", metavar="ADDRESS[:PORT]", help="what the source was translated to"
    )
    explain.add_argument(
        "--dnat", metavar="ADDRESS[:PORT]", help="what the destination was translated to"
    )


def add_config(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "Show every key, its value here, and where that comes from."
    show = _add_action(actions, "show", text, command.epilog)
    add_source(show, dsn=False)
    add_json(show)
    text = "Name all that is wrong with a configuration, and keys that have no effect in it."
    check = _add_action(actions, "check", text, command.epilog)
    which = check.add_mutually_exclusive_group()
    which.add_argument("file", type=Path, metavar="FILE", nargs="?", help=f"default {DEFAULT_PATH}")
    which.add_argument("--config", type=Path, metavar="FILE", help="the same")
    add_json(check)


def add_maintain(maintain: argparse.ArgumentParser) -> None:
    maintain.add_argument(
        "--local", action="store_true",
        help="over PostgreSQL's local socket, as this user: the configuration's database if that "
        "is on this host, else database ctaudit",
    )  # fmt: skip


def add_setup(setup: argparse.ArgumentParser) -> None:
    setup.add_argument(
        "--local", action="store_true", required=True, help="over PostgreSQL's local socket"
    )
    setup.add_argument(
        "--auditor", action="append", default=[], metavar="NAME",
        help="a user of this host who may ask, besides root; may be repeated",
    )  # fmt: skip
