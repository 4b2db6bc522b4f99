"""The traffic maker: python3 -m lab.traffic KIND, inside a lab namespace only.

Prints what it sent as one line of JSON. Anywhere else than in a lab's namespace it says so,
sends nothing and exits with 2.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from lab.guard import require_lab
from lab.namespaces import LabError
from lab.traffic import senders
from lab.traffic.burst import send_burst
from lab.traffic.kinds import BURST, HOLD, KINDS, WEB
from lab.traffic.senders import Sent


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m lab.traffic", description=__doc__)
    parser.add_argument("kind", choices=(*KINDS, HOLD, BURST))
    parser.add_argument("--source")
    parser.add_argument("--source-port", type=int, dest="sport", help="for ICMP echo: the id")
    parser.add_argument("--destination")
    parser.add_argument("--destination-port", type=int, dest="dport")
    parser.add_argument("--payload", type=int, help="bytes each way")
    parser.add_argument("--seconds", type=float, help="tcp-hold: close by itself after these")
    parser.add_argument("--count", type=int, default=10_000, help="burst: connections")
    parser.add_argument("--first", type=int, default=0, help="burst: number of the first one")
    parser.add_argument("--rate", type=float, help="burst: at most so many a second")
    parser.add_argument("--destination-ports", type=int, default=1, help="burst: in turn")
    return parser.parse_args(arguments)


def _send(chosen: argparse.Namespace) -> None:
    if chosen.kind == BURST:
        _print(send_burst(chosen.count, chosen.first, chosen.rate, chosen.destination_ports))
        return
    wanted = ("source", "sport", "destination", "dport", "payload", "seconds")
    given = {name: getattr(chosen, name) for name in wanted if getattr(chosen, name) is not None}
    if chosen.kind == HOLD:
        senders.hold_tcp(replace(WEB, **given), _print)
        return
    kind = KINDS[chosen.kind]
    _print(kind.send(replace(kind.route, **given)))


def _print(sent: Sent) -> None:
    print(json.dumps(sent), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parse(arguments)
    try:
        require_lab()
        _send(chosen)
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{chosen.kind} got no answer or no socket: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
