"""The page as PDF, made of its HTML by WeasyPrint."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

from ctaudit.errors import UsageError
from ctaudit.report.html import name_missing


def require_weasyprint() -> None:
    """Raises UsageError where WeasyPrint, or a library that it needs, is not installed."""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        raise UsageError(name_missing("weasyprint")) from None


def render_pdf(html: str) -> bytes:
    import weasyprint

    # It remarks on each property of the style that is for screens.
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    fetcher = _make_fetcher()
    document: Any = weasyprint.HTML(string=html, url_fetcher=fetcher, media_type="print")
    content: bytes = document.write_pdf()
    return content


def _make_fetcher() -> Any:
    """The page is whole: nothing is loaded, from no place."""
    from weasyprint import urls

    # Since WeasyPrint 68 it is no function any more.
    kind = getattr(urls, "URLFetcher", None)
    return _refuse if kind is None else kind(allowed_protocols=())


def _refuse(url: str, *_: object, **__: object) -> NoReturn:
    raise ValueError(f"{url}: not loaded")
