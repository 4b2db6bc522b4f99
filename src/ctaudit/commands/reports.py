"""--report: the page to hand over, written beside the answer that is printed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctaudit import __version__
from ctaudit.commands.draft import replacing
from ctaudit.errors import UsageError

if TYPE_CHECKING:
    import psycopg

    from ctaudit.letter.claim import Unread
    from ctaudit.letter.reading import Found
    from ctaudit.query.purpose import Purpose
    from ctaudit.query.reply import Reply
    from ctaudit.report.asked import Asked
    from ctaudit.report.page import Page, Section

# Of a page that somebody reads. WeasyPrint needs 0.1 s and 2.5 MB for each question.
QUESTIONS_MAX = 200
_FORMS = (".html", ".htm", ".pdf")


def name_zone_option(args: Namespace) -> str:
    """What gave this process its time zone, as it was written; "": no option did."""
    if args.utc:
        return "--utc"
    return f"--tz {args.tz}" if args.tz is not None else ""


class ReportWriter:
    """Gathers the questions of a page as they are answered."""

    def __init__(self, purpose: Purpose) -> None:
        self.unread: Sequence[Unread] = ()
        self._purpose = purpose
        self._sections: list[Section] = []
        self._schema = 0
        self._login = ""

    def add_call(
        self,
        connection: psycopg.Connection[Any],
        words: Mapping[str, str],
        zone_option: str,
        reply: Reply,
    ) -> None:
        """``words``: of the command line, by their names in args."""
        from ctaudit.report.asked import from_call

        self._add(connection, from_call(words, zone_option, reply.question), reply)

    def add_found(self, connection: psycopg.Connection[Any], found: Found, reply: Reply) -> None:
        from ctaudit.report.asked import from_letter

        self._add(connection, from_letter(found), reply)

    def _add(self, connection: psycopg.Connection[Any], asked: Asked, reply: Reply) -> None:
        from functools import partial

        from ctaudit.database.connection import read_schema_version
        from ctaudit.query.lookup import ask_who
        from ctaudit.report.page import make_section
        from ctaudit.report.surroundings import ask_surroundings

        if not self._sections:
            self._schema = read_schema_version(connection).installed or 0
            self._login = connection.info.user
        ask = partial(ask_who, connection, purpose=self._purpose, with_hints=False)
        around = ask_surroundings(connection, reply, ask)
        self._sections.append(make_section(len(self._sections) + 1, asked, reply, around))

    def finish(self) -> Page:
        from ctaudit.report.page import Made, Page

        said = (self._purpose.case, self._purpose.reason)
        made = Made(datetime.now(UTC), __version__, self._schema, self._login, *said)
        return Page(made, tuple(self._sections), tuple(self.unread))


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
