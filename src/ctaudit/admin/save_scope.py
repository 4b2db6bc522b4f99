"""ctaudit-scope.service: saves what this gateway's scope looks like, for the receiver.

``python3 -m ctaudit.admin.save_scope FILE``
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ctaudit.admin.scope import read_learned
from ctaudit.errors import SUCCESS
from ctaudit.host.seen_scope import SeenScope, save_scope


def main(file: str) -> int:
    """Returns the exit status."""
    learned = read_learned()
    seen = SeenScope(
        None if learned.public is None else [str(item) for item in learned.public],
        None if learned.internal is None else [str(item) for item in learned.internal],
        [{"network": str(network), "why": why} for network, why in learned.hidden],
        time.time_ns(),
    )
    save_scope(seen, Path(file))
    if learned.why:
        print(f"ctaudit: the scope is not known: {learned.why}", file=sys.stderr)
    return SUCCESS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
