"""Captures the corpus: python3 -m tests.corpus.capture [KIND ...], as root.

For each kind of the lab's traffic one file of raw netlink messages, one after the other as the
kernel sent them: events (NEW, UPDATE, DESTROY) and a table dump in between. Once with
accounting and timestamps, and once ("plain-") as a kernel is without them.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyroute2 import netns

from ctaudit.conntrack.netlink import (
    GROUP_DESTROY,
    GROUP_NEW,
    GROUP_UPDATE,
    open_dump_socket,
    open_event_socket,
)
from lab.namespaces import Lab, LabError
from lab.network import build_lab
from lab.serve import serving
from lab.traffic import KINDS, make_traffic
from lab.witness import delete_all

HERE = Path(__file__).parent
_GROUPS = (GROUP_NEW, GROUP_UPDATE, GROUP_DESTROY)
_QUIET = 300  # milliseconds without an event, after which no more is expected
_NLMSG_DONE = (3).to_bytes(2, sys.byteorder)


def capture(directory: Path, prefix: str, kinds: Sequence[str], *, accounting: bool) -> None:
    name = f"corpus-{os.getpid()}"
    with (
        build_lab(name, accounting=accounting, timestamps=accounting) as lab,
        serving(lab),
        _opening(lab, lambda: open_event_socket(_GROUPS, 8 << 20)) as events,
    ):
        for kind in kinds:
            delete_all(lab)
            _drain(events)
            make_traffic(lab, kind)
            before = _drain(events)
            with _opening(lab, open_dump_socket) as dump:
                table = _drain(dump)
            delete_all(lab)
            data = before + table + _drain(events)
            (directory / f"{prefix}{kind}.bin").write_bytes(data)
            print(f"{prefix}{kind}: {len(data)} bytes")


@contextmanager
def _opening(lab: Lab, make: Callable[[], socket.socket]) -> Iterator[socket.socket]:
    """A socket of the gateway's namespace: it belongs to where it was made."""
    netns.pushns(lab.gateway)
    try:
        made = make()
    finally:
        netns.popns()
    with made:
        yield made


def _drain(source: socket.socket) -> bytes:
    """What comes until it is quiet or a dump is done; datagrams end aligned."""
    parts = []
    while select.select([source], [], [], _QUIET / 1000)[0]:
        data = source.recv(1 << 16)
        parts.append(data + bytes(-len(data) % 4))
        if data[4:6] == _NLMSG_DONE:
            break
    return b"".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.corpus.capture", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--directory", type=Path, default=HERE)
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.kinds) - set(KINDS)
    if unknown:
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    kinds = chosen.kinds or list(KINDS)
    try:
        capture(chosen.directory, "", kinds, accounting=True)
        capture(chosen.directory, "plain-", kinds, accounting=False)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
