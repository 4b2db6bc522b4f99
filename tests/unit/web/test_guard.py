"""What the pages refuse, before anything is asked."""

from __future__ import annotations

import pytest

from ctaudit.web.guard import HEADERS, LOOPBACK, find_refusal

NAMES = frozenset({"audit.example.net"})
ORIGIN = "https://audit.example.net"


def refusal(
    method: str, host: str, headers: dict[str, str], names: frozenset[str] | None = NAMES
) -> str | None:
    return find_refusal(method, host, headers, names)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": ORIGIN},
        {"Origin": "https://AUDIT.example.net"},
    ],
)
def test_a_form_of_the_pages_is_taken(headers: dict[str, str]) -> None:
    assert refusal("POST", "audit.example.net", headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "https://audit.example.net.evil.example"},
        {"Origin": "https://audit.example.net:8443"},
        {"Origin": "https://[::1"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.net"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-origin, cross-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "post"])
def test_a_form_of_another_site_is_refused(method: str, headers: dict[str, str]) -> None:
    assert "another site" in str(refusal(method, "audit.example.net", headers))


def test_a_link_on_another_site_may_be_followed() -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert refusal("GET", "audit.example.net", {**headers, "Sec-Fetch-Dest": "document"}) is None
    assert refusal("GET", "audit.example.net", {}) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("dest", ["image", "iframe", "empty", "style"])
def test_what_another_site_embeds_is_refused(site: str, dest: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": dest, "Sec-Fetch-Mode": "no-cors"}
    assert refusal("GET", "audit.example.net", headers) is not None
    framed = {**headers, "Sec-Fetch-Mode": "navigate"}
    assert refusal("GET", "audit.example.net", framed) is not None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8037", "[::1]:8037", "LOCALHOST:1"])
def test_loopback_has_three_names(host: str) -> None:
    assert refusal("GET", host, {}, LOOPBACK) is None


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8037", "localhost.evil.example", "127.0.0.1.evil.example",
     "localhost:8037@evil.example", "localhost evil.example", "127.0.0.2", "[::2]", "localhost:"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_points_here_is_refused(method: str, host: str) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{host}"}
    sentence = refusal(method, host, headers, LOOPBACK)
    assert sentence is not None and "web.hosts" in sentence


def test_a_name_with_its_last_dot_is_the_same() -> None:
    assert refusal("GET", "audit.example.net.:443", {}) is None


def test_any_name_where_none_is_configured() -> None:
    assert refusal("GET", "whatever.example", {}, None) is None
    assert refusal("POST", "", {"Origin": "http://"}, None) is not None


def test_the_policy() -> None:
    assert HEADERS["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
