"""What make fleet ends with: a first question about each gateway, and what to try then."""

from __future__ import annotations

import shlex
import sys
import time

from lab.fleet import keeper
from lab.fleet.traffic import send_through, who_words
from lab.namespaces import LabError

_GATEWAYS = ("gw1", "gw2")
_ASKED_ON = "db"
_PATIENCE = 20
_COMMANDS = """
The fleet is left standing; `sudo make fleet-down` takes it down. As root, from this folder:
  .venv/bin/python -m lab.fleet traffic gw1 gw2 --number 5   # the same tuple, at once (0 to 9)
  .venv/bin/python -m lab.fleet run db ctaudit who ...          # as that one has said
  .venv/bin/python -m lab.fleet run db ctaudit flows
  .venv/bin/python -m lab.fleet run db ctaudit status
  .venv/bin/python -m lab.fleet run gw1 journalctl -u ctaudit -f
  .venv/bin/python -m lab.fleet run gw1 ctaudit check
  .venv/bin/python -m lab.fleet run gw2 bash                   # a shell in a machine
  .venv/bin/python -m lab.fleet off db                         # its power fails
  .venv/bin/python -m lab.fleet on db
  tools/molecule converge -s fleet                               # the playbook again: changed=0"""


def main() -> int:
    try:
        for gateway, sent in send_through(_GATEWAYS, _number()).items():
            print(f"\n=== {gateway}: who was behind {sent['public']}?")
            _ask(who_words(sent))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    print(_COMMANDS)
    return 0


def _number() -> int:
    """Another one when this is run again, while the last one's entry is still in the table."""
    return 10 + int(time.time() / 60) % 10


def _ask(words: list[str]) -> None:
    """Asks until the second that is asked about is over and covered."""
    machine = keeper.machine(_ASKED_ON)
    deadline = time.monotonic() + _PATIENCE
    while True:
        done = machine.run(words, check=False)
        if done.returncode == 0 or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    print(f"$ {shlex.join(words)}\n{done.stdout}{done.stderr}", end="")


if __name__ == "__main__":
    sys.exit(main())
