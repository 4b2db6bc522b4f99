"""Keeps a segment as this version writes it: python3 -m tests.corpus.keep_spool, at a release.

An upgrade finds such segments in the spool; tests/unit/test_release.py reads those of each release.
"""

from __future__ import annotations

import gzip
import tempfile
import time
from pathlib import Path

from ctaudit import __version__
from ctaudit.config import Config, SpoolSection
from ctaudit.spool.note import pack_drained
from ctaudit.spool.order import list_paths
from ctaudit.spool.writer import SpoolWriter
from tests.unit.spool_writing import write_frame
from tests.unit.test_recorder import event

HERE = Path(__file__).parent
EVENTS = (1, 2, 3, 4)
NOTES = ["start", "clock", "overrun", "dropped", "stop"]


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        spool = SpoolSection(directory=Path(directory), segment_bytes=256 << 10)
        writer = SpoolWriter(Config(node="gw1", spool=spool))
        writer.begin_stream()
        writer.append_note("start", mode="live")
        for number in EVENTS:
            write_frame(writer, event(number), pack_drained(time.time_ns()))
        writer.append_note("clock", step_seconds=1)
        writer.append_note("overrun")
        writer.append_note("dropped", count=2)
        writer.end_stream("kept")
        [path] = list_paths(Path(directory))
        kept = gzip.compress(path.read_bytes(), mtime=0)
    (HERE / f"spool-{__version__}.segment.gz").write_bytes(kept)


if __name__ == "__main__":
    main()
