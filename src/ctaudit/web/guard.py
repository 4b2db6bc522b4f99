"""What keeps other sites, other hosts and other people's markup away from the pages.

Content Security Policy Level 3, Fetch Metadata Request Headers (W3C), RFC 6454 (Origin).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a browser sends the pages' own forms with "Origin: null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Of what is shown nothing stays on a disk, also not after "back" by somebody else.
    "Cache-Control": "no-store",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII)
_READS = ("GET", "HEAD", "OPTIONS")
_ELSEWHERE = "This was sent from another site. Open these pages themselves, and send it there."


def find_refusal(
    method: str, host: str, headers: Mapping[str, str], names: frozenset[str] | None
) -> str | None:
    """Why a request is refused, as a sentence; None: it is not.

    ``names``: of the hosts that these pages are, None: any. Another site's name may point to this
    host's address, and its page would then be of the same origin.
    """
    if names is not None and _name_of(host) not in names:
        return (
            f"These pages are not those of {host or 'a host without a name'}; open them as "
            f"{min(names)}, or see web.hosts."
        )
    site = headers.get("Sec-Fetch-Site")
    origin = headers.get("Origin")
    if method in _READS:
        # A link to a page may stand anywhere; what embeds or fetches it may not.
        is_foreign = site in ("cross-site", "same-site")
        is_link = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == (
            "navigate", "document",
        )  # fmt: skip
        return _ELSEWHERE if is_foreign and not is_link else None
    if site is not None and site != "same-origin":
        return _ELSEWHERE
    if origin is not None:
        return None if _is_same(origin, host) else _ELSEWHERE
    return None if site == "same-origin" else _ELSEWHERE


def _name_of(host: str) -> str:
    """The name or address of a Host header without its port; empty: it is none."""
    found = _HOST.fullmatch(host.lower())
    return "" if found is None else found[1].rstrip(".")


def _is_same(origin: str, host: str) -> bool:
    """Whether an Origin header names the host that was asked; the scheme is the web server's."""
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
