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
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Of what is shown nothing stays on a disk, also not after "back" by somebody else.
    "Cache-Control": "no-store",
}
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_READS = ("GET", "HEAD", "OPTIONS")


def find_refusal(
    method: str, host: str, headers: Mapping[str, str], *, by_loopback: bool
) -> str | None:
    """Why a request is refused, as a sentence; None: it is not.

    ``by_loopback``: it came over a port of this host, where no web server has looked at its Host:
    another site's name may point to 127.0.0.1.
    """
    if by_loopback and not _LOOPBACK.fullmatch(host):
        return f"These pages are not {host or 'a host without a name'}; ask for localhost."
    if method in _READS:
        return None
    site = headers.get("Sec-Fetch-Site")
    origin = headers.get("Origin")
    if site not in (None, "same-origin") or not (site or _is_same(origin, host)):
        return "This was sent from another site. Open these pages themselves, and send it there."
    if origin is not None and not _is_same(origin, host):
        return "This was sent from another site. Open these pages themselves, and send it there."
    return None


def _is_same(origin: str | None, host: str) -> bool:
    """Whether an Origin header names the host that was asked; the scheme is the web server's."""
    if origin is None:
        return False
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
