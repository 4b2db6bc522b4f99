"""Under which names the pages answer: another site's name may point to their address."""

from __future__ import annotations

import pytest

from ctaudit.web.guard import find_refusal

NAMES = frozenset({"audit.example.net", "[2001:db8::1]"})


def refusal(host: str, names: frozenset[str] = NAMES, *, by_loopback: bool = False) -> str | None:
    return find_refusal("GET", host, {}, by_loopback=by_loopback, names=names)


@pytest.mark.parametrize(
    "host",
    ["audit.example.net", "AUDIT.example.net:8443", "audit.example.net.:443", "[2001:DB8::1]:443"],
)
def test_by_their_names(host: str) -> None:
    assert refusal(host) is None
    assert refusal(host, by_loopback=True) is None


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "audit.example.net.evil.example", "audit.example.net@evil.example",
     "audit.example.net:x", "[2001:db8::2]", "localhost"],
)  # fmt: skip
def test_by_no_other(host: str) -> None:
    sentence = refusal(host)
    assert sentence is not None and "ask for [2001:db8::1] or audit.example.net" in sentence


def test_where_none_is_configured() -> None:
    nothing: frozenset[str] = frozenset()
    assert refusal("whatever.example", nothing) is None
    assert refusal("whatever.example", nothing, by_loopback=True) is not None
    assert refusal("localhost", by_loopback=True) is None
