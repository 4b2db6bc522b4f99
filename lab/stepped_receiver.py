"""``ctaudit receive`` whose wall clock, as far as it looks for steps, is off by what a file says.

python3 -m lab.stepped_receiver FILE receive --config ...: the file holds nanoseconds.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

from ctaudit import cli
from ctaudit.capture import clock_notes
from ctaudit.host.clock import StepWatch


def main() -> int:
    offset = Path(sys.argv[1])

    def read_wall() -> int:
        return time.time_ns() + int(offset.read_text())

    vars(clock_notes)["StepWatch"] = partial(StepWatch, wall=read_wall)
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
