"""SQL folders of versions that do not exist: SECOND expands the store, THIRD contracts it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ctaudit.database.version import EXPECTED_SCHEMA

FIRST = EXPECTED_SCHEMA
SECOND, THIRD = FIRST + 1, FIRST + 2
MORE, LESS = f"{SECOND:04}_more", f"{THIRD:04}_less"
ROOT = Path(__file__).parents[2]

_ROW = "INSERT INTO ctaudit.migration (number, name, compatible_since) VALUES"
_EXPAND = f"""-- {SECOND:04}: a column more.
-- Locks: opening_row
{_ROW} ({SECOND}, '{MORE}', {FIRST});
ALTER TABLE ctaudit.opening_row ADD COLUMN more text;
"""
_CONTRACT = f"""-- {THIRD:04}: programs of version {FIRST} are over.
{_ROW} ({THIRD}, '{LESS}', {SECOND});
"""
_STORE_MORE = """
    IF cardinality(p_more) > 0 THEN
        UPDATE ctaudit.opening_row AS o SET more = p_more[1] WHERE o.ct_id = ANY (p_ct_id);
    END IF;
END
$procedure$;
"""


def make_version(folder: Path, number: int, locks: str = "opening_row") -> Path:
    """The SQL files of version SECOND or THIRD; ``locks``: the tables that SECOND says it locks."""
    shutil.copytree(ROOT / "sql", folder)
    add_migration(folder, MORE, _EXPAND.replace("opening_row\n", f"{locks}\n", 1))
    if number > SECOND:
        add_migration(folder, LESS, _CONTRACT)
    procedure = folder / "procedures/record_live.sql"
    head, body = procedure.read_text().split("CREATE OR REPLACE", 1)
    body = body.replace("p_labels bytea[]\n", "p_labels bytea[],\n p_more text[] DEFAULT NULL\n")
    body = body.removesuffix("END\n$procedure$;\n") + _STORE_MORE
    # A further parameter makes another procedure, beside which the old one is not called.
    drop = "DROP PROCEDURE IF EXISTS ctaudit.record_live;\n"
    procedure.write_text(f"{head}{drop}CREATE OR REPLACE{body}")
    return folder


def add_migration(folder: Path, name: str, text: str) -> None:
    (folder / f"migrations/{name}.sql").write_text(text)
    steps = folder / "install.list"
    begin, end = steps.read_text().split("[transaction as owner]", 1)
    steps.write_text(f"{begin}migrations/{name}.sql\n[transaction as owner]{end}")
