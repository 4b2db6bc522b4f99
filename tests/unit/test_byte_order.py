"""Addresses that are numbers: in which order their bytes stand, or that nobody can tell."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

import pytest

from ctaudit.admin.byte_order import decode_number, find_byte_order
from ctaudit.errors import UsageError


def stored(addresses: Iterable[str], order: str) -> list[int]:
    """As a machine of that order stores what stands in network order."""
    return [int.from_bytes(IPv4Address(each).packed, order) for each in addresses]  # type: ignore[arg-type]


def test_the_articles_reader() -> None:
    assert decode_number(806163628, "little") == IPv4Address("172.20.13.48")
    assert find_byte_order([806163628]).name == "little"


@pytest.mark.parametrize("order", ["little", "big"])
def test_internal_sources_tell(order: str) -> None:
    numbers = stored(["10.1.2.3", "19.1.16.7", "192.168.1.129", "61.174.51.209"], order)
    found = find_byte_order(numbers)
    assert (found.name, found.why) == (order, "by 2 of 2 addresses that only one order fits")


@pytest.mark.parametrize("order", ["little", "big"])
def test_impossible_sources_tell(order: str) -> None:
    """19.1.16.224 reversed is multicast."""
    assert find_byte_order(stored(["19.1.16.224", "8.8.4.4"], order)).name == order


@pytest.mark.parametrize(
    "addresses",
    [["19.1.16.7", "61.174.51.209"], ["10.0.0.10", "1.2.2.1"], [], ["10.1.2.3", "3.2.1.10"]],
)
def test_refused_where_both_are_plausible(addresses: list[str]) -> None:
    with pytest.raises(UsageError, match="say --byte-order little or --byte-order big"):
        find_byte_order(stored(addresses, "little"))


def test_a_refusal_shows_both() -> None:
    with pytest.raises(
        UsageError, match=r"117440787 is 19\.1\.0\.7 in little-endian order and 7\.0\.1"
    ):
        find_byte_order(stored(["19.1.0.7"], "little"))


def test_few_that_contradict_do_not_decide() -> None:
    internal = [f"10.1.2.{n}" for n in range(1, 21)]
    assert find_byte_order(stored([*internal, "7.7.1.10"], "little")).name == "little"
