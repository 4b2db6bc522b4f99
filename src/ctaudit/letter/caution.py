"""What the reader of an answer must not conclude from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ctaudit.letter.reading import Found
from ctaudit.query.reply import Reply

# By kind, in the order in which they are said. They stand in docs/ask.md as well.
CAUTIONS: Mapping[str, str] = {
    "no port": (
        "The letter names no port of the public address. Hosts share the address: do not blame "
        "the one that is named, or any of them, by address and time alone. Ask the sender for the "
        "source port."
    ),
    "several": (
        "Several connections fit. Do not choose one of them: ask the sender for what would "
        "distinguish them, which is the service's address and port or a finer time, or answer "
        "that it cannot be told."
    ),
    "unknown": (
        "Unknown is not no, and not a guess: a connection may be missing from the record. Do not "
        "tell the sender that there was none, nor that it was the one that was found."
    ),
    "none": (
        "No connection that was tracked had this address and port at the asked time. That does "
        "not make the report false: where the sender's clock was off, the connection lies beside "
        "it. Ask again with --within before you answer no."
    ),
    "clock": (
        "Each time is that of the sender's clock. Ask whether it was synchronized, and ask again "
        "with --within where it was not: with another second the public port may be another host's."
    ),
}


def find_cautions(found: Found, reply: Reply) -> Iterator[str]:
    """The kinds that apply to one answer; the clock's applies to all, and is not among them."""
    if found.question.public.port is None:
        yield "no port"
    if reply.verdict.name in CAUTIONS:
        yield reply.verdict.name
