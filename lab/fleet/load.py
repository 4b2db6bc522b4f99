"""Many connections through a gateway while something is done to it: python3 -m lab.fleet.load

send GATEWAY FILE [RATE]
                      opens connections until FILE.stop exists; FILE holds how many there were, and
                      another run goes on from there
stop FILE             has it end
compare GATEWAY FILE [STORE...]
                      ends what is open, waits for the record, and prints whether each connection
                      stands in it once with its opening and its end, in one stream without a gap;
                      with the machines of stores, in one of them, the last of which records now
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.fleet import keeper
from lab.machines.gateway import BootedGateway, Row
from lab.namespaces import ROOT, run_in
from lab.traffic.burst import Tuple, burst_tuple

RATE = 2_000  # openings a second within a burst; two cores upgrade packages beside it
_CHUNK_SECONDS = 2


class FleetGateway(BootedGateway):
    """A gateway that is the machine itself; its store may be that of others as well."""

    def in_gateway(self, line: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.machine.run(line.split(), check=check)

    def query_own(self, table: str, condition: str = "true") -> list[Row]:
        return self.query(
            f"SELECT * FROM ctaudit.{table} WHERE node = '{self.machine.name}' AND {condition}"
        )

    def wait_until_recorded(self, patience: float = 60) -> None:
        covered = f"stopped_at IS NULL AND covered_until > to_timestamp({time.time()})"
        self.wait_until(lambda: bool(self.query_own("stream", covered)), patience, pause=0.2)


@dataclass(frozen=True)
class Account:
    """The rows of one table against what was sent."""

    table: str
    sent: int
    rows: int
    lost: int
    doubled: int
    foreign: int

    @property
    def is_exact(self) -> bool:
        return not (self.lost or self.doubled or self.foreign)

    def __str__(self) -> str:
        return (
            f"{self.table}: {self.rows:,} rows of {self.sent:,}, {self.lost:,} lost, "
            f"{self.doubled:,} twice, {self.foreign:,} of others"
        )


def send(gateway: str, file: Path, rate: int = RATE) -> None:
    stop = file.with_suffix(".stop")
    stop.unlink(missing_ok=True)
    began = time.monotonic()
    first = count_sent(file)
    while not stop.exists():
        count = _CHUNK_SECONDS * rate
        _burst(gateway, count_sent(file), count, rate)
        file.write_text(str(count_sent(file) + count))
    seconds = time.monotonic() - began
    sent = count_sent(file) - first
    print(f"{sent:,} connections in {seconds:.0f} s, {sent / seconds:,.0f} a second")


def count_sent(file: Path) -> int:
    return int(file.read_text()) if file.exists() else 0


def _burst(gateway: str, first: int, count: int, rate: int) -> None:
    options = ["--count", str(count), "--first", str(first), "--rate", str(rate)]
    words = [sys.executable, "-m", "lab.traffic", "burst", *options]
    run_in(f"ctaudit-client-{gateway}", words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def compare(gateway: str, sent: int, stores: Sequence[str] = ()) -> list[str]:
    """A sentence for each thing that is wrong with the record."""
    machine = keeper.machine(gateway)
    places = [FleetGateway(machine, keeper.machine(store)) for store in stores]
    places = places or [FleetGateway(machine)]
    places[-1].settle()
    wrong = [str(account) for account in account_for(places, sent) if not account.is_exact]
    if gaps := [gap for place in places for gap in place.query_own("gap")]:
        wrong.append(f"gaps: {json.dumps(gaps)}")
    streams = {row["stream"] for place in places for row in place.query_own("stream")}
    if len(streams) != 1:
        wrong.append(f"{len(streams)} streams, so that for a while nobody listened")
    return wrong


def account_for(places: Sequence[BootedGateway], sent: int) -> list[Account]:
    """What became of the first so many connections of the load, in each table of all places."""
    expected = {burst_tuple(index) for index in range(sent)}
    accounts = []
    for table in ("opening", "flow"):
        rows: list[Tuple] = []
        for place in places:
            known = set(rows)
            # Who takes a gateway over finds by a table dump what was open.
            rows += [key for key, how in place.recorded(table) if how != "dump" or key not in known]
        found = set(rows)
        lost, doubled, foreign = expected - found, len(rows) - len(found), found - expected
        accounts.append(Account(table, sent, len(rows), len(lost), doubled, len(foreign)))
    return accounts


def main(arguments: Sequence[str]) -> int:
    action, *words = arguments
    if action == "send":
        send(words[0], Path(words[1]), *map(int, words[2:3]))
    elif action == "stop":
        Path(words[0]).with_suffix(".stop").touch()
    elif action == "compare":
        sent = count_sent(Path(words[1]))
        wrong = compare(words[0], sent, words[2:])
        print("\n".join(wrong) or f"{sent:,} connections, each recorded once, no gap, one stream")
        return 1 if wrong or not sent else 0
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
