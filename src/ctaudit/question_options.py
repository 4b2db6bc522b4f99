"""The options of the commands that ask, one function a command."""

from __future__ import annotations

import argparse
from pathlib import Path

from ctaudit.options import add_json, add_tz, add_zone


def add_purpose(command: argparse.ArgumentParser) -> None:
    """Of each command that asks the store: read_purpose makes one value of them."""
    command.add_argument("--case", metavar="CASE", help="the reference of the case, put on record")
    command.add_argument("--reason", metavar="TEXT", help="why it is asked, put on record")


def add_who(who: argparse.ArgumentParser) -> None:
    who.add_argument(
        "public", nargs="?", metavar="ADDRESS:PORT", help="1.2.3.4:53500 or [2001:db8::1]:443"
    )
    who.add_argument(
        "--at", metavar="TIME",
        help="RFC 3339, or local YYYY-MM-DD HH:MM:SS, or as mail, web servers and date write it; "
        "without fraction: that whole second",
    )  # fmt: skip
    add_tz(who)
    who.add_argument("--to", metavar="ADDRESS[:PORT]", help="the remote end")
    who.add_argument("--proto", help="tcp, udp, icmp, ... or a number")
    who.add_argument("--node", help="this gateway only")
    add_zone(who)
    add_within(who)
    who.add_argument(
        "--batch", metavar="FILE",
        help="many questions: a CSV with the columns public and at, and to, proto, node, within, "
        "zone where they are said; - for standard input",
    )  # fmt: skip
    add_purpose(who)
    add_json(who)
    _add_report(who, "; of --batch: the answers, as CSV")


def add_ask(ask: argparse.ArgumentParser) -> None:
    ask.add_argument("file", metavar="FILE", help="what arrived; - reads standard input")
    ask.add_argument(
        "--date", metavar="YYYY-MM-DD",
        help="of the letter: for times without a year or a date; default: the mail's Date header",
    )  # fmt: skip
    add_tz(ask)
    add_within(ask)
    add_purpose(ask)
    add_json(ask)
    _add_report(ask)


def _add_report(command: argparse.ArgumentParser, other: str = "") -> None:
    """``other``: what else is written into the file of -o."""
    command.add_argument(
        "--report", action="store_true", help="write a page to hand over into the file of -o"
    )
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help=f"of --report: FILE.html or FILE.pdf{other}",
    )  # fmt: skip


def add_within(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--within", default="0", metavar="SECONDS", help="widen the time on both sides"
    )


def add_flows(flows: argparse.ArgumentParser) -> None:
    _add_parties(flows)
    flows.add_argument("--from", dest="begin", metavar="TIME", help="alive at this time or later")
    flows.add_argument("--until", metavar="TIME", help="started before this time")
    add_tz(flows)
    flows.add_argument("--open", action="store_true", help="open connections only")
    flows.add_argument("--node", help="this gateway only")
    add_zone(flows)
    add_purpose(flows)
    _add_rows(flows)


def add_traffic(traffic: argparse.ArgumentParser) -> None:
    traffic.add_argument(
        "--from", dest="begin", metavar="TIME", help="default: a day before --until"
    )
    traffic.add_argument("--until", metavar="TIME", help="default: now")
    add_tz(traffic)
    traffic.add_argument("--bucket", metavar="D", help="20s, 5min, 1h, 7d; default: what fits")
    traffic.add_argument(
        "--by", choices=("host", "remote", "service"), default="total", help="default: all as one"
    )
    traffic.add_argument(
        "--top", type=int, default=10, metavar="N", help="N parties and the others; default 10"
    )
    traffic.add_argument("--host", metavar="CIDR", help="internal address or network")
    traffic.add_argument("--remote", metavar="CIDR", help="remote address or network")
    traffic.add_argument("--node", help="this gateway only")
    traffic.add_argument(
        "--durations", action="store_true", help="how long connections lasted, by protocol"
    )
    add_purpose(traffic)
    traffic.add_argument("--format", choices=("table", "json", "csv"), default="table")


def add_inquiries(inquiries: argparse.ArgumentParser) -> None:
    inquiries.add_argument("--case", metavar="CASE", help="of this case only")
    inquiries.add_argument(
        "--by", metavar="NAME", help="asked by this login, or for this person by a front end"
    )
    inquiries.add_argument("--from", dest="begin", metavar="TIME", help="asked since this time")
    inquiries.add_argument(
        "--address", metavar="CIDR", help="that asked about this address or network"
    )
    add_tz(inquiries)
    add_json(inquiries)


def add_table(table: argparse.ArgumentParser) -> None:
    _add_parties(table)
    add_tz(table)
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
