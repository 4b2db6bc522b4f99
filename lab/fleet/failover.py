"""One of two database hosts fails under load: python3 -m lab.fleet.failover HOW GATEWAY DATABASE...

HOW: off (it loses its power), freeze (its processes stop, its kernel answers), cut (its cable).
The primary fails under a load, the other host becomes the primary, and the failed one comes back.
Prints how long recording and answers stood, and what the record lacks: status 1 where that is not
what is expected.

--sent FILE      how many connections were opened by this and earlier runs
--dsn DSN        of the one who asks
--number N       which known ports the asked connections take: N, N + 1 and N + 2
--lag SECONDS    before it fails, the standby gets nothing for so long
--gap            what the standby lacks is in no segment any more: a gap is expected
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab.fleet import keeper
from lab.fleet.load import FleetGateway, account_for, count_sent, send
from lab.fleet.traffic import Sent, send_through, who_words
from lab.machines.machine import MachineError
from lab.namespaces import LabError
from lab.waiting import comes_true

RATE = 3_000  # openings a second within a burst: over 5,000 events a second with their ends
_BEFORE = 15.0  # seconds of load before it fails, so that connections end as well
_PATIENCE = 240.0
_COMES_BACK = 90.0  # seconds that a former primary has to follow the new one by itself
_FAULTS: dict[str, tuple[Callable[[str], None], Callable[[str], None]]] = {
    "off": (keeper.switch_off, keeper.switch_on),
    "freeze": (keeper.freeze, keeper.thaw),
    "cut": (keeper.cut_off, keeper.connect),
}
_INSTANCE = "15-main"  # as molecule/ha/molecule.yml has it
_STANDS_BY = "SELECT FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '{}'"
_RECORDERS = "SELECT FROM pg_stat_activity WHERE application_name = 'ctaudit recorder'"
_DEAF = """
table inet lag {{
  chain received {{
    type filter hook input priority filter;
    ip saddr {address} tcp sport 5432 drop
  }}
}}
"""


@dataclass(frozen=True)
class Failover:
    how: str
    gateway: str
    databases: tuple[str, ...]
    dsn: str
    sent: Path
    number: int
    lag: float
    gap: bool

    @property
    def replication(self) -> str:
        """A synchronous standby cannot lag: the primary would wait for it."""
        return "async" if self.lag else "sync"


def fail_over(case: Failover) -> list[str]:
    """Does all of it, printing the times; a sentence for each thing that is wrong afterwards."""
    primary = _wait_for_pair(case)
    [other] = [name for name in case.databases if name != primary]
    fail, mend = _FAULTS[case.how]
    with _loading(case):
        time.sleep(_BEFORE)
        with _lagging(other, case.databases.index(primary), case.lag):
            asked = {"of before": _open(case, 0)}
            time.sleep(case.lag)
            began = time.time()
            fail(primary)
            print(f"{primary}: {case.how}", flush=True)
            asked["of meanwhile"] = _open(case, 1)
            _wait(lambda: _is_primary(other), f"{other} does not become the primary")
            print(f"{other} is the primary after {time.time() - began:.1f} s", flush=True)
        expected = {"of before": 4 if case.gap else 0, "of meanwhile": 0}
        wrong = _ask(case, asked, expected, began)
        wrong += _time_recorder(case.gateway, began)
        mend(primary)
        mended = time.time()
        # Not always the other one: a frozen primary that wakes up may take its part back.
        leader = _wait_for_pair(case)
        after = time.time() - mended
        print(f"a pair {after:.1f} s after {primary} is back, {leader} the primary", flush=True)
    wrong += _compare(case, leader)
    if len(_query(leader, _RECORDERS)) != 1:
        wrong.append("the recorder's session is not on the primary")
    # Unknown is also what is not recorded yet: now it is.
    return wrong + (_ask(case, asked, expected, began) if case.gap else [])


def _open(case: Failover, number: int) -> Sent:
    return send_through([case.gateway], case.number + number)[case.gateway]


@contextmanager
def _loading(case: Failover) -> Iterator[None]:
    """Opens connections as long as the body lasts."""
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, case.gateway, case.sent, RATE)
        try:
            yield
        finally:
            case.sent.with_suffix(".stop").touch()
        sending.result()


@contextmanager
def _lagging(standby: str, primary: int, lag: float) -> Iterator[None]:
    """The standby gets nothing of the primary, by its number, during the body."""
    if not lag:
        yield
        return
    machine = keeper.machine(standby)
    rules = _DEAF.format(address=f"10.20.0.{primary + 1}")
    machine.run(["nft", "-f", "-"], input=rules)
    try:
        yield
    finally:
        machine.run(["nft", "delete", "table", "inet", "lag"])


def _ask(
    case: Failover, asked: dict[str, Sent], expected: dict[str, int], began: float
) -> list[str]:
    """Asks again and again until each has the expected status."""
    machine = keeper.machine(case.gateway)
    statuses: dict[str, int] = {}

    def ask_all() -> bool:
        for name, sent in asked.items():
            if statuses.get(name) != expected[name]:
                done = machine.run([*who_words(sent), "--dsn", case.dsn], check=False)
                statuses[name] = done.returncode
                if done.returncode == expected[name]:
                    print(f"who answers {name} after {time.time() - began:.1f} s", flush=True)
                    print(done.stdout.splitlines()[0], flush=True)
        return statuses == expected

    comes_true(ask_all, _PATIENCE, pause=0.2)
    return [
        f"who {name}: status {statuses[name]}, expected {status}"
        for name, status in expected.items()
        if statuses[name] != status
    ]


def _time_recorder(gateway: str, began: float) -> list[str]:
    """What the recorder itself says of it in the journal."""
    words = ["journalctl", "-u", "ctaudit", "-o", "json", "--no-pager", f"--since=@{int(began)}"]
    lines = keeper.machine(gateway).run(words).stdout.splitlines()
    said = [json.loads(line) for line in lines]
    back = [
        int(entry["__REALTIME_TIMESTAMP"]) / 1e6 - began
        for entry in said
        if "recording continues" in str(entry["MESSAGE"])
    ]
    for entry in said:
        if "events wait in the spool" in str(entry["MESSAGE"]):
            at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6 - began
            print(f"after {at:.1f} s: {entry['MESSAGE']}", flush=True)
    if not back:
        return ["the recorder has not said that recording continues"]
    print(f"recording continues after {back[0]:.1f} s", flush=True)
    return []


def _compare(case: Failover, primary: str) -> list[str]:
    """The record against what was sent."""
    gateway = FleetGateway(keeper.machine(case.gateway), keeper.machine(primary))
    gateway.settle()
    accounts = account_for([gateway], count_sent(case.sent))
    gaps = gateway.gaps()
    for account in accounts:
        print(account)
    wrong = [
        f"twice, or not sent: {account}"
        for account in accounts
        if account.doubled or account.foreign
    ]
    if not case.gap:
        wrong += [f"not exact: {account}" for account in accounts if not account.is_exact]
        return wrong + [f"a gap: {gap}" for gap in gaps]
    print(f"gaps: {json.dumps(gaps)}")
    if [gap["cause"] for gap in gaps] != ["segments are gone"] or gaps[0]["gap_until"] is None:
        wrong.append("expected one gap that is over, with the cause: segments are gone")
    if not accounts[0].lost:
        wrong.append("nothing is lost, so the gap is not shown to be one")
    return wrong


def _wait_for_pair(case: Failover) -> str:
    """The primary, once a standby follows it."""
    found: list[str] = []

    def is_pair() -> bool:
        found[:] = [name for name in case.databases if _is_primary(name)]
        return len(found) == 1 and _has_standby(found[0], case.replication)

    if not comes_true(is_pair, _COMES_BACK, pause=0.2):
        if len(found) == 1:
            _copy_anew(case, found[0])
        _wait(is_pair, f"there is no primary with a standby ({case.replication})")
    return found[0]


def _copy_anew(case: Failover, primary: str) -> None:
    """As its operator would do it where the former primary cannot be rewound.

    Patroni 3.0 does not rewind one that stopped with a checkpoint where the histories part:
    "requested timeline is not a child of this server's history".
    """
    patronictl = ["patronictl", "-c", f"/etc/patroni/{_INSTANCE}.yml"]
    for name in case.databases:
        if name != primary:
            print(f"{name} does not follow {primary} by itself: patronictl reinit", flush=True)
            keeper.machine(primary).run([*patronictl, "reinit", _INSTANCE, name, "--force"])
    # The base backup begins with a checkpoint, which takes minutes unless somebody hurries it.
    time.sleep(5)
    keeper.machine(primary).run(["psql", "-qc", "CHECKPOINT"], user="postgres")


def _is_primary(name: str) -> bool:
    return _has_rows(name, "SELECT WHERE NOT pg_is_in_recovery()")


def _has_standby(name: str, replication: str) -> bool:
    return _is_primary(name) and _has_rows(name, _STANDS_BY.format(replication))


def _has_rows(name: str, statement: str) -> bool:
    """False where it does not answer: Patroni may be writing the server's configuration anew."""
    with suppress(MachineError, ValueError, subprocess.TimeoutExpired):
        return bool(_query(name, statement))
    return False


