"""The traffic maker: python3 -m lab.traffic KIND, inside a lab namespace only.

Prints what it sent as one line of JSON. Anywhere else than in a lab's namespace it says so,
sends nothing and exits with 2. Tests call make_traffic and holding.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lab import addresses as a
from lab import senders
from lab.burst import send_burst
from lab.guard import require_lab
from lab.namespaces import ROOT, Lab, popen_in, run_in
from lab.record import LabError
from lab.senders import Route, Sent


@dataclass(frozen=True)
class Kind:
    """How a kind of traffic is made, from which namespace, and its usual route."""

    send: Callable[[Route], Sent]
    route: Route
    role: str = "client"


_WEB = Route(a.CLIENT, a.SERVER, a.HTTPS_PORT)
_WEB6 = Route(a.CLIENT6, a.SERVER6, 22)
_NAME = Route(a.CLIENT, a.SERVER, a.UDP_PORT)

KINDS = {
    "article": Kind(senders.send_tcp_close, replace(_WEB, sport=a.ARTICLE_SPORT)),
    "tcp-close": Kind(senders.send_tcp_close, _WEB),
    "tcp-reset": Kind(senders.send_tcp_reset, _WEB),
    "udp-answered": Kind(senders.send_udp_answered, _NAME),
    "udp-unanswered": Kind(senders.send_udp_unanswered, replace(_NAME, dport=a.SILENT_PORT)),
    "icmp-echo": Kind(senders.send_echo, Route(a.CLIENT, a.SERVER)),
    "sctp": Kind(senders.send_sctp, Route(a.CLIENT, a.SERVER, a.SCTP_PORT)),
    "gre": Kind(senders.send_gre, Route(a.CLIENT, a.SERVER)),
    "gre-keyed": Kind(senders.send_gre_keyed, Route(a.CLIENT, a.SERVER)),
    "pptp": Kind(senders.send_pptp, Route(a.CLIENT, a.SERVER, a.PPTP_PORT)),
    "tftp": Kind(senders.send_tftp, Route(a.CLIENT, a.SERVER, a.TFTP_PORT)),
    "tcp6-close": Kind(senders.send_tcp_close, _WEB6),
    "tcp6-reset": Kind(senders.send_tcp_reset, _WEB6),
    "udp6-answered": Kind(senders.send_udp_answered, replace(_WEB6, dport=a.UDP_PORT)),
    "udp6-unanswered": Kind(senders.send_udp_unanswered, replace(_WEB6, dport=a.SILENT_PORT)),
    "icmpv6-echo": Kind(senders.send_echo, replace(_WEB6, dport=0)),
    "nat66-tcp": Kind(senders.send_tcp_close, replace(_WEB6, source=a.CLIENT6_NAT)),
    "zone-tcp": Kind(senders.send_tcp_close, replace(_WEB, source=a.ZONE_CLIENT)),
    "zone-orig-tcp": Kind(senders.send_tcp_close, replace(_WEB, source=a.ZONE_ORIG_CLIENT)),
    "zone-reply-tcp": Kind(senders.send_tcp_close, replace(_WEB, source=a.ZONE_REPLY_CLIENT)),
    "mark-tcp": Kind(senders.send_tcp_close, replace(_WEB, source=a.MARK_CLIENT)),
    "label-tcp": Kind(senders.send_tcp_close, replace(_WEB, source=a.LABEL_CLIENT)),
    "dnat-tcp": Kind(
        senders.send_tcp_close, Route(a.OUTSIDER, a.GATEWAY, a.FORWARD_PORT), "server"
    ),
    "dnat6-tcp": Kind(
        senders.send_tcp_close, Route(a.OUTSIDER6, a.GATEWAY6, a.FORWARD_PORT), "server"
    ),
}
HOLD = "tcp-hold"
BURST = "burst"


def make_traffic(lab: Lab, kind: str, **options: Any) -> Sent:
    """Make one kind of traffic in the lab and give what was sent (see senders).

    Options are the command line's: source, source_port, destination, destination_port,
    payload (bytes); for a burst count, first, rate, destination_ports.
    """
    done = run_in(
        getattr(lab, _role_of(kind, options.pop("role", None))),
        _command(kind, options),
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=600,
    )
    if done.returncode:
        raise LabError(f"traffic {kind} failed: {done.stderr.strip()}")
    sent: Sent = json.loads(done.stdout)
    return sent


class Held:
    """An open TCP connection in the lab, and what was sent to open it."""

    def __init__(self, process: subprocess.Popen[str], sent: Sent) -> None:
        self.sent = sent
        self._process = process

    def exchange(self, amount: int) -> None:
        """Send that many more bytes through the connection, and get them back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{amount}\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise LabError("the held connection is gone")


@contextmanager
def holding(lab: Lab, **options: Any) -> Iterator[Held]:
    """Hold a TCP connection open during the body, then close it orderly.

    Options as for make_traffic, and seconds (it closes by itself then), and role="server" for
    a connection that comes from outside.
    """
    namespace = getattr(lab, _role_of(HOLD, options.pop("role", None)))
    process = popen_in(
        namespace,
        _command(HOLD, options),
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise LabError(f"no connection to hold: {process.stderr.read().strip()}")
        yield Held(process, json.loads(line))
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()


def _role_of(kind: str, wanted: str | None) -> str:
    return wanted or (KINDS[kind].role if kind in KINDS else "client")


def _command(kind: str, options: dict[str, Any]) -> list[str]:
    words = [sys.executable, "-m", "lab.traffic", kind]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


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
        senders.hold_tcp(replace(_WEB, **given), _print)
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
