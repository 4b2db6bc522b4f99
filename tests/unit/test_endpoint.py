"""How endpoints are written."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ctaudit.conntrack.endpoint import Endpoint, format_party

V4, V6 = ip_address("1.2.3.4"), ip_address("2001:db8::1")


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint(V4, 53500), "1.2.3.4:53500"),
        (Endpoint(V4, 0), "1.2.3.4:0"),
        (Endpoint(V4), "1.2.3.4"),
        (Endpoint(V6, 443), "[2001:db8::1]:443"),
        (Endpoint(V6), "2001:db8::1"),
    ],
)
def test_endpoint(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("proto", "number", "text"),
    [
        (6, 443, "1.2.3.4:443"),
        (1, 4711, "1.2.3.4 id 4711"),
        (58, 0, "1.2.3.4 id 0"),
        (47, 7, "1.2.3.4 key 7"),
        (1, None, "1.2.3.4"),
    ],
)
def test_party(proto: int, number: int | None, text: str) -> None:
    assert format_party(proto, V4, number) == text
