"""A dump is compared by sets where there is a copy, else row by row: both ways say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from lab.cluster import Cluster
from tests.store.histories.features import FEATURES
from tests.store.histories.recording import record
from tests.store.histories.sending import Store, open_store
from tests.store.histories.truth import History
from tests.store.histories.world import make_history
from tests.store.test_live_copy import days_of, make_days

HISTORIES = 20
# What leaves connections without an end: every other history has nothing else.
SILENT = frozenset(["silent end", "dropped", "missing", "power loss", "twins", "unstamped"])
# All portions in one CALL, so that both ways have the same before them: of one row each, or of
# fifteen openings of the copy, of five entries.
IN_PORTIONS = """
ALTER FUNCTION ctaudit.reconcile(text, uuid, bigint) RENAME TO reconcile_portion;
CREATE FUNCTION ctaudit.reconcile(p_node text, p_stream uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_rows bigint := current_setting('test.rows');
    v_due boolean;
BEGIN
    LOOP
        SELECT s.covered_until >= d.ended_at INTO v_due FROM ctaudit.stream AS s
        JOIN ctaudit.dump AS d ON d.dump_id = s.pending_dump_id
        WHERE s.node = p_node AND s.stream = p_stream;
        EXIT WHEN v_due IS NOT TRUE;
        PERFORM ctaudit.reconcile_portion(p_node, p_stream, v_rows);
    END LOOP;
END $$
"""
_ROW = "(to_jsonb(r) - '{gap_id,node_id}'::text[] #- '{detail,dump_id}')::text"
SAID = {
    "openings": f"SELECT {_ROW} FROM ctaudit.opening_row AS r WHERE provenance = 'd'",
    "ends": f"SELECT {_ROW} FROM ctaudit.flow_row AS r WHERE provenance = 'u'",
    "gaps": f"SELECT {_ROW} FROM ctaudit.gap AS r",
    "dumps": "SELECT (r.began_at, r.unannounced, r.heard_until)::text FROM ctaudit.dump AS r",
}
BY_COPY = """
SELECT count(*) FROM ctaudit.dump AS d JOIN ctaudit.stream AS s USING (node, stream)
WHERE s.mode = 'live' AND d.reconciled_at IS NOT NULL AND NOT d.by_rows
"""


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "dumps_by_sets") as made:
        made.connection.execute(IN_PORTIONS)
        yield made


def tell(store: Store, history: History, rows: int, days: set[Any]) -> tuple[int, dict[str, Any]]:
    """How many dumps were compared by a copy, and what the record says then."""
    refused: set[UUID] = set()
    store.begin()
    store.connection.execute("SELECT set_config('test.rows', %s, true)", (str(rows),))
    if days:
        make_days(store.connection, days)
    else:
        store.connection.execute("ALTER TABLE ctaudit.dump ALTER by_rows SET DEFAULT true")
    store.send_each(record(history), refused)
    said = {
        name: sorted(row[0] for row in store.connection.execute(query.encode()))
        for name, query in SAID.items()
    }
    said["refused"] = sorted(map(str, refused))
    used = store.connection.execute(BY_COPY.encode()).fetchone()
    store.forget()
    return used[0] if used else 0, said


def test_both_say_the_same(store: Store) -> None:
    used = found = 0
    for seed in range(HISTORIES):
        history = make_history(seed, SILENT if seed % 2 else FEATURES)
        by_rows = tell(store, history, 10_000, set())
        by_sets = tell(store, history, 1, days_of(record(history)))
        assert by_rows[0] == 0
        assert by_sets[1] == by_rows[1], seed
        used += by_sets[0]
        found += len(by_sets[1]["ends"])
    assert used > 2 * HISTORIES
    assert found > HISTORIES // 2
