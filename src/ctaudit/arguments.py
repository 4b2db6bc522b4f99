"""The command line's commands and options (argparse); cli runs the commands."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from ctaudit import __version__, output
from ctaudit.config import DEFAULT_PATH
from ctaudit.errors import UsageError

_TIME_OPTIONS = ("--at", "--from", "--until")
_LONGEST_TIME = 12  # words: Wed Nov 25 2026 20:08:36 GMT+0100 (Central European Standard Time)

_COMMON = (
    "2 a wrong call or configuration; 5 the database failed; 6 the schema has another version; "
    "7 a privilege is missing; 8 the spool's disk is full or refuses; 70 an error that was not "
    "foreseen; 74 the output cannot be written; 130 interrupted; 141 the output's reader has gone"
)
_STATUSES = {
    "who": "0 exactly one answer; 1 none, and the record is complete; 3 several; 4 unknown",
    "flows": "0 the record covers the span; 4 a part of it is not covered",
    "check": "0 fit; 1 fit, with warnings; 3 not fit",
    "import": "0 all rows are imported; 3 some could not be",
}


class _Parser(argparse.ArgumentParser):
    """Raises UsageError in place of printing the usage; prints help as other output."""

    def error(self, message: str) -> NoReturn:
        hint = ""
        if message.startswith("unrecognized arguments"):
            hint = "; put quotes around a value with spaces, such as a time"
        raise UsageError(f"{message}{hint}; see {self.prog} --help")

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002
        output.print_lines([message.rstrip("\n")])
        output.flush()


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; raises UsageError.

    A time, and an address followed by "port N", need no quotes: they are joined to one word.
    """
    args = build_parser().parse_args(list(_join_ports(_join_times(words))))
    for name, value in vars(args).items():
        if isinstance(value, str):
            _check_text(value, name)
    return args


def _join_times(words: Sequence[str]) -> Iterator[str]:
    """The words with those that make up one time as one, the longest such time."""
    place = 0
    while place < len(words):
        option, is_joined, first = words[place].partition("=")
        place += 1
        if option not in _TIME_OPTIONS or (not is_joined and place == len(words)):
            yield words[place - 1]
            continue
        if not is_joined:
            yield option
            first = words[place]
            place += 1
        time, taken = _take_time(first, words[place:])
        place += taken
        yield f"{option}={time}" if is_joined else time


def _take_time(first: str, following: Sequence[str]) -> tuple[str, int]:
    """The longest time that ``first`` begins, and how many words of ``following`` it takes."""
    from ctaudit.query.time_notation import is_time

    for count in range(min(len(following), _LONGEST_TIME), 0, -1):
        time = " ".join([first, *following[:count]])
        if is_time(time):
            return time, count
    return first, 0


def _join_ports(words: Iterable[str]) -> Iterator[str]:
    """``1.2.3.4 port 53500`` as one word, as sshd writes it."""
    left = list(words)
    while left:
        if len(left) > 2 and left[1] == "port" and left[2].isdecimal() and left[0][:2] != "--":
            yield " ".join(left[:3])
            del left[:3]
        else:
            yield left.pop(0)


