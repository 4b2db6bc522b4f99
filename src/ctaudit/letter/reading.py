"""A claim, which is text, into a question of who; equal questions into one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ctaudit.conntrack.endpoint import ICMP, ICMPV6, NUMBERED_PROTOCOLS, Address, Endpoint
from ctaudit.errors import UsageError
from ctaudit.letter.claim import Claim, Party, Place, Unread
from ctaudit.letter.clock import Clock
from ctaudit.letter.endpoints import is_address
from ctaudit.query.notation import parse_endpoint, parse_protocol
from ctaudit.query.question import WhoQuestion
from ctaudit.query.scope_at import InScope


@dataclass(frozen=True)
class Origin:
    """Where a question stands in the letter."""

    form: str
    place: Place
    excerpt: str


@dataclass(frozen=True)
class Found:
    """A question, and how it was read.

    ``public_from``, ``service_from``: what the letter calls the two ends. ``service_port``: that
    of a service whose address the letter does not name, so that it is not asked for.
    ``time_from``: the time as the letter has it; ``time_how``: what was taken from elsewhere.
    """

    question: WhoQuestion
    origins: tuple[Origin, ...]
    public_from: str
    service_from: str
    service_port: int | None
    time_from: str
    time_how: str
    notes: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[Address, ...]:
        remote = self.question.remote
        return (self.question.public.address, *([remote.address] if remote else []))


def read_claim(
    claim: Claim, clock: Clock, is_ours: Callable[[Address], bool] | None, within: float = 0.0
) -> Found | Unread:
    """``is_ours``: whether an address is in the scope of a gateway; None: not known."""
    try:
        return _read(claim, clock, is_ours, within)
    except UsageError as error:
        # How to write it is said to who types; here somebody else has written.
        reason = str(error).partition("; write ")[0]
        return Unread(claim.place, claim.excerpt, reason)


def _read(
    claim: Claim, clock: Clock, is_ours: Callable[[Address], bool] | None, within: float
) -> Found:
    source, target = claim.source, claim.target
    public = _read_party(source, "the source")
    remote = _read_target(target)
    notes = claim.notes
    if remote and is_ours and is_ours(remote.address) and not is_ours(public.address):
        public, remote, source, target = remote, public, target, source
        notes = (*notes, f"{public.address} is in the scope of the configuration")
    if remote and remote.address.version != public.address.version:
        raise UsageError(f"{public.address} and {remote.address} are not of one IP version")
    proto = _read_protocol(claim.proto, public)
    public, remote = _without_ports(proto, public, remote, claim.form)
    port = None if remote else _read_port(target.port)
    time = clock.read(claim.time, claim.zone, claim.zone_from)
    question = WhoQuestion(public, time.span.widen(within), remote, proto, within=within)
    return Found(
        question,
        (Origin(claim.form, claim.place, claim.excerpt),),
        source.names,
        target.names,
        port,
        claim.time,
        time.how,
        notes,
    )


def _read_party(party: Party, name: str) -> Endpoint:
    endpoint = parse_endpoint(party.address, name)
    if not is_address(str(endpoint.address)):
        raise UsageError(f"{endpoint.address} is not the address of a host on the internet")
    if endpoint.port is None and party.port:
        return Endpoint(endpoint.address, _read_port(party.port))
    return endpoint


def _read_target(party: Party) -> Endpoint | None:
    """None: the letter has a name or nothing in the place of the service's address."""
    try:
        return _read_party(party, "the service") if party.address else None
    except UsageError:
        if party.address.replace(".", "").replace(":", "").isdecimal():
            raise
        return None


def _read_port(text: str) -> int | None:
    """0 is what many formats write for no port."""
    digits = text.strip().removesuffix(".0")
    if not digits or digits in ("-", "0"):
        return None
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 5 and int(digits) <= 65535):
        raise UsageError(f"port {text!r}: must be a whole number from 1 to 65535")
    return int(digits)


def _read_protocol(text: str, public: Endpoint) -> int | None:
    """None: any, or one that has a name which is not an IP protocol's, such as https."""
    try:
        number = parse_protocol(text.strip().lower() or None)
    except UsageError:
        return None
    if number in (ICMP, ICMPV6):
        return ICMP if public.address.version == 4 else ICMPV6
    return number or None


def _without_ports(
    proto: int | None, public: Endpoint, remote: Endpoint | None, form: str
) -> tuple[Endpoint, Endpoint | None]:
    """Where the protocol has none; in the place of ICMP's ports many formats have its type."""
    if proto in (ICMP, ICMPV6):
        bare = None if remote is None else Endpoint(remote.address)
        return (public if form == "packet filter" else Endpoint(public.address)), bare
    if proto is not None and proto not in NUMBERED_PROTOCOLS:
        return Endpoint(public.address), None if remote is None else Endpoint(remote.address)
    return public, remote


def orient(found: Found, in_scope: InScope) -> Found:
    """With the ends exchanged, where the store knows the other one as a gateway's address."""
    question = found.question
    public, remote = question.public, question.remote
    if remote is None or in_scope(public.address, question.span) is not False:
        return found
    if not in_scope(remote.address, question.span):
        return found
    note = f"{remote.address} is in the scope of a gateway, and {public.address} is not"
    return replace(
        found,
        question=replace(question, public=remote, remote=public),
        public_from=found.service_from,
        service_from=found.public_from,
        notes=(*found.notes, note),
    )


def merge(found: Iterable[Found]) -> list[Found]:
    """Equal questions as one, with all their origins, in the place of the first."""
    once: dict[WhoQuestion, Found] = {}
    origins: dict[WhoQuestion, list[Origin]] = {}
    for each in found:
        once.setdefault(each.question, each)
        origins.setdefault(each.question, []).extend(each.origins)
    return [replace(each, origins=tuple(origins[key])) for key, each in once.items()]
