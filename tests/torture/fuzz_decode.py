"""Damages captured messages at random: python3 -m tests.torture.fuzz_decode --seconds 60.

Whatever comes: no exception, a row only where pyroute2 reads the same, the same from a decoder
that knows thousands of layouts as from a fresh one, reading that always goes on, and column
arrays that say what the rows say. Exit status 1 on a finding, which is printed with its seed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Sequence

from ctaudit.conntrack.event import COLUMNS
from ctaudit.record.encoder import build_columns
from ctaudit.spool.decoder import Batch, Decoder
from tests.unit.arrays import as_loaded, load_array, split_array
from tests.unit.mutations import mutate
from tests.unit.reading import RECEIVED, captured, check_damaged, read_one, rows_of

_BURST = 12


def fuzz(seed: int, seconds: float) -> tuple[int, int, str | None]:
    """(messages, rows among them, the finding if there is one)."""
    chooser = random.Random(seed)
    seeds = captured()
    warm = Decoder()
    for message in seeds:
        read_one(warm, message)
    until = time.monotonic() + seconds
    count = rows = 0
    while time.monotonic() < until:
        burst = [mutate(chooser.choice(seeds), chooser) for _ in range(_BURST)]
        try:
            for message in burst:
                check_damaged(warm, message)
            rows += check_stream(warm, burst, chooser)
        except Exception:  # noqa: BLE001 whatever it is, it is a finding
            shown = "\n".join(message.hex() for message in burst)
            return count, rows, f"{traceback.format_exc()}seed {seed}, after {count}:\n{shown}"
        count += _BURST
    return count, rows, None


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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.torture.fuzz_decode", description=__doc__
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args(arguments)
    count, rows, finding = fuzz(chosen.seed, chosen.seconds)
    print(f"seed {chosen.seed}: {count} damaged messages, {rows} of them gave rows")
    if finding:
        print(finding, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
