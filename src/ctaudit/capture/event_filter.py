"""The filter rules on the event socket, and what the stream says of them."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ctaudit.conntrack.bpf import MOST_INSTRUCTIONS, ProgramTooLong, count_instructions
from ctaudit.conntrack.filter import IN_KERNEL, IN_RECORDER, RuleSet, plain_rules
from ctaudit.conntrack.filter_program import compile_rules
from ctaudit.conntrack.netlink import attach_filter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EventFilter:
    """``program``: for the event socket; None: there are no rules, or they are not evaluated there.

    ``length``: instructions that the rules take, whether the kernel takes them or not.
    ``why``: why they are evaluated in the recorder.
    """

    rules: RuleSet | None = None
    program: bytes | None = None
    length: int = 0
    why: str = ""

    @property
    def where(self) -> str:
        return IN_RECORDER if self.program is None else IN_KERNEL

    @property
    def word(self) -> int:
        """For the segment's header; 0: no rules. The lowest bit says where.

        conntrack.filter's find_digest and find_where read it.
        """
        if self.rules is None:
            return 0
        return int(self.rules.digest, 16) << 1 | (self.program is None)

    @property
    def detail(self) -> dict[str, Any] | None:
        """For a start or resume note."""
        if self.rules is None:
            return None
        return {
            "digest": self.rules.digest, "where": self.where, "rules": plain_rules(self.rules),
        }  # fmt: skip


def choose_filter(
    rules: RuleSet | None, refuses: Callable[[bytes], bool] | None = None
) -> EventFilter:
    """Compiles the rules and tries whether this kernel takes the program (``refuses``)."""
    if rules is None:
        return EventFilter()
    try:
        program = compile_rules(rules)
    except ProgramTooLong as error:
        return EventFilter(
            rules, None, error.count,
            f"they take {error.count:,} instructions, and the kernel takes {MOST_INSTRUCTIONS:,}",
        )  # fmt: skip
    length = count_instructions(program)
    if (refuses or _is_refused)(program):
        return EventFilter(
            rules, None, length,
            f"the kernel refuses their {length:,} instructions: raise net.core.optmem_max",
        )  # fmt: skip
    return EventFilter(rules, program, length)


def log_choice(chosen: EventFilter) -> None:
    if chosen.rules is not None and chosen.program is None:
        log.warning("filter rules are evaluated in the recorder, since %s", chosen.why)
    elif chosen.rules is not None:
        count = len(chosen.rules.rules)
        log.info("%d filter rules are in the kernel, %d instructions", count, chosen.length)


def _is_refused(program: bytes) -> bool:
    """Tried on a socket that receives nothing: the event socket keeps its program until then."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        try:
            attach_filter(one, program)
        except OSError as error:
            if error.errno != errno.ENOMEM:
                raise
            return True
    return False
