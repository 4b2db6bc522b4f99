"""The demonstration: one connection through a real NAT gateway, and who it was.

sudo make demo            builds, shows, asks, tidies up
sudo make demo KEEP=1     leaves everything standing and says how to play with it
sudo make demo WEB=1      also shows the answer on the pages, and takes a picture of it
sudo make demo-down       takes down what was left standing
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

from lab import addresses
from lab.cluster import private_cluster
from lab.demo_pages import Pictured, picture_answer, standing_pages
from lab.namespaces import ROOT, LabError
from lab.network import build_lab
from lab.rig import Rig, rigging
from lab.serve import serving
from lab.service import started
from lab.traffic import holding, make_traffic
from lab.witness import delete_all

_OTHERS = (
    "udp-answered", "icmp-echo", "tcp6-close", "dnat-tcp", "zone-tcp", "sctp",
)  # fmt: skip


_KEEPER = Path("/run/ctaudit-lab/demo.pid")
_ALL_SHOWN = b"\0"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--keep", action="store_true", help="leave everything standing")
    what.add_argument("--down", action="store_true", help="take down what was left standing")
    parser.add_argument("--web", action="store_true", help="the pages too, on loopback")
    chosen = parser.parse_args()
    if chosen.down:
        return take_down()
    if _keeper() is not None:
        print("demo: one is standing already: sudo make demo-down", file=sys.stderr)
        return 1
    demonstrate_so = partial(demonstrate, web=chosen.web)
    return leave_to_keeper(demonstrate_so) if chosen.keep else demonstrate_so(keep=False)


def demonstrate(*, keep: bool, web: bool, shown: Callable[[], None] = lambda: None) -> int:
    """Builds, shows and tidies up; with ``keep`` only when a signal asks for it."""
    try:
        with ExitStack() as standing:
            say("A client, a gateway that masquerades, and a server, each in a network namespace")
            lab = standing.enter_context(build_lab("ctaudit-demo"))
            standing.enter_context(serving(lab))
            say("A private PostgreSQL with the schema installed")
            cluster = standing.enter_context(private_cluster())
            rig = standing.enter_context(rigging(lab, cluster))
            say("ctaudit receive on the gateway, ctaudit record beside the database")
            standing.enter_context(started(rig, "receive"))
            standing.enter_context(started(rig, "record"))
            seen = show(rig)
            address = None
            if web:
                say("The same on the pages, ctaudit web")
                address = standing.enter_context(standing_pages(rig))
                tell_picture(picture_answer(address, *seen))
                if not keep:
                    print("KEEP=1 leaves the pages up until demo-down.", flush=True)
            if keep:
                explain(rig, address)
                shown()
                wait_for_signal()
    except (LabError, AssertionError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def leave_to_keeper(demonstrate_so: Callable[..., int]) -> int:
    """Demonstrates in a process of its own, which stays behind when all has been shown."""
    heard, shown = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(heard)
        os.setsid()
        # What it starts inherits this, and must not hold the caller's terminal or pipe.
        os.dup2(shown, 1)
        os.dup2(shown, 2)
        _KEEPER.parent.mkdir(exist_ok=True)
        _KEEPER.write_text(str(os.getpid()))
        try:
            status = demonstrate_so(keep=True, shown=_hang_up)
        finally:
            _KEEPER.unlink(missing_ok=True)
        os._exit(status)
    os.close(shown)
    while said := os.read(heard, 65536):
        sys.stdout.buffer.write(said.rstrip(_ALL_SHOWN))
        sys.stdout.flush()
        if said.endswith(_ALL_SHOWN):
            return 0
    return os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])


def _hang_up() -> None:
    sys.stdout.flush()
    os.write(1, _ALL_SHOWN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def wait_for_signal() -> None:
    """Waits until SIGTERM, which then leaves every context on the way out."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        time.sleep(3600)


