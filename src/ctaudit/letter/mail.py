"""A mail into its parts: texts, attachments, and the Date header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from html import unescape

from ctaudit.errors import UsageError

_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,60}:)")
_OF_MAILS = {
    b"received", b"return-path", b"message-id", b"mime-version", b"delivered-to", b"from",
    b"subject", b"to", b"date", b"content-type", b"reply-to", b"dkim-signature",
}  # fmt: skip
_READ = ("text/", "application/json", "application/xml")
_BY_NAME = (".csv", ".txt", ".log", ".json", ".jsonl", ".xml", ".tsv", ".eml", ".yaml", ".yml")
_PACKED = (".zip", ".gz", ".bz2", ".xz", ".7z", ".pdf", ".xlsx", ".ods", ".docx", ".pgp", ".gpg")
_BLOCKS = {"br", "p", "div", "tr", "li", "table", "h1", "h2", "h3", "h4", "pre", "blockquote"}
_REPORT = "message/feedback-report"
_TAG = re.compile(r"<(?:!--|(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]{0,20})[^<>]*>|[!?][^<>]*>)")
# The library takes the square of their length.
_LONG_HEADER = re.compile(
    rb"^content-(?:type|disposition):(?:[^\r\n]{4000}|[^\r\n]*(?:\r?\n[ \t][^\n]*){40})",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Part:
    """``name``: what a reader calls it, "" of no mail. ``text`` None: it is not read."""

    name: str
    kind: str
    text: str | None


@dataclass(frozen=True)
class Mail:
    sent_at: datetime | None
    parts: tuple[Part, ...]


def is_mail(data: bytes) -> bool:
    """Whether it begins with the header of a mail."""
    names: set[bytes] = set()
    for line in data[:100_000].lstrip(b"\r\n").splitlines():
        if not line.strip():
            break
        if line[:1] in (b" ", b"\t"):
            continue
        if not _HEADER.match(line):
            return False
        names.add(line.partition(b":")[0].lower())
    # From, To and Date alone may be those of a connection.
    is_of_a_mail = names & {b"message-id", b"mime-version", b"received", b"subject", b"return-path"}
    return bool(is_of_a_mail) and len(names & _OF_MAILS) >= 2


def read_mail(data: bytes) -> Mail:
    """Raises UsageError where it is nested too deeply, or a header is too long to be read."""
    if _LONG_HEADER.search(data):
        raise UsageError("a header of the mail is too long; give the part itself")
    try:
        message = message_from_bytes(data.lstrip(b"\r\n"))
        leaves = list(_list_leaves(message, 0))
    except RecursionError:
        raise UsageError("the mail's parts are nested too deeply; give the part itself") from None
    # ARF: the other parts say the same in prose, and are the mail that it is about.
    reports = [leaf for leaf in leaves if leaf.get_content_type() == _REPORT]
    parts = [_read_leaf(leaf) for leaf in reports or leaves]
    if any(part.kind == "text/plain" and (part.text or "").strip() for part in parts):
        parts = [part for part in parts if part.kind != "text/html" or part.name]
    return Mail(read_date(str(message.get("Date", ""))), tuple(_number(parts)))


def _number(parts: list[Part]) -> Iterator[Part]:
    """Parts without a file's name are called by their number; lines are counted in the part."""
    for number, part in enumerate(parts, 1):
        name = part.name or (f"part {number}" if len(parts) > 1 else "body")
        yield Part(name, part.kind, part.text)


def _list_leaves(message: Message, depth: int) -> Iterator[Message]:
    if depth > 50:
        raise RecursionError
    kind = message.get_content_type()
    if kind == _REPORT or not message.is_multipart():
        yield message
        return
    for inner in message.get_payload():
        if isinstance(inner, Message):
            yield from _list_leaves(inner, depth + 1)


def read_date(text: str) -> datetime | None:
    """The Date header; None where it is none, or has no zone."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None and 1971 < found.year < 9000 else None


def _read_leaf(leaf: Message) -> Part:
    kind, name = leaf.get_content_type(), _file_name(leaf)
    if kind == _REPORT:
        inner = leaf.get_payload()
        if isinstance(inner, list):
            return Part(name, kind, "\n".join(map(_format_headers, inner)))
    is_read = kind.startswith(_READ) or name.lower().endswith(_BY_NAME)
    if not is_read or name.lower().endswith(_PACKED):
        return Part(name or kind, kind, None)
    data = leaf.get_payload(decode=True)
    text = decode(data if isinstance(data, bytes) else b"", leaf.get_content_charset())
    return Part(name, kind, strip_tags(text) if kind == "text/html" else text)


def _format_headers(message: object) -> str:
    if not isinstance(message, Message):
        return str(message)
    return "\n".join(f"{name}: {value}" for name, value in message.items())


def _file_name(leaf: Message) -> str:
    try:
        name = leaf.get_filename() or ""
        return "".join(filter(str.isprintable, str(make_header(decode_header(name)))))[:80]
    except (ValueError, LookupError, TypeError):
        return ""


def decode(data: bytes, charset: str | None = None) -> str:
    """By its mark, else as UTF-8, else by ``charset``, else as Windows has it in the West."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    else:
        text = _decode_bytes(data.removeprefix(b"\xef\xbb\xbf"), charset)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "").replace("\xa0", " ")


def _decode_bytes(data: bytes, charset: str | None) -> str:
    for name in ("utf-8", charset or "utf-8"):
        try:
            text = data.decode(name)
        except (UnicodeError, LookupError, ValueError):
            continue
        return text if isinstance(text, str) else ""
    return data.decode("cp1252", "replace")


def strip_tags(text: str) -> str:
    """HTML as lines; the cells of a table are divided by tabs. In one pass over the text."""
    pieces: list[str] = []
    place, kept = 0, 0
    while (found := _TAG.search(text, place)) is not None:
        pieces.append(_plain(text[place : found.start()], is_kept=bool(kept)))
        name, place = (found["name"] or "").lower(), found.end()
        if found[0].startswith("<!--"):
            place = min(len(text), _find(text, "-->", found.start()) + len("-->"))
        elif name in ("script", "style") and not found["end"]:
            place = _find(text, f"</{name}", place)
        elif name == "pre":
            kept = max(0, kept + (-1 if found["end"] else 1))
        if name in _BLOCKS and not found["end"]:
            pieces.append("\n")
        elif name in ("td", "th") and not found["end"]:
            pieces.append("\t")
    pieces.append(_plain(text[place:], is_kept=bool(kept)))
    lines = (line.strip() for line in "".join(pieces).split("\n"))
    return "\n".join(filter(None, lines))


def _find(text: str, end: str, place: int) -> int:
    found = text.find(end, place)
    return len(text) if found < 0 else found


def _plain(text: str, *, is_kept: bool) -> str:
    with suppress(ValueError):  # the number of a character with thousands of digits
        text = unescape(text)
    return text if is_kept else re.sub(r"\s+", " ", text)
