"""Captured messages damaged at random, for as long as there is time.

Whatever comes: no exception, a row only where pyroute2 reads the same, the same from a decoder
that knows thousands of layouts as from a fresh one, reading that always goes on, and column
arrays that say what the rows say. CTAUDIT_SEED chooses other damage, and repeats a finding's.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from ctaudit.conntrack.event import COLUMNS
from ctaudit.record.encoder import build_columns
from ctaudit.spool.decoder import Batch, Decoder
from tests.markers import torture
from tests.unit.arrays import as_loaded, load_array, split_array
from tests.unit.mutations import mutate
from tests.unit.reading import RECEIVED, captured, check_damaged, read_one, rows_of

_BURST = 12
_SEED = int(os.environ.get("CTAUDIT_SEED", "1"))


@pytest.mark.parametrize("seconds", [1, torture(60)])
def test_damaged_messages(seconds: float) -> None:
    chooser = random.Random(_SEED)
    messages = captured()
    warm = Decoder()
    for message in messages:
        read_one(warm, message)
    until = time.monotonic() + seconds
    count = rows = 0
    while time.monotonic() < until:
        burst = [mutate(chooser.choice(messages), chooser) for _ in range(_BURST)]
        try:
            for message in burst:
                check_damaged(warm, message)
            rows += check_stream(warm, burst, chooser)
        except Exception as error:
            shown = "\n".join(message.hex() for message in burst)
            raise AssertionError(f"seed {_SEED}, after {count} messages:\n{shown}") from error
        count += _BURST
    print(f"seed {_SEED}: {count} damaged messages, {rows} of them gave rows")
    assert rows > 0


def check_stream(decoder: Decoder, messages: list[bytes], chooser: random.Random) -> int:
    """Reads them as one body to its end, whatever is in it; the number of rows."""
    body = b"".join(message + bytes(-len(message) % 4) for message in messages)
    batch, offset = Batch(), 0
    while offset < len(body):
        step = decoder.read(body, offset, RECEIVED, batch, chooser.randint(1, 5))
        assert offset <= step.offset <= step.after <= len(body)
        assert step.after > offset
        offset = step.after
    rows = rows_of(batch)
    assert len(rows) == batch.count
    for (name, element), array in zip(COLUMNS.items(), build_columns(batch), strict=True):
        assert split_array(array)[0] == element.oid
        values = load_array(name, bytes(array)) or [None] * len(rows)
        assert values == [as_loaded(name, row.get(name)) for row in rows], name
    return len(rows)
