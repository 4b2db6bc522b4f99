"""Debian's conntrack tool as an independent witness of what the lab's gateway tracked."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from lab.event_socket import EventSocket, borrowed_socket, find_event_socket
from lab.namespaces import Lab, LabError, popen_in, run_in
from lab.witness.conntrack_text import Entry, Key, Times, parse_line, parse_times

BUFFER = 256 * 1024 * 1024
SO_RCVBUFFORCE = 33
TEXT = ("-o", "timestamp,id,extended,ktimestamp")
XML = ("-o", "xml,id,ktimestamp")


class Witness:
    """Events as the tool printed them so far, by one process as text and by another as XML."""

    def __init__(self, text: _Listener, xml: _Listener) -> None:
        self._text = text
        self._xml = xml

    @property
    def lost(self) -> int:
        """Events that the kernel could not hand to the tool; 0 or the witness is worth little."""
        return self._text.event_socket().dropped + self._xml.event_socket().dropped

    def entries(self, event: str | None = None) -> list[Entry]:
        """All events so far in their order, or those of one kind, with the kernel's times.

        Waits first until the tool has printed whatever the kernel had queued for it.
        """
        self._text.settle()
        self._xml.settle()
        found = [parse_line(line) for line in self._text.lines()]
        found = _with_times(found, parse_times(self._xml.output()))
        return [entry for entry in found if event in (None, entry.event)]

    def count(self, event: str) -> int:
        """How many events of one kind there were so far; quicker than entries()."""
        self._text.settle()
        return self._text.output().count(f"[{event}]")

    def wait_for(
        self, wanted: Callable[[Entry], bool], count: int = 1, timeout: float = 10.0
    ) -> list[Entry]:
        """The events that fit, as soon as there are so many; LabError after timeout seconds."""
        deadline = time.monotonic() + timeout
        while True:
            fitting = [entry for entry in self.entries() if wanted(entry)]
            if len(fitting) >= count:
                return fitting
            if time.monotonic() > deadline:
                raise LabError(f"{len(fitting)} of {count} events came within {timeout} s")
            time.sleep(0.05)


class _Listener:
    """One running conntrack -E and the file that it prints to."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process = process
        self.path = path

    def event_socket(self) -> EventSocket:
        return find_event_socket(self.process.pid)

    def enlarge_buffer(self) -> None:
        """Give the event socket a big buffer: conntrack 1.4.7's -b acts on its other socket."""
        with borrowed_socket(self.process.pid) as borrowed:
            borrowed.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)

    def wait_until_listening(self) -> None:
        deadline = time.monotonic() + 5
        while True:
            try:
                self.event_socket()
            except (LabError, OSError) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise LabError("conntrack -E did not start in the gateway") from error
                time.sleep(0.005)
            else:
                return

    def settle(self) -> None:
        """Wait until nothing is queued and the output has stopped growing."""
        deadline = time.monotonic() + 60
        before = -1
        while time.monotonic() < deadline:
            size = self.path.stat().st_size
            if not self.event_socket().queued and size == before:
                return
            before = size
            time.sleep(0.02)
        raise LabError("conntrack -E does not get through its queue")

    def output(self) -> str:
        return self.path.read_text()

    def lines(self) -> list[str]:
        whole = self.output().rpartition("\n")[0]
        return [line for line in whole.splitlines() if line]


@contextmanager
def watching(lab: Lab) -> Iterator[Witness]:
    """Run the witness beside the body; it listens when the body starts."""
    with ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="ctlab-")))
        text = running.enter_context(_listening(lab, TEXT, directory / "text"))
        xml = running.enter_context(_listening(lab, XML, directory / "xml"))
        yield Witness(text, xml)


@contextmanager
def _listening(lab: Lab, output: Sequence[str], path: Path) -> Iterator[_Listener]:
    with path.open("wb") as file:
        process = popen_in(
            lab.gateway,
            ["conntrack", "-E", *output],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.DEVNULL,
        )
    listener = _Listener(process, path)
    try:
        listener.wait_until_listening()
        listener.enlarge_buffer()
        yield listener
    finally:
        process.terminate()
        process.wait()


def list_table(lab: Lab) -> list[Entry]:
    """The gateway's table as conntrack -L prints it, with the kernel's start times."""
    text = _conntrack(lab, "-L", "-o", "extended,id,ktimestamp")
    xml = _conntrack(lab, "-L", "-o", "xml,id,ktimestamp")
    return _with_times([parse_line(line) for line in text.splitlines()], parse_times(xml))


def delete_all(lab: Lab) -> None:
    """Empty the gateway's table; each entry ends with a DESTROY event of its own."""
    _conntrack(lab, "-F")


def _conntrack(lab: Lab, *arguments: str) -> str:
    done = run_in(
        lab.gateway, ["conntrack", *arguments], capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise LabError(f"conntrack {arguments[0]} failed: {done.stderr.strip()}")
    output: str = done.stdout
    return output


def _with_times(entries: list[Entry], times: Iterator[Times]) -> list[Entry]:
    """Give each entry the times that the XML has for it; the same key may come in turn."""
    waiting: dict[Key, deque[Times]] = defaultdict(deque)
    for each in times:
        waiting[each.key].append(each)
    timed = []
    for entry in entries:
        found = waiting[entry.key].popleft() if waiting[entry.key] else Times((), None, None)
        timed.append(replace(entry, start_ns=found.start_ns, stop_ns=found.stop_ns))
    return timed
