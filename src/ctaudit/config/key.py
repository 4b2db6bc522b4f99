"""A row of the table of keys: all that the parser and every description of a key say of it.

The rows are the metadata of dataclass fields: a section of the file is a frozen dataclass, a field
of it a key. A text marks commands and other keys by backquotes; its first sentence can stand alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from ctaudit.config.readers import Form

FIRST_RELEASE = "0.1.0"
ANY_NAME = "NAME"

Words = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Key:
    """``default``: as the file would have it; None: it is no constant, and ``without`` says what.

    ``example``: where there is no constant. ``words``: what a value may be, or consist of, each
    with its meaning. ``more``: what follows them. ``since``: the release that brought the key.
    """

    form: Form
    meaning: str
    default: Any = None
    without: str = ""
    example: Any = None
    words: Words = ()
    more: str = ""
    since: str = FIRST_RELEASE

    @property
    def is_required(self) -> bool:
        return self.default is None and not self.without

    @property
    def summary(self) -> str:
        return f"{self.meaning.split('. ')[0].removesuffix('.')}."


@dataclass(frozen=True)
class Section:
    """``more``: what follows its keys. ``example``: a name, where each such section has its own."""

    kind: type
    meaning: str = ""
    more: str = ""
    example: str = ""


def join_lines(text: str) -> str:
    return " ".join(text.split())


def key(
    default: Any,
    form: Form,
    meaning: str,
    *,
    words: Words = (),
    more: str = "",
    since: str = FIRST_RELEASE,
) -> Any:
    """A key with a constant default, which is written as in the file."""
    row = Key(form, join_lines(meaning), default, words=words, more=join_lines(more), since=since)
    return field(default=form.read(default), metadata={"key": row})


def open_key(
    default: Any,
    form: Form,
    meaning: str,
    *,
    without: str,
    example: Any,
    since: str = FIRST_RELEASE,
) -> Any:
    """A key whose default is worked out, by ``default`` or from it; ``without`` says by what."""
    row = Key(form, join_lines(meaning), without=without, example=example, since=since)
    if callable(default):
        return field(default_factory=default, metadata={"key": row})
    return field(default=default, metadata={"key": row})


def required_key(form: Form, meaning: str, *, example: Any, since: str = FIRST_RELEASE) -> Any:
    return field(metadata={"key": Key(form, join_lines(meaning), example=example, since=since)})


def section(kind: Callable[[], Any], meaning: str = "", more: str = "") -> Any:
    row = Section(kind, join_lines(meaning), join_lines(more))  # type: ignore[arg-type]
    return field(default_factory=kind, metadata={"section": row})


def named_sections(kind: type, meaning: str, *, example: str) -> Any:
    """Sections of one kind, each with a name of its own: a mapping of names to them."""
    row = Section(kind, join_lines(meaning), example=example)
    return field(default_factory=dict, metadata={"section": row})


def list_sections(root: type) -> Iterator[tuple[str, Section]]:
    """The root itself, by "", then each section by the name of its field."""
    yield "", Section(root)
    for item in fields(root):
        if "section" in item.metadata:
            yield item.name, item.metadata["section"]


def list_keys(kind: type) -> Iterator[tuple[str, Key]]:
    """The keys of one section, without those of sections in it."""
    for item in fields(kind):
        if "key" in item.metadata:
            yield item.name, item.metadata["key"]


def list_all(root: type) -> Iterator[tuple[str, Key]]:
    """Each key by its path, ``output.NAME.to`` for one of many sections."""
    for name, part in list_sections(root):
        path = f"{name}." if name else ""
        for key_name, row in list_keys(part.kind):
            yield f"{path}{ANY_NAME}.{key_name}" if part.example else f"{path}{key_name}", row


def list_values(config: Any) -> Iterator[tuple[str, Key, Any]]:
    """Each key of a configuration by its path, ``output.siem.to`` for instance, with its value."""
    for name, part in list_sections(type(config)):
        holder = getattr(config, name) if name else config
        named = holder.items() if part.example else [("", holder)]
        for own, values in named:
            path = "".join(f"{each}." for each in (name, own) if each)
            for key_name, row in list_keys(part.kind):
                yield f"{path}{key_name}", row, getattr(values, key_name)
