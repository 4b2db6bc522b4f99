"""In which order the bytes of an IPv4 address stand that was stored as a number.

ulogd2's MySQL output stores addresses in network order as numbers of the machine, so on x86
172.20.13.48 is 806163628. Other tools, and MySQL's INET_ATON, store 2886995248.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from ctaudit.errors import UsageError

LITTLE, BIG = "little", "big"
_CLEAR = 0.9  # of the addresses that tell

_INTERNAL = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
)
# No packet comes from there.
_IMPOSSIBLE = tuple(map(IPv4Network, ("0.0.0.0/8", "224.0.0.0/3")))


@dataclass(frozen=True)
class ByteOrder:
    """``name``: little or big; ``why``: by what it is known, for the report."""

    name: str
    why: str


def decode_number(number: int, order: str) -> IPv4Address:
    """Raises ValueError where it is no number of 32 bits."""
    if not 0 <= number < 1 << 32:
        raise ValueError(number)
    return IPv4Address(number.to_bytes(4, "little" if order == LITTLE else "big"))


def find_byte_order(sources: Iterable[int]) -> ByteOrder:
    """By the addresses that connections came from: internal ones, and those that cannot be.

    Raises UsageError where both orders are plausible, or none.
    """
    votes = {LITTLE: 0, BIG: 0}
    first: int | None = None
    for number in sources:
        if not 0 <= number < 1 << 32:
            continue
        little, big = decode_number(number, LITTLE), decode_number(number, BIG)
        if little == big:
            continue
        first = number if first is None else first
        likely = _judge(little) - _judge(big)
        if likely:
            votes[LITTLE if likely > 0 else BIG] += 1
    told = sum(votes.values())
    for order, count in votes.items():
        if told and count >= _CLEAR * told:
            return ByteOrder(order, f"by {count:,} of {told:,} addresses that only one order fits")
    example = "" if first is None else (
        f": {first} is {decode_number(first, LITTLE)} in little-endian order and "
        f"{decode_number(first, BIG)} in big-endian order"
    )  # fmt: skip
    raise UsageError(
        f"the addresses do not tell their byte order ({votes[LITTLE]:,} look little-endian, "
        f"{votes[BIG]:,} big-endian){example}; say --byte-order little or --byte-order big"
    )


def _judge(address: IPv4Address) -> int:
    """1 of an internal network, -1 impossible as a source, else 0."""
    if any(address in network for network in _INTERNAL):
        return 1
    return -1 if any(address in network for network in _IMPOSSIBLE) else 0
