"""Fleets of booted machines: python3 -m lab.fleet ACTION.

up FLEET MACHINE:RELEASE:PART...   make them and wait until all are up; PART: see lab/fleet/plan.py
down FLEET                         take them away
off MACHINE · on MACHINE           as if the power failed, and came again
freeze MACHINE · thaw MACHINE      nothing in it runs, while its kernel answers; and runs again
cut MACHINE · connect MACHINE      as if its cable to the backbone were pulled; and put back
run MACHINE COMMAND...             run a command in a machine
traffic GATEWAY... [--number N]    one connection through each at the same time; how to ask for it
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence

from lab.fleet import keeper
from lab.fleet.plan import read_fleet
from lab.fleet.traffic import send_through, who_words
from lab.namespaces import LabError


def _up(words: list[str]) -> None:
    fleet = read_fleet(words[0], words[1:])
    keeper.start(fleet, words[1:])
    print(f"{', '.join(member.name for member in fleet.members)} up")


def _keep(words: list[str]) -> None:
    ready, name, *members = words
    keeper.keep(read_fleet(name, members), int(ready))


def _down(words: list[str]) -> None:
    print(f"{words[0]} is down" if keeper.end(words[0]) else f"no fleet {words[0]} stands")


def _run(words: list[str]) -> None:
    argv = keeper.machine(words[0]).enter(words[1:])
    os.execvp(argv[0], argv)  # noqa: S606 - a list of words, no shell


def _traffic(words: list[str]) -> None:
    number = 0
    if "--number" in words:
        place = words.index("--number")
        number = int(words[place + 1])
        del words[place : place + 2]
    made = send_through(words, number)
    print(json.dumps(made))
    for gateway, sent in made.items():
        print(f"{gateway}: {shlex.join(who_words(sent))}", file=sys.stderr)


_ACTIONS = {
    "up": (_up, 2),
    "keep": (_keep, 3),
    "down": (_down, 1),
    "off": (lambda words: keeper.switch_off(words[0]), 1),
    "on": (lambda words: keeper.switch_on(words[0]), 1),
    "freeze": (lambda words: keeper.freeze(words[0]), 1),
    "thaw": (lambda words: keeper.thaw(words[0]), 1),
    "cut": (lambda words: keeper.cut_off(words[0]), 1),
    "connect": (lambda words: keeper.connect(words[0]), 1),
    "run": (_run, 2),
    "traffic": (_traffic, 1),
}


def main(arguments: Sequence[str]) -> int:
    action, *words = arguments or [""]
    act, least = _ACTIONS.get(action, (None, 0))
    if act is None or len(words) < least:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        act(words)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
