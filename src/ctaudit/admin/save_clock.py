"""ctaudit-clock.service: saves the kernel's estimate of its clock for the sandboxed services.

``python3 -m ctaudit.admin.save_clock FILE``
"""

from __future__ import annotations

import sys
from pathlib import Path

from ctaudit.errors import SUCCESS, PrivilegeError
from ctaudit.host import clock


def main(file: str) -> int:
    """Returns the exit status."""
    answer = clock.ask_kernel()
    if answer is None:
        print("ctaudit: adjtimex is not permitted here; run it outside a sandbox", file=sys.stderr)
        return PrivilegeError.exit_status
    clock.save_synchronisation(answer, Path(file))
    return SUCCESS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
