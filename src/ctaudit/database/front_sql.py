"""What a front's installation runs: the files of sql/front, and what is made of the stores' own.

A function of a front has the signature of the store's, taken out of the store's file: there is one
text of it. Where its rows are just those of all stores, the whole function is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ctaudit.errors import SchemaError

LIST = "front.list"
_HEAD = re.compile(
    r"\A((?:--.*\n)*)(?:DROP [^;]*;\n)*(CREATE OR REPLACE FUNCTION .*?\n)LANGUAGE ", re.DOTALL
)
_SIGNATURE = re.compile(r"^@signature (\w+)$", re.MULTILINE)
_TABLE = re.compile(r"RETURNS TABLE \((.*)\)\s*\Z", re.DOTALL)
_ATTRIBUTES = """\
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
"""


@dataclass(frozen=True)
class Statement:
    """SQL of one file, or of one object; ``name`` is what an error calls it."""

    name: str
    text: str
    as_owner: bool


def read_front(folder: Path) -> Iterator[Statement]:
    """The statements of sql/front/front.list, which explains its headings, in their order."""
    heading = ""
    for line in (folder / "front" / LIST).read_text().splitlines():
        words = line.split("#")[0].strip()
        if words.startswith("["):
            heading = words
        elif words:
            yield _make(folder, heading, words)


def _make(folder: Path, heading: str, words: str) -> Statement:
    first, _, rest = words.partition(" ")
    if heading == "[types]":
        return Statement(f"type {rest}", extract_type(folder / "migrations" / first, rest), True)
    if heading == "[united]":
        return Statement(f"function {first}", unite(folder, first, rest), True)
    file = (folder / "front" / first).resolve()
    return Statement(str(file), fill_signature(folder, file), heading == "[owner]")


def extract_type(file: Path, name: str) -> str:
    """The statement that makes the type, where it is not there yet."""
    found = re.search(
        rf"^CREATE TYPE ctaudit\.{name} AS .*?\);$", file.read_text(), re.DOTALL | re.MULTILINE
    )
    if found is None:
        raise SchemaError(f"{file}: has no type ctaudit.{name}")
    return (
        f"DO $type$\nBEGIN\nIF to_regtype('ctaudit.{name}') IS NULL THEN\n{found[0]}\n"
        "END IF;\nEND\n$type$;"
    )


def fill_signature(folder: Path, file: Path) -> str:
    """The file with the store's header and signature in place of the line @signature NAME."""
    return _SIGNATURE.sub(lambda found: "".join(_read_head(folder, found[1])), file.read_text())


def _read_head(folder: Path, name: str) -> tuple[str, str]:
    """Comment and signature, up to what it returns, of a store's function."""
    file = folder / "functions" / f"{name}.sql"
    found = _HEAD.match(file.read_text())
    if found is None:
        raise SchemaError(f"{file}: has no signature that a front can take")
    return found[1], found[2].rstrip("\n")


def unite(folder: Path, name: str, order: str) -> str:
    """A function whose rows are those of all stores."""
    comment, signature = _read_head(folder, name)
    columns = _TABLE.search(signature)
    if columns is None:
        raise SchemaError(f"ctaudit.{name} returns no table, so its rows cannot be united")
    parameters = re.findall(r"\b(p_\w+) ", signature[: columns.start()])
    arguments = ", ".join(f"'{each}', {each}::text" for each in parameters)
    listed = " ".join(columns[1].split())
    by = ", ".join(f"r.{each.strip()}" for each in order.split(","))
    lines = (
        f"{comment}{signature}",
        f"{_ATTRIBUTES}AS $function$",
        "    SELECT r.*",
        "    FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(",
        f"        'name', '{name}', 'each', jsonb_build_array(jsonb_build_object({arguments}))",
        f"    ))) AS a, LATERAL jsonb_to_record(a.value) AS r ({listed})",
        f"    ORDER BY {by};",
        "$function$;",
    )
    return "\n".join(lines)
