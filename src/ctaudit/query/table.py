"""The kernel's own table, now: a dump that is decoded as it comes, without a database."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from ctaudit.conntrack.netlink import open_dump_socket, scan_dump
from ctaudit.errors import CtauditError, PrivilegeError, UsageError
from ctaudit.query.answer import Answer
from ctaudit.query.entry import EntryReader
from ctaudit.query.question import FlowsQuestion
from ctaudit.spool.decoder import Batch, Decoder, Undecodable

_DATAGRAM = 1 << 16  # the kernel fills at most 32 KiB
_PATIENCE = 5.0  # seconds for the kernel's next datagram


@dataclass
class _Doubts:
    """Why what was read may not be the whole table."""

    changed: bool = False
    undecodable: int = 0
    reason: str = ""

    def format(self) -> Iterator[str]:
        if self.changed:
            yield (
                "the table changed while it was read: connections may be missing or shown twice; "
                "run the command again"
            )
        if self.undecodable:
            yield f"{self.undecodable} entries could not be decoded, the last one: {self.reason}"


def read_table(node: str, question: FlowsQuestion, warn: Callable[[str], None]) -> Iterator[Answer]:
    """The connections asked for, in the kernel's order; one datagram of them is in memory.

    ``warn`` is called after the last one, with a sentence for each reason why some may be missing.
    Raises PrivilegeError, and UsageError where the kernel does not give its table.
    """
    doubts = _Doubts()
    try:
        dump = open_dump_socket()
    except OSError as error:
        raise _explain(error.errno or errno.EIO) from None
    with dump:
        yield from islice(_read_entries(dump, node, question, doubts), question.limit)
    for sentence in doubts.format():
        warn(sentence)


def _read_entries(
    dump: socket.socket, node: str, question: FlowsQuestion, doubts: _Doubts
) -> Iterator[Answer]:
    reader, decoder = EntryReader(node, question, datetime.now(UTC)), Decoder()
    for datagram in _receive(dump, doubts):
        for layout, rows in _decode(decoder, datagram, doubts).rows.items():
            yield from reader.read_rows(layout, rows)


def _receive(dump: socket.socket, doubts: _Doubts) -> Iterator[bytes]:
    ended = False
    while not ended:
        if not select.select([dump], [], [], _PATIENCE)[0]:
            raise _explain(errno.ETIMEDOUT)
        datagram = dump.recv(_DATAGRAM)
        _, ended, failed = scan_dump(memoryview(datagram))
        if failed == errno.EINTR:
            doubts.changed = True
        elif failed:
            raise _explain(failed)
        yield datagram


def _decode(decoder: Decoder, datagram: bytes, doubts: _Doubts) -> Batch:
    batch, offset = Batch(), 0
    while offset < len(datagram):
        step = decoder.read(datagram, offset, 0, batch, len(datagram))
        offset = step.after
        if isinstance(step.stop, Undecodable):
            doubts.undecodable += 1
            doubts.reason = step.stop.reason
    return batch


def _explain(number: int) -> CtauditError:
    """``number``: the errno that the kernel gave in place of the table."""
    if number == errno.EPERM:
        return PrivilegeError(
            "the conntrack table needs CAP_NET_ADMIN in this network namespace: run as root"
        )
    return UsageError(
        f"the kernel does not give its conntrack table ({os.strerror(number)}): "
        "modprobe nf_conntrack_netlink"
    )
