"""What may have been meant where who finds nothing: other questions, and what they would find.

A hint changes neither the verdict nor the exit status. The store is asked through two functions
that the caller gives, so that what is asked and said can be tested without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from operator import itemgetter

from ctaudit.conntrack.endpoint import Endpoint, format_endpoint
from ctaudit.query.answer import Answer
from ctaudit.query.answer_text import format_host, format_public, format_remote
from ctaudit.query.question import WhoQuestion
from ctaudit.query.value_text import format_duration, format_time

NEAR = timedelta(minutes=5)  # how far from the asked time the nearest connection is looked for
FOUND_MAX = 1000  # connections that a look-up returns
_NAMED = 3  # hosts, of more only their number is said

Ask = Callable[[WhoQuestion], Sequence[Answer]]


class TooSlow(Exception):
    """The store did not answer within the time that hints may take."""


@dataclass(frozen=True)
class Hint:
    """``kind``: one of KINDS. ``found``: the connections that it is of, the latest first."""

    kind: str
    text: str
    found: tuple[Answer, ...] = ()


KINDS = (
    "no brackets", "swapped", "nearest", "fewer conditions", "internal address",
    "remote address", "own port", "server port", "any port", "not looked up",
)  # fmt: skip


def find_hints(question: WhoQuestion, ask: Ask, look_nearby: Ask) -> tuple[Hint, ...]:
    """``ask``: who's answers to a question; ``look_nearby``: those of ctaudit.nearby.

    Both may raise TooSlow, after which nothing more is asked. What an index answers is asked
    first.
    """
    hints: list[Hint] = []
    try:
        hints += _read_otherwise(question, ask)
        hints += _swap(question, ask)
        hints += _find_nearest(question, ask)
        hints += _ask_less(question, ask)
        hints += sort_nearby(question, look_nearby(question))
    except TooSlow:
        text = "not all that may have been meant was looked up, it would have taken too long"
        hints.append(Hint("not looked up", text))
    return tuple(hints)


def read_as_port(endpoint: Endpoint) -> Endpoint | None:
    """``2001:db8::1:22`` as ``[2001:db8::1]:22``; None where it cannot have been meant so."""
    rest, _, port = str(endpoint.address).rpartition(":")
    if endpoint.port is not None or endpoint.address.version == 4 or not port.isdecimal():
        return None
    try:
        return Endpoint(ip_address(rest), int(port))
    except ValueError:
        return None


def _read_otherwise(question: WhoQuestion, ask: Ask) -> Iterator[Hint]:
    if other := read_as_port(question.public):
        yield _tell_reading(question.public, other, ask(replace(question, public=other)))
    if question.remote and (other := read_as_port(question.remote)):
        yield _tell_reading(question.remote, other, ask(replace(question, remote=other)))


def _tell_reading(taken: Endpoint, other: Endpoint, found: Sequence[Answer]) -> Hint:
    text = f"{taken} was taken for an address without a port; with {other} there is "
    return Hint("no brackets", text + (_count(found) if found else "none either"), tuple(found))


def _swap(question: WhoQuestion, ask: Ask) -> Iterator[Hint]:
    if question.remote is None:
        return
    found = tuple(ask(replace(question, public=question.remote, remote=question.public)))
    if found:
        text = f"{question.remote} with --to {question.public} has {_count(found)}"
        yield Hint("swapped", f"are the ends swapped? {text}", found)


def _find_nearest(question: WhoQuestion, ask: Ask) -> Iterator[Hint]:
    """The one that ended last before the span, or began first after it."""
    span = question.span
    near: list[tuple[timedelta, str, Answer]] = []
    for one in ask(replace(question, span=span.widen(NEAR.total_seconds()))):
        if one.ended_at is not None and one.ended_at < span.begin:
            apart = span.begin - one.ended_at
            near.append((apart, f"ended {_format_apart(one.ended_at, apart)} before", one))
        elif one.started_at is not None and one.started_at >= span.end:
            apart = one.started_at - span.end
            near.append((apart, f"began {_format_apart(one.started_at, apart)} after", one))
    if near:
        _, when, one = min(near, key=itemgetter(0))
        yield Hint("nearest", f"nearest: {_describe(one)} {when}", (one,))


def _format_apart(time: datetime, apart: timedelta) -> str:
    return f"{format_time(time, trim=True)}, {format_duration(apart)}"


def _ask_less(question: WhoQuestion, ask: Ask) -> Iterator[Hint]:
    """Without what narrows the question, where address and port are given."""
    named = (
        ("--to", question.remote), ("--proto", question.proto),
        ("--node", question.node), ("--zone", question.zone),
    )  # fmt: skip
    options = [name for name, value in named if value is not None]
    if not options or question.public.port is None:
        return
    found = tuple(ask(WhoQuestion(question.public, question.span, within=question.within)))
    if found:
        yield Hint("fewer conditions", f"without {' and '.join(options)}: {_count(found)}", found)


def sort_nearby(question: WhoQuestion, nearby: Iterable[Answer]) -> Iterator[Hint]:
    """What the connections of ctaudit.nearby are to the question."""
    kinds: dict[str, list[Answer]] = {kind: [] for kind in KINDS}
    for answer in nearby:
        kinds[_name_kind(question, answer)].append(answer)
    public, remote = question.public, question.remote
    if found := tuple(kinds["internal address"]):
        text = f"{public} is of an internal host: {_describe(found[0])}{_more(found)}"
        yield Hint("internal address", text, found)
    if found := tuple(kinds["remote address"]):
        text = f"{public} is the remote end of {_count(found)}; give it with --to"
        yield Hint("remote address", text, found)
    if found := tuple(kinds["own port"]):
        text = f"with {public.port} as the host's own port, not the public one: "
        yield Hint("own port", f"{text}{_describe(found[0])}{_more(found)}", found)
    if found := tuple(kinds["server port"]):
        target = format_endpoint(remote.address, public.port) if remote else f"port {public.port}"
        text = f"with any port: {_count(found)} to {target}; {public.port} may be the server's port"
        yield Hint("server port", text, found)
    elif found := tuple(kinds["any port"]):
        yield Hint("any port", f"with any port: {_count(found)} to {remote}", found)


def _name_kind(question: WhoQuestion, answer: Answer) -> str:
    asked = question.public
    if answer.host == asked.address and asked.port in (None, answer.host_port):
        return "fewer conditions" if answer.public == answer.host else "internal address"
    if answer.remote == asked.address and asked.port in (None, answer.remote_port):
        return "remote address"
    if answer.remote_port == asked.port:
        return "server port"
    is_own = answer.public == asked.address and answer.host_port == asked.port
    return "own port" if is_own and asked.port is not None else "any port"


def _describe(answer: Answer) -> str:
    """``192.168.1.129:53400 behind 1.2.3.4:53500 to 19.1.16.7:443``."""
    way = "from" if answer.direction == "inward" else "to"
    host, public = format_host(answer), format_public(answer)
    behind = "" if host == public else f" behind {public}"
    return f"{host}{behind} {way} {format_remote(answer)}"


def _more(found: Sequence[Answer]) -> str:
    return f", and {len(found) - 1} more" if len(found) > 1 else ""


def _count(found: Sequence[Answer]) -> str:
    """``3 connections of 192.168.1.129``; the limit itself may be cut."""
    hosts = list(dict.fromkeys(str(answer.host) for answer in found))
    named = ", ".join(hosts[:_NAMED])
    named += f" and {len(hosts) - _NAMED} other hosts" if len(hosts) > _NAMED else ""
    number = f"{len(found)} or more" if len(found) >= FOUND_MAX else str(len(found))
    return f"{number} connection{'s' if len(found) > 1 else ''} of {named}"
