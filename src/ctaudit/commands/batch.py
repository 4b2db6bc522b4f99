"""who --batch: a file of questions, and the file of their answers."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ctaudit import output
from ctaudit.commands.bar import Bar
from ctaudit.commands.draft import replacing
from ctaudit.commands.notice import say_breadth
from ctaudit.commands.source import asking
from ctaudit.errors import SUCCESS, WHO_UNKNOWN, UsageError

if TYPE_CHECKING:
    from ctaudit.query.batch_file import Line
    from ctaudit.query.question import WhoQuestion

_NOT_READ = UsageError.exit_status
_NOT_BESIDE = ("public", "at", "to", "proto", "node", "zone")


@dataclass
class _Taken:
    """Of the questions: the longest span, and the names of the local zone where a time had none."""

    widest: timedelta = timedelta(0)
    local: Counter[str] = field(default_factory=Counter)

    def add(self, question: WhoQuestion, *, has_zone: bool) -> None:
        span = question.span
        self.widest = max(self.widest, span.end - span.begin)
        if not has_zone:
            self.local[str(span.begin.astimezone().tzname())] += 1


def run_batch(args: Namespace) -> int:
    """Its answers are written in every case; the status says whether all lines were read."""
    from ctaudit.query.batch import ask_batch
    from ctaudit.query.batch_file import format_header, format_line, read_batch
    from ctaudit.query.purpose import read_purpose

    _refuse_others(args)
    purpose = read_purpose(args.case, args.reason)
    counts: Counter[str] = Counter()
    waiting: deque[Line] = deque()
    taken = _Taken()
    with _opened(args.batch) as text, _written(args.output) as write:
        file = read_batch(text, args.batch)
        bar = Bar(_count_lines(args.batch), "question", prints=args.output is None)

        def take() -> Iterator[WhoQuestion]:
            for line in file.lines:
                waiting.append(line)
                if line.question is not None:
                    taken.add(line.question, has_zone=line.has_zone)
                    yield line.question

        def write_unread() -> None:
            while waiting and waiting[0].question is None:
                write(format_line(waiting.popleft(), None))
                counts["not read"] += 1

        write(format_header(file.header))
        with closing(bar), asking(args) as connection:
            for reply in ask_batch(connection, take(), purpose):
                write_unread()
                write(format_line(waiting.popleft(), reply))
                counts[reply.verdict.name] += 1
                bar.show(counts.total())
        write_unread()
    if args.output is not None:
        output.remark(f"{args.output}: {_format_counts(counts)}")
    if args.tz is None and not args.utc:
        _say_zone(taken.local)
    now = datetime.now(UTC)
    say_breadth(purpose, {}, now - taken.widest, now)
    if counts["not read"]:
        return _NOT_READ
    return WHO_UNKNOWN if counts["unknown"] else SUCCESS


def _refuse_others(args: Namespace) -> None:
    beside = [name for name in _NOT_BESIDE if getattr(args, name) is not None]
    if args.within != "0":
        beside.append("within")
    beside += [name for name in ("json", "report") if getattr(args, name)]
    if beside:
        name = "ADDRESS:PORT" if beside[0] == "public" else f"--{beside[0]}"
        raise UsageError(f"{name} beside --batch: each line of the file says what is asked")


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    """The file, or standard input for ``-``; bytes that are no UTF-8 as halves of a pair."""
    if name == "-":
        sys.stdin.reconfigure(errors="surrogateescape", newline="")  # type: ignore[union-attr]
        yield sys.stdin
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(
                Path(name).open(encoding="utf-8-sig", errors="surrogateescape", newline="")
            )
        except OSError as error:
            raise UsageError(f"--batch {name}: {error.strerror}") from None
        yield file


def _count_lines(name: str) -> int | None:
    """None: not known, since it can be read only once."""
    if name == "-" or not Path(name).is_file():
        return None
    with Path(name).open("rb") as file:
        return max(sum(1 for _ in file) - 1, 0)


@contextmanager
def _written(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Writes lines to standard output, or to a new file that takes the place of ``path``."""
    if path is None:
        yield lambda line: output.print_data([line])
        return
    with replacing(path) as write:
        yield lambda line: write(f"{line}\n".encode(errors="surrogateescape"))


def _say_zone(local: Counter[str]) -> None:
    if local:
        times = "1 time" if local.total() == 1 else f"{local.total():,} times"
        names = " and ".join(sorted(local))
        output.remark(f"{times} without a zone read as {names}, this machine's; --tz names another")


def _format_counts(counts: Counter[str]) -> str:
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    return f"{counts.total():,} questions: {told}" if told else "no questions"
