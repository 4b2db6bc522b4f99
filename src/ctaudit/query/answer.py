"""What the store's functions answer: connections, and how complete the record of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ctaudit.conntrack.endpoint import Address

# Of counters_cause, as ctaudit.count_traffic says it.
BY_THE_LAST_DUMP = "by the last table dump"
NOT_COUNTED = "the kernel did not count, nf_conntrack_acct = 0"
OFFLOADED = "offloaded to a flowtable"

IMPORTED = "imported"  # of provenance: another program had recorded it


@dataclass(frozen=True)
class Answer:
    """A row of ctaudit.who() or ctaudit.flows(), of type ctaudit.connection; None is NULL.

    ``state`` is the connection's: open, ended, unobserved or unknown; ``protocol_state`` is the
    protocol's own number (name_state). ``counters``: exact, at least or unknown.
    ``idle_since``: no table dump since this one, nor the end, has shown another packet.
    """

    node: str
    direction: str
    state: str
    exact: bool
    host: Address
    host_port: int | None
    remote: Address
    remote_port: int | None
    started_at: datetime | None
    started_source: str | None
    started_after: datetime | None
    ended_at: datetime | None
    ended_source: str | None
    ended_after: datetime | None
    ended_before: datetime | None
    ended_cause: str | None
    last_seen_at: datetime | None
    provenance: str
    zone: int
    orig_zone: int | None
    reply_zone: int | None
    proto: int
    orig_src: Address
    orig_dst: Address
    orig_sport: int | None
    orig_dport: int | None
    reply_src: Address
    reply_dst: Address
    reply_sport: int | None
    reply_dport: int | None
    orig_icmp_type: int | None
    orig_icmp_code: int | None
    reply_icmp_type: int | None
    reply_icmp_code: int | None
    orig_packets: int | None
    orig_bytes: int | None
    reply_packets: int | None
    reply_bytes: int | None
    ct_id: int | None
    mark: int | None
    status: int | None
    protocol_state: int | None
    helper: str | None
    labels: bytes | None
    counters: str
    counters_cause: str | None
    idle_since: datetime | None

    @property
    def public(self) -> Address:
        """The gateway's end, as the outside saw it."""
        return self.orig_dst if self.direction == "inward" else self.reply_dst

    @property
    def is_remote_stored(self) -> bool:
        """False: privacy.remote was false, and ``remote`` is 0.0.0.0 or ::."""
        return not self.remote.is_unspecified

    @property
    def public_port(self) -> int | None:
        return self.orig_dport if self.direction == "inward" else self.reply_dport

    @property
    def duration(self) -> timedelta | None:
        """From start to end; includes the protocol's closing time-out in the kernel."""
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at


@dataclass(frozen=True)
class Coverage:
    """A row of ctaudit.completeness(): whether a gateway's record is complete over the asked span.

    ``why``: the reason why it is not, None where it is. ``protocols``: numbers of those that have
    gaps of their own there, where all protocols were asked for and the record is not complete.
    ``in_scope``: whether the address asked for was one of this gateway's; None: not known.
    ``none_why``: the reason why nothing found does not mean none, None: it does. ``by_pair``: a
    sentence, where the record is complete because that of the gateway's declared pair counts.
    ``holds``: hosts of answers that are public addresses of this gateway.
    """

    node: str
    complete: bool
    why: str | None
    covered_from: datetime | None
    covered_until: datetime | None
    protocols: Sequence[int] = ()
    in_scope: bool | None = None
    none_why: str | None = None
    by_pair: str | None = None
    holds: Sequence[Address] = ()


@dataclass(frozen=True)
class Import:
    """A row of ctaudit.imports(): what another program had recorded, and was asked as well."""

    node: str
    imported_from: str
    first_at: datetime | None
    last_at: datetime | None
    not_taken: int

    @property
    def why(self) -> str:
        return f"{self.node}: imported from {self.imported_from}, not judged"
