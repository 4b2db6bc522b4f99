"""--report: the page to hand over, written beside the answer that is printed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ctaudit.commands.draft import replacing
from ctaudit.errors import UsageError

if TYPE_CHECKING:
    from ctaudit.query.purpose import Purpose
    from ctaudit.report.page import Page
    from ctaudit.report.writer import ReportWriter

_FORMS = (".html", ".htm", ".pdf")


def name_zone_option(args: Namespace) -> str:
    """What gave this process its time zone, as it was written; "": no option did."""
    if args.utc:
        return "--utc"
    return f"--tz {args.tz}" if args.tz is not None else ""


@contextmanager
def writing_report(
    args: Namespace, purpose: Purpose, questions: int = 1
) -> Iterator[ReportWriter | None]:
    """None where no page is wanted; else it is written at the end, whole or not at all.

    What it lacks is said before anything is asked: each question is put on record.
    """
    path = _choose_path(args)
    if path is None:
        yield None
        return
    from ctaudit.report.writer import QUESTIONS_MAX, ReportWriter

    is_pdf = path.suffix.lower() == ".pdf"
    _require(is_pdf=is_pdf)
    if questions > QUESTIONS_MAX:
        raise UsageError(
            f"--report: the letter has {questions:,} questions, and a page holds at most "
            f"{QUESTIONS_MAX}; divide the letter, or use --json"
        )
    with replacing(path) as write:
        writer = ReportWriter(purpose)
        yield writer
        write(_render(writer.finish(), is_pdf=is_pdf))


def _choose_path(args: Namespace) -> Path | None:
    path: Path | None = args.output
    if not args.report:
        if path is not None:
            raise UsageError(f"-o {path}: goes with --report")
        return None
    if path is None:
        raise UsageError("--report needs a file: -o FILE.html or -o FILE.pdf")
    if path.suffix.lower() not in _FORMS:
        raise UsageError(f"-o {path}: a report is HTML or PDF; let the name end in .html or .pdf")
    return path


def _require(*, is_pdf: bool) -> None:
    from ctaudit.report.html import require_jinja
    from ctaudit.report.pdf import require_weasyprint

    require_jinja()
    if is_pdf:
        require_weasyprint()


def _render(page: Page, *, is_pdf: bool) -> bytes:
    from ctaudit.report.html import render_html
    from ctaudit.report.pdf import render_pdf

    html = render_html(page)
    return render_pdf(html) if is_pdf else html.encode()
