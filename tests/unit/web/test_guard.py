"""What is refused before any page sees it."""

from __future__ import annotations

import pytest

from ctaudit.web.guard import HEADERS, find_refusal

HOST = "audit.example.net"
OWN = f"https://{HOST}"


def refusal(
    method: str = "POST", host: str = HOST, *, by_loopback: bool = False, **said: str
) -> str | None:
    """``said``: headers, with _ for -."""
    headers = {name.replace("_", "-"): value for name, value in said.items()}
    return find_refusal(method, host, headers, by_loopback=by_loopback)


def test_the_policy_is_word_for_word_that_of_the_issue() -> None:
    assert HEADERS["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "same-origin, none"])
def test_a_form_of_another_site(site: str) -> None:
    assert refusal(Sec_Fetch_Site=site) is not None
    assert refusal(Sec_Fetch_Site=site, Origin=OWN) is not None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        f"{OWN}:8443",
        f"ftp://{HOST}",
        f"https://{HOST}.evil.example",
        f"https://evil@{HOST}",
        f"//{HOST}",
        "https://[",
        HOST,
    ],
)
def test_an_origin_that_is_not_this_one(origin: str) -> None:
    assert refusal(Origin=origin) is not None
    assert refusal(Origin=origin, Sec_Fetch_Site="same-origin") is not None


def test_one_that_does_not_say_where_it_is_from() -> None:
    sentence = refusal()
    assert sentence is not None
    assert "Sec-Fetch-Site: same-origin" in sentence, "the way out, for a script"


def test_what_the_pages_own_forms_send() -> None:
    assert refusal(Sec_Fetch_Site="same-origin", Origin=OWN) is None
    assert refusal(Sec_Fetch_Site="same-origin") is None, "a script"
    assert refusal(Origin=OWN) is None, "a browser before Sec-Fetch-Site"
    assert refusal(Origin=OWN.upper().replace("HTTPS", "https")) is None
    assert refusal(Origin="http://db:8037", host="db:8037") is None, "TLS ends before the pages"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get"])
def test_all_that_is_no_reading_is_checked(method: str) -> None:
    assert refusal(method, Sec_Fetch_Site="cross-site") is not None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_page_is_read_or_opened_by_a_link(method: str) -> None:
    assert refusal(method) is None
    for site in ("same-origin", "none"):
        assert refusal(method, Sec_Fetch_Site=site) is None
    said = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert refusal(method, **said, Sec_Fetch_Dest="document") is None, "a link in a mail"
    for part in ("iframe", "object", "embed", ""):
        assert refusal(method, **said, Sec_Fetch_Dest=part) is not None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("mode", ["no-cors", "cors", "websocket"])
def test_a_page_is_no_part_of_another_site_s(site: str, mode: str) -> None:
    said = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": mode, "Sec_Fetch_Dest": "image"}
    assert refusal("GET", **said) is not None


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8037", "127.0.0.1.evil.example",
                                  "localhost.evil.example", "", "10.0.0.1:8037", "[::2]:8037",
                                  "localhost@evil.example"])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_on_loopback_another_name_of_it_is_refused(host: str, method: str) -> None:
    """A name of another site that points to 127.0.0.1 makes the pages part of that site."""
    said = {"Sec_Fetch_Site": "same-origin", "Origin": f"http://{host}"}
    assert "ask for localhost" in str(refusal(method, host, by_loopback=True, **said))


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8037", "LocalHost:8037", "127.0.0.1:8037", "127.1.2.3",
             "[::1]:8037"]
)  # fmt: skip
def test_loopback_by_its_own_names(host: str) -> None:
    assert refusal("GET", host, by_loopback=True) is None
    said = {"Sec_Fetch_Site": "same-origin", "Origin": f"http://{host}"}
    assert refusal("POST", host, by_loopback=True, **said) is None
