"""Connections through gateways of a standing fleet, from a host behind each."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lab import addresses as a
from lab.fleet.plan import FIRST_NAT_SPORT, FIRST_SPORT, FIXED_PORTS
from lab.machines.register import find_registration
from lab.namespaces import ROOT, LabError, popen_in

Sent = dict[str, Any]


def send_through(gateways: Sequence[str], number: int = 0) -> dict[str, Sent]:
    """One TCP connection through each gateway at the same time, with the same private tuple.

    ``number``, below FIXED_PORTS, chooses its source port and the public one that the gateways
    translate it to. Returns by gateway ``at`` (the UTC second in which it began, RFC 3339),
    ``private``, ``public`` and ``to``, with their ports.
    """
    if not 0 <= number < FIXED_PORTS:
        raise LabError(f"--number {number}: take 0 to {FIXED_PORTS - 1}")
    publics = {gateway: _find_public(gateway) for gateway in gateways}
    sport = FIRST_SPORT + number
    time.sleep(1.05 - time.time() % 1)  # all of it within one second
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = [sys.executable, "-m", "lab.traffic", "tcp-close", "--source-port", str(sport)]
    sending = {
        gateway: popen_in(
            f"ctaudit-client-{gateway}",
            words,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for gateway in gateways
    }
    answers = {gateway: process.communicate(timeout=30) for gateway, process in sending.items()}
    found = {}
    for gateway, (said, error) in answers.items():
        if not said:
            raise LabError(f"no traffic through {gateway}: {error.strip()}")
        sent = json.loads(said)
        found[gateway] = {
            "at": at,
            "private": f"{sent['src']}:{sent['sport']}",
            "public": f"{publics[gateway]}:{FIRST_NAT_SPORT + number}",
            "to": f"{a.SERVER}:{sent['dport']}",
        }
    return found


def who_words(sent: Sent) -> list[str]:
    """The command that asks who it was."""
    return ["ctaudit", "who", sent["public"], "--at", sent["at"], "--to", sent["to"]]


def _find_public(gateway: str) -> str:
    record = find_registration(gateway)
    if record is None or not record.get("public"):
        raise LabError(f"{gateway!r} is no gateway that stands here")
    return str(record["public"])