def _check_text(value: str, name: str) -> None:
    """A byte of the command line that is no UTF-8 arrives as half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} {value!r}: is not UTF-8") from None


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
        if name not in ("node", "import"):
            _add_source(command, dsn=dsn)
        return command

    add("receive", "Receive the kernel's events into the spool.", dsn=False)
    _add_record(add("record", "Record the spool in the database."))
    schema = add("schema", "Install, upgrade or inspect the database's schema.")
    schema.add_argument("action", choices=("install", "upgrade", "status"))
    _add_import(add("import", "Take over what another program has recorded."))
    add("maintain", "Make partitions ahead, and drop those past retention.")
    _add_who(add("who", "Who was behind a public address and port at a time?"))
    _add_flows(add("flows", "List connections."))
    _add_table(add("table", "List the kernel's own connections, now.", dsn=False))
    status = add("status", "Show what is recorded, until when, and the gaps.")
    _add_json(status)
    _add_zone(status)
    _add_json(add("check", "Check kernel, spool, services and database."))
    _add_node(add("node", "List, rename, retire or revive gateways."))
    _add_setup(add("setup", "Create the database on this host.", dsn=False))
    return parser


def _add_source(command: argparse.ArgumentParser, *, dsn: bool = True) -> None:
    command.add_argument(
        "--config", type=Path, metavar="FILE", help=f"configuration, default {DEFAULT_PATH}"
    )
    if dsn:
        command.add_argument(
            "--dsn", help="connection string; overrides database.dsn and the PG* variables"
        )


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")


def _add_zone(command: argparse.ArgumentParser) -> None:
    zone = command.add_mutually_exclusive_group()
    zone.add_argument(
        "--tz", metavar="ZONE",
        help="read times without a zone, and print all times, in this time zone: Europe/Berlin",
    )  # fmt: skip
    zone.add_argument("--utc", action="store_true", help="the same, in UTC")


def _add_record(record: argparse.ArgumentParser) -> None:
    record.add_argument("--replay", type=Path, metavar="FILE", help="replay one segment file")
    record.add_argument("--node", help="the gateway's name; overrides the configuration")


def _add_who(who: argparse.ArgumentParser) -> None:
    who.add_argument("public", metavar="ADDRESS:PORT", help="1.2.3.4:53500 or [2001:db8::1]:443")
    who.add_argument(
        "--at", required=True, metavar="TIME",
        help="RFC 3339, or local YYYY-MM-DD HH:MM:SS, or as mail, web servers and date write it; "
        "without fraction: that whole second",
    )  # fmt: skip
    _add_zone(who)
    who.add_argument("--to", metavar="ADDRESS[:PORT]", help="the remote end")
    who.add_argument("--proto", help="tcp, udp, icmp, ... or a number")
    who.add_argument("--node", help="this gateway only")
    who.add_argument(
        "--within", default="0", metavar="SECONDS", help="widen the time on both sides"
    )
    _add_json(who)


def _add_flows(flows: argparse.ArgumentParser) -> None:
    _add_parties(flows)
    flows.add_argument("--from", dest="begin", metavar="TIME", help="alive at this time or later")
    flows.add_argument("--until", metavar="TIME", help="started before this time")
    _add_zone(flows)
    flows.add_argument("--open", action="store_true", help="open connections only")
    flows.add_argument("--node", help="this gateway only")
    _add_rows(flows)


def _add_table(table: argparse.ArgumentParser) -> None:
    _add_parties(table)
    _add_zone(table)
    _add_rows(table)


def _add_parties(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", metavar="CIDR", help="internal address or network")
    command.add_argument("--nat", metavar="CIDR", help="public address or network")
    command.add_argument("--remote", metavar="CIDR", help="remote address or network")


def _add_rows(command: argparse.ArgumentParser) -> None:
    command.add_argument("--limit", type=int, metavar="N", help="at most N rows")
    command.add_argument(
        "--format", choices=("table", "json", "csv", "ulogd"), default="table", help="default table"
    )


def _add_node(node: argparse.ArgumentParser) -> None:
    actions = node.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        _add_source(action)
        if name != "list":
            action.add_argument("--reason", metavar="TEXT", help="put on record")
        return action

    _add_json(add("list", "Show the gateways, and which of them record nothing."))
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
    retire.add_argument(
        "--wait", type=float, default=30.0, metavar="SECONDS",
        help="with --here: until the database has the note; default 30",
    )  # fmt: skip
    add("revive", "Take a retirement back.").add_argument("node", metavar="NAME")


def _add_import(command: argparse.ArgumentParser) -> None:
    programs = command.add_subparsers(dest="program", required=True, metavar="PROGRAM")
    text = "Take over the table ulog2_ct of ulogd2."
    ulogd = programs.add_parser("ulogd", help=text, description=text, allow_abbrev=False)
    _add_source(ulogd, dsn=False)
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


def _add_setup(setup: argparse.ArgumentParser) -> None:
    setup.add_argument(
        "--local", action="store_true", required=True, help="over PostgreSQL's local socket"
    )
    setup.add_argument(
        "--auditor", action="append", default=[], metavar="NAME",
        help="a user of this host who may ask, besides root; may be repeated",
    )  # fmt: skip
