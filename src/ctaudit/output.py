"""What a command prints: results on standard output, sentences on standard error.

A result that cannot be written is an OutputError or, where its reader has gone, a
PipeClosedError. A sentence that cannot be written is lost: the exit status remains.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO

from ctaudit.errors import CtauditError, OutputError, PipeClosedError


def prepare() -> None:
    """Escapes what the streams' encoding lacks, and occupies those of 0, 1 and 2 that are closed.

    Otherwise the next file or connection would get the number of a standard stream.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def require() -> TextIO:
    """Standard output; raises OutputError if it was closed when the program began."""
    # The interpreter sets None for a closed stream, which its types leave out.
    stream: TextIO | None = sys.stdout
    if stream is None:
        raise OutputError("cannot write the output: standard output is closed")
    return stream


def print_lines(lines: Iterable[str]) -> None:
    """Prints lines for people, without what would control the terminal, or end a line, in them."""
    print_data(line if line.isprintable() else _escape(line) for line in lines)


def print_data(lines: Iterable[str]) -> None:
    """Prints lines for programs: each as it is."""
    stream = require()
    for line in lines:
        try:
            stream.write(line + "\n")
        except OSError as error:
            raise _explain(error) from None


def print_json(value: dict[str, Any]) -> None:
    print_data([json.dumps(value, indent=2)])


def flush() -> None:
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError as error:
            raise _explain(error) from None


def complain(sentence: str) -> None:
    """Prints on standard error the sentence that a command ends with.

    On one line, without what would control the terminal: it may repeat a word of the call.
    """
    with suppress(CtauditError):
        flush()
    _say(sentence)


def remark(sentence: str) -> None:
    """Prints on standard error a sentence about the result, once that has been written."""
    flush()
    _say(sentence)


def _say(sentence: str) -> None:
    stream: TextIO | None = sys.stderr
    if stream is not None:
        with suppress(OSError):
            print(f"ctaudit: {_escape(sentence)}", file=stream, flush=True)


def finish() -> None:
    """Writes what is left in the buffers; discards it if that fails.

    The interpreter flushes the streams once more as it ends, and exits with 120 if it cannot.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _escape(text: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _explain(error: OSError) -> CtauditError:
    if isinstance(error, BrokenPipeError):
        return PipeClosedError("standard output is closed by its reader")
    return OutputError(f"cannot write the output: {error.strerror or error}")
