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
    document: Any = weasyprint.HTML(string=html, url_fetcher=_refuse, media_type="print")
    content: bytes = document.write_pdf()
    return content


def _refuse(url: str, *_: object, **__: object) -> NoReturn:
    """The page is whole: nothing is loaded, from no place."""
    raise ValueError(f"{url}: not loaded")