def take_down() -> int:
    keeper = _keeper()
    if keeper is None:
        print("demo: none is standing", file=sys.stderr)
        return 0
    os.kill(keeper, signal.SIGTERM)
    while _keeper() is not None:
        time.sleep(0.1)
    return 0


def _keeper() -> int | None:
    """The process that holds a demonstration, if one does."""
    try:
        pid = int(_KEEPER.read_text())
        alive = "lab.demo" in Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        return None
    return pid if alive else None


def show(rig: Rig) -> tuple[str, datetime]:
    """The article's traffic, the live lines, and the question before and after the end.

    Gives what wait_for_public does.
    """
    wait_for_whole_second(rig)
    say(f"The client {addresses.CLIENT}:53400 opens a connection to {addresses.SERVER}:443")
    with holding(rig.lab, source_port=53400) as held:
        held.exchange(1000)
        for kind in _OTHERS:
            make_traffic(rig.lab, kind)
        seen = wait_for_public(rig)
        say("What the journal shows live")
        show_lines(rig)
        say("Who is behind it, while the connection is open?")
        ask(rig, seen)
    delete_all(rig.lab)
    rig.wait_until(lambda: bool(rig.query("SELECT FROM ctaudit.flow WHERE orig_sport = 53400")))
    say("And after it has ended?")
    time.sleep(1.2)
    ask(rig, seen)
    return seen


def wait_for_whole_second(rig: Rig) -> None:
    """Waits until a second begins that the record covers from its first moment on."""
    rig.wait_until_listening()
    time.sleep(1.05 - time.time() % 1)


def wait_for_public(rig: Rig) -> tuple[str, datetime]:
    """The public side of the client's connection and a moment at which it was open."""
    statement = (
        "SELECT host(reply_dst) || ':' || reply_dport, started_at FROM ctaudit.opening"
        " WHERE orig_src = %s AND orig_sport = 53400"
    )
    rig.wait_until(lambda: bool(rig.query(statement, addresses.CLIENT)))
    public, started = rig.query(statement, addresses.CLIENT)[0]
    time.sleep(2.5)  # until the second after the start is over and covered
    return public, started


def ask(rig: Rig, seen: tuple[str, datetime]) -> None:
    public, started = seen
    at = started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    command = ["who", public, "--at", at, "--to", f"{addresses.SERVER}:443"]
    print(f"$ ctaudit {shlex.join(command)}")
    answer = rig.ask(*command)
    print(answer.stdout + answer.stderr + f"(exit status {answer.returncode})", flush=True)
    if answer.returncode != 0 or f"{addresses.CLIENT}:53400" not in answer.stdout:
        raise AssertionError("the answer is not the client that it was")


def show_lines(rig: Rig) -> None:
    for line in rig.log("record").read_text().splitlines():
        if line.startswith(("NEW", "DESTROY")):
            print(f"  {line}")


def tell_picture(taken: Pictured | str) -> None:
    """Where the answer and its picture are, or why there is none."""
    print(
        f"The answer's page: {taken.address}\nIts picture: {taken.picture}"
        if isinstance(taken, Pictured)
        else f"No picture is taken: {taken}",
        flush=True,
    )


def explain(rig: Rig, address: str | None) -> None:
    command = Path(sys.executable).parent / "ctaudit"
    enter = f"ip netns exec {rig.lab.client}"
    print(
        f"""
Everything is left standing; `sudo make demo-down` takes it down. As root, from {ROOT}:
  tail -f {rig.log("record")}
  {enter} {sys.executable} -m lab.traffic tcp-close
  {command} flows --dsn '{rig.auditor_dsn}'
  {command} status --dsn '{rig.auditor_dsn}'
  psql '{rig.owner_dsn}'
""",
        flush=True,
    )
    if address is not None:
        print(f"The pages, to whoever is on this host: {address}", flush=True)


def say(sentence: str) -> None:
    print(f"\n=== {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
