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
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?", re.ASCII | re.IGNORECASE)
_READS = ("GET", "HEAD", "OPTIONS")
_SCHEMES = ("http", "https")
_BY_LINK = ("navigate", "document")  # Sec-Fetch-Mode, Sec-Fetch-Dest

_FOREIGN = "This was sent from another site. Open these pages themselves, and send it there."
_UNSAID = (
    "This may have been sent from another site: neither Origin nor Sec-Fetch-Site says from where. "
    "Use a newer browser, or in a script the header Sec-Fetch-Site: same-origin."
)


def find_refusal(
    method: str,
    host: str,
    headers: Mapping[str, str],
    *,
    by_loopback: bool,
    names: frozenset[str] = frozenset(),
) -> str | None:
    """Why a request is refused, as a sentence; None: it is not.

    ``by_loopback``: it came over a port of this host, where no web server has looked at its Host:
    another site's name may point to 127.0.0.1. ``names``: what these pages are called, without
    ports; none: whatever the web server passes on.
    """
    if not _is_ours(host, names, by_loopback=by_loopback):
        name = "localhost" if by_loopback else " or ".join(sorted(names))
        return f"These pages are not {host or 'a host without a name'}; ask for {name}."
    site = headers.get("Sec-Fetch-Site")
    if method in _READS:
        return None if _is_opened(site, headers) else _FOREIGN
    origin = headers.get("Origin")
    if site is None and origin is None:
        return _UNSAID
    if site not in (None, "same-origin") or (origin is not None and not _is_same(origin, host)):
        return _FOREIGN
    return None


def _is_ours(host: str, names: frozenset[str], *, by_loopback: bool) -> bool:
    if by_loopback and _LOOPBACK.fullmatch(host):
        return True
    if not names:
        return not by_loopback
    found = _HOST.fullmatch(host)
    return found is not None and found[1].lower().rstrip(".") in names


def _is_opened(site: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a page is read from here, or opened by a link from elsewhere: not as a part of
    another site's page, which could measure how long it takes, or how large it is.
    """
    return (
        site in (None, "same-origin", "none")
        or (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == _BY_LINK
    )


def _is_same(origin: str, host: str) -> bool:
    """Whether an Origin header names the host that was asked.

    Which of the two schemes it was, the web server before the pages knows, and they do not.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return bool(host) and parts.scheme in _SCHEMES and parts.netloc.lower() == host.lower()
