"""Random questions: about connections there are, at the moments where an answer can go wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ctaudit.conntrack.endpoint import Endpoint
from ctaudit.query.question import WhoQuestion
from ctaudit.query.time_notation import TimeSpan
from tests.store.histories.truth import (
    DST_NAT,
    FOREVER,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    SRC_NAT,
    Connection,
    Gateway,
    History,
)
from tests.unit.messages import Address, Side

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Question:
    """Who was behind ``address`` in the true time [begin, end), asked at stage ``stage``."""

    number: int
    stage: int
    address: Address
    port: int | None
    begin: int
    end: int
    remote: Address | None = None
    remote_port: int | None = None
    proto: int | None = None
    node: str | None = None
    zone: int | None = None

    def as_values(self) -> dict[str, Any]:
        return {
            "address": str(self.address), "port": self.port,
            "begin": as_datetime(self.begin), "until": as_datetime(self.end),
            "remote": str(self.remote) if self.remote else None, "remote_port": self.remote_port,
            "proto": self.proto, "node": self.node, "zone": self.zone,
        }  # fmt: skip

    def as_who(self) -> WhoQuestion:
        remote = Endpoint(self.remote, self.remote_port) if self.remote else None
        return WhoQuestion(
            Endpoint(self.address, self.port),
            TimeSpan(as_datetime(self.begin), as_datetime(self.end)),
            remote,
            self.proto,
            self.node,
            zone=self.zone,
        )

    def fits(self, one: Connection) -> bool:
        """Whether the connection is one it asks for, at whatever time."""
        if self.proto is not None and one.proto != self.proto:
            return False
        return self._fits_outward(one) or self._fits_inward(one)

    def is_outward(self, one: Connection) -> bool:
        """Whether it asks for the client; else for the server that was called."""
        only_forwarded = one.status & (SRC_NAT | DST_NAT) == DST_NAT
        return self._fits_outward(one) and not (only_forwarded and self._fits_inward(one))

    def _fits_outward(self, one: Connection) -> bool:
        public, remote = far_end(one.reply), near_end(one.reply)
        return self._fits_ends(public, remote)

    def _fits_inward(self, one: Connection) -> bool:
        if one.status & (SRC_NAT | DST_NAT) == SRC_NAT:
            return False
        return self._fits_ends(far_end(one.orig), near_end(one.orig))

    def _fits_ends(
        self, public: tuple[Address, int | None], remote: tuple[Address, int | None]
    ) -> bool:
        return (
            public[0] == self.address
            and self.port in (None, public[1])
            and self.remote in (None, remote[0])
            and self.remote_port in (None, remote[1])
        )


def as_datetime(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def near_end(side: Side) -> tuple[Address, int | None]:
    """The source; an ICMP id stands at the client: source of orig, destination of reply."""
    if side.icmp:
        return side.src, side.icmp[0] if side.icmp[1] == 8 else None
    return side.src, side.ports[0] if side.ports else None


def far_end(side: Side) -> tuple[Address, int | None]:
    if side.icmp:
        return side.dst, None if side.icmp[1] == 8 else side.icmp[0]
    return side.dst, side.ports[1] if side.ports else None


def make_questions(history: History, count: int = 10) -> list[Question]:
    """``count`` questions, a third of them at the first stage."""
    rng = random.Random(f"questions {history.seed}")
    early = count // 3 if len(history.stages) > 1 else 0
    return [
        _make_question(rng, history, number, 0 if number < early else len(history.stages) - 1)
        for number in range(count)
    ]


def _make_question(rng: random.Random, history: History, number: int, stage: int) -> Question:
    one = rng.choice(history.connections)
    looked_at = history.stages[stage].at
    clashed = [
        each
        for each in history.connections
        if each.is_clashed and each.start < looked_at <= each.destroyed
    ]
    if clashed and rng.random() < 0.5:
        one = rng.choice(clashed)
    gateway = history.gateways[one.gateway]
    address, port, remote = _ends_asked(rng, one)
    near = rng.random() < 0.35
    at = _near_edge(rng, one) if near else _choose_time(rng, history, gateway, one)
    wrong = [offset for _, offset in gateway.clock.wrong()]
    if wrong and rng.random() < 0.4:
        # Where the wrong clock says that it was; 1970 is asked about as well.
        at = max(HOUR, at + rng.choice(wrong) * rng.choice([1, -1]))
    begin, end = _choose_span(rng, at, near=near)
    narrow = rng.random()
    return Question(
        number=number,
        stage=stage,
        address=address,
        port=None if rng.random() < 0.12 else port,
        begin=begin,
        end=end,
        remote=remote[0] if narrow < 0.5 else None,
        remote_port=remote[1] if narrow < 0.3 else None,
        proto=one.proto if rng.random() < 0.4 else None,
        node=gateway.name if rng.random() < 0.3 else None,
    )


def _ends_asked(
    rng: random.Random, one: Connection
) -> tuple[Address, int | None, tuple[Address, int | None]]:
    """Public address and port, and the remote, of ``one``; seldom another port."""
    is_called = not one.status & (SRC_NAT | DST_NAT) and one.start % 2
    if is_called or (one.status & DST_NAT and rng.random() < 0.7):
        public, remote = far_end(one.orig), near_end(one.orig)
    else:
        public, remote = far_end(one.reply), near_end(one.reply)
    port = public[1]
    if port is not None and rng.random() < 0.05:
        port += 7
    return public[0], port, remote


def _near_edge(rng: random.Random, one: Connection) -> int:
    edges = [one.start, *(at for at in (one.stop, one.destroyed) if at < FOREVER)]
    return rng.choice(edges) + _choose_shift(rng)


def _choose_time(rng: random.Random, history: History, gateway: Gateway, one: Connection) -> int:
    """While the connection was alive, near what befell its gateway's record, or at any time."""
    marks = [at for stream in gateway.streams for at in (stream.begin, stream.end)]
    for stream in gateway.streams:
        marks += [at for dump in stream.dumps for at in (dump.begin, dump.end)]
        marks += [at for loss in stream.losses for at in (loss.begin, loss.end)]
        marks += [at for pause in stream.pauses for at in (pause.begin, pause.end)]
    marks = [at for at in marks if at <= history.end]
    last = min(one.stop, history.end)
    choice = rng.random()
    if choice < 0.4 and one.start < last:
        return rng.randrange(one.start, last)
    if choice < 0.6 and marks:
        return rng.choice(marks) + _choose_shift(rng)
    return rng.randrange(history.begin - MINUTE, history.end + MINUTE)


def _choose_shift(rng: random.Random) -> int:
    return rng.choice([-1, 1]) * rng.choice(
        [
            rng.randrange(300),
            rng.randrange(30 * MILLISECOND),
            rng.randrange(300 * MILLISECOND),
            rng.randrange(2 * SECOND),
            rng.randrange(MINUTE),
            rng.randrange(10 * MINUTE),
        ]
    )


def _choose_span(rng: random.Random, at: int, *, near: bool) -> tuple[int, int]:
    """A whole second, a microsecond, a part of a second, or a wider span."""
    choice = rng.random()
    if choice < (0.35 if near else 0.6):
        begin = at - at % SECOND
        return begin, begin + SECOND
    if choice < 0.8:
        return at, at + 1
    if choice < 0.9:
        begin = at - at % (10 * MILLISECOND)
        return begin, begin + 10 * MILLISECOND
    within = rng.choice([2 * SECOND, MINUTE, HOUR])
    return at - within, at + within


def each_stage(questions: list[Question]) -> Iterator[tuple[int, list[Question]]]:
    for stage in sorted({question.stage for question in questions}):
        yield stage, [question for question in questions if question.stage == stage]