def _query(name: str, statement: str) -> list[object]:
    """A list with one entry for each row. Raises MachineError where it does not answer."""
    wrapped = f"SELECT coalesce(json_agg(t), '[]') FROM ({statement}) AS t"
    words = ["psql", "-XAtq", "-d", "postgres", "-c", wrapped]
    rows: list[object] = json.loads(keeper.machine(name).run(words, user="postgres").stdout)
    return rows


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    if not comes_true(condition, _PATIENCE, pause=0.2):
        raise MachineError(f"{otherwise} in {_PATIENCE:g} s")


def read_case(arguments: Sequence[str]) -> Failover:
    parser = argparse.ArgumentParser(prog="python3 -m lab.fleet.failover", description=__doc__)
    parser.add_argument("how", choices=_FAULTS)
    parser.add_argument("gateway")
    parser.add_argument("databases", nargs="+")
    add = partial(parser.add_argument, required=True)
    add("--sent", type=Path)
    add("--dsn")
    add("--number", type=int)
    parser.add_argument("--lag", type=float, default=0)
    parser.add_argument("--gap", action="store_true")
    given = vars(parser.parse_args(arguments))
    return Failover(**{**given, "databases": tuple(given["databases"])})


def main(arguments: Sequence[str]) -> int:
    try:
        wrong = fail_over(read_case(arguments))
    except LabError as error:
        wrong = [str(error)]
    print("\n".join(wrong) or "as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
