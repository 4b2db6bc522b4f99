"""Filter rules: what denied events cost receiver, recorder and the gateway's packets.

In mode nat an event is an opening. The generator opens connections of all plain clients of the lab
in turn; the rules deny all of them but one, among 500.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from bench.flood import flood
from bench.processes import Meter
from bench.stage import (
    BUFFER,
    BenchError,
    Stage,
    asking,
    clear_entries,
    drop_database,
    settle_server,
    wait_until,
)
from lab import addresses as a
from lab.rig import Rig, rigging
from lab.service import Service, started
from lab.traffic.burst import burst_tuple

RULES = 500
ACCEPTED = 20_000
EVENTS = ACCEPTED * len(a.PLAIN_CLIENTS)
_DENIED = a.PLAIN_CLIENTS[1:]
_SOCKET = f'receive_buffer = "{BUFFER >> 20}MiB"\nreceive_buffer_max = "{BUFFER >> 20}MiB"'


def ipv4_rules(hosts: Sequence[str]) -> list[str]:
    """The hosts come last, behind networks that nobody has."""
    others = [f"10.{number >> 8}.{number & 0xFF}.0/24" for number in range(0, 2 * RULES, 2)]
    return [f"deny orig_src {network}" for network in (*others[: RULES - len(hosts)], *hosts)]


def mixed_rules(hosts: Sequence[str]) -> list[str]:
    """More than a program can have: of both families, on ports and protocols."""
    others = [
        f"deny orig_src 2001:db8:{number:x}::/48,10.9.{number & 0xFF}.0/24 proto tcp,udp "
        f"reply_sport {number + 1}"
        for number in range(RULES - len(hosts))
    ]
    return [*others, *(f"deny proto udp orig_src {host}" for host in hosts)]


NO_RULES = "no rules"
CASES: Mapping[str, tuple[int, Sequence[str]]] = {
    f"{NO_RULES}, {ACCEPTED:,} events": (ACCEPTED, ()),
    f"{NO_RULES}, {EVENTS:,} events": (EVENTS, ()),
    "500 IPv4 rules in the kernel": (EVENTS, ipv4_rules(_DENIED)),
    "500 mixed rules in the recorder": (EVENTS, mixed_rules(_DENIED)),
}
# The generator runs flat out, and the receiver is stopped: what passes waits in its socket.
RATES: Mapping[str, Sequence[str]] = {
    "no program": (),
    "500 rules, of which none matches": ipv4_rules(()),
    "500 rules, which deny six of seven": ipv4_rules(_DENIED),
}


def count_accepted(events: int, rules: Sequence[str]) -> int:
    """Of the first so many connections of a flood: the rules deny all clients but the first."""
    if not rules:
        return events
    return sum(burst_tuple(index)[0] == a.PLAIN_CLIENTS[0] for index in range(events))


@contextmanager
def ruled(stage: Stage, rules: Sequence[str]) -> Iterator[tuple[Rig, Service, Service]]:
    """Receiver and recorder of a fresh database, with these rules."""
    settings = {"": 'mode = "nat"', "socket": _SOCKET, "filter": f"rules = {json.dumps(rules)}"}
    clear_entries(stage.lab)
    with ExitStack() as running:
        rig = running.enter_context(rigging(stage.lab, stage.cluster, settings=settings))
        running.callback(drop_database, stage.cluster, rig.database)
        receiver = running.enter_context(started(rig, "receive"))
        recorder = running.enter_context(started(rig, "record"))
        rig.wait_until_listening()
        yield rig, receiver, recorder


def run_case(stage: Stage, name: str) -> dict[str, Any]:
    """CPU in milliseconds, from the backlog's first event until all of it is recorded."""
    events, rules = CASES[name]
    with ruled(stage, rules) as (rig, receiver, recorder), asking(rig.owner_dsn) as watch:
        own = {"receiver": [receiver.pid], "recorder": [recorder.pid]}
        meter = Meter(lambda: own)
        os.kill(receiver.pid, signal.SIGSTOP)
        flood(stage.lab, events)
        settle_server(stage.cluster)
        meter.begin()
        began = time.monotonic()
        os.kill(receiver.pid, signal.SIGCONT)
        made = datetime.now(UTC)
        covered = "SELECT FROM ctaudit.stream WHERE covered_until > %s"
        wait_until(
            lambda: watch.execute(covered, (made,)).fetchone() is not None,
            f"{events} events recorded",
            recorder.process,
        )
        spent = meter.read()
        seconds = time.monotonic() - began
        ((received, stored, filtered),) = rig.query(
            "SELECT received, stored, filtered FROM ctaudit.stream"
        )
        wanted = count_accepted(events, rules)
        if stored != wanted or rig.count("gap"):
            raise BenchError(f"{name}: {stored} of {wanted} events stored, {rig.rows('gap')}")
    return {
        "case": name, "events": events, "received": received, "stored": stored,
        "filtered": filtered, "seconds": round(seconds, 2),
        **{f"{part}_ms": round(spent[part] / 1e6, 1) for part in own},
    }  # fmt: skip


def run_rate(stage: Stage, name: str, count: int) -> dict[str, Any]:
    """Packets a second through the gateway, each of a new connection."""
    with ruled(stage, RATES[name]) as (_, receiver, _recorder):
        os.kill(receiver.pid, signal.SIGSTOP)
        sent = flood(stage.lab, count)
        os.kill(receiver.pid, signal.SIGCONT)
    return {"program": name, "packets": count, "rate": round(sent.rate)}


def run_filtering(stage: Stage, rounds: int, packets: int) -> Iterator[dict[str, Any]]:
    """All cases and all packet rates, once in each round."""
    for _ in range(rounds):
        for name in CASES:
            yield run_case(stage, name)
        for name in RATES:
            yield run_rate(stage, name, packets)
