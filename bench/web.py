"""The pages beside the recorder: how soon Ask answers, and what 50 readers cost the recorder.

The default configuration, mode live; the lab's connections at 2,500 a second, each opened and
ended, are 5,000 events a second. Traffic, services, database, pages and readers share the machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode

from bench.figures import percentile
from bench.flood import end_flood, start_flood
from bench.processes import cpu_of
from bench.small import ending
from bench.stage import BenchError, Stage, drop_database, settle_server
from lab.pages import PagesProcess, SocketConnection, running_pages
from lab.rig import Rig, rigging
from lab.scene import PUBLIC, format_utc
from lab.serve import serving
from lab.service import Service, started
from lab.traffic import holding

EVENTS = 5_000  # a second
READERS = 50
_RATE = EVENTS // 2  # connections
_FLUSH_EVERY = 0.5
_STORED = "SELECT coalesce(sum(stored), 0)::float8 FROM ctaudit.stream"
_HEADERS = {
    "X-Remote-User": "bench", "Sec-Fetch-Site": "same-origin",
    "Content-Type": "application/x-www-form-urlencoded",
}  # fmt: skip
_READ = ("/", "/record", "/inquiries")


class Reader:
    """A person who has the pages open."""

    def __init__(self, pages: PagesProcess, at: datetime) -> None:
        self._place = pages.place
        self._form = urlencode({"public": PUBLIC, "at": format_utc(at), "case": "bench"})

    def get(self, path: str) -> tuple[int, bytes]:
        return self._send("GET", path)[:2]

    def ask(self) -> float:
        """Seconds from sending the form until the answer's page is there.

        Raises BenchError where it is no answer.
        """
        began = time.monotonic()
        status, said, place = self._send("POST", "/ask", self._form)
        if status == 303 and place:
            status, said = self.get(place)
            if status == 200 and b"verdict-one" in said:
                return time.monotonic() - began
        raise BenchError(f"no answer, but {status}: {said[-900:].decode(errors='replace')}")

    def _send(
        self, method: str, path: str, body: str | None = None
    ) -> tuple[int, bytes, str | None]:
        connection = SocketConnection(self._place)
        try:
            connection.request(method, path, body, _HEADERS)
            given = connection.getresponse()
            return given.status, given.read(), given.getheader("Location")
        finally:
            connection.close()


@dataclass
class Crowd:
    """Readers who ask and read on and on; what came of it."""

    answers: list[float] = field(default_factory=list)
    refusals: int = 0
    done: Event = field(default_factory=Event)

    def read(self, reader: Reader, number: int) -> None:
        turn = number
        while not self.done.is_set():
            turn += 1
            try:
                self.answers.append(reader.ask())
            except BenchError:
                self.refusals += 1
            with suppress(OSError, HTTPException):
                reader.get(_READ[turn % len(_READ)])


@contextmanager
def reading(reader: Reader, count: int) -> Iterator[Crowd]:
    crowd = Crowd()
    people = [Thread(target=crowd.read, args=(reader, number)) for number in range(count)]
    for person in people:
        person.start()
    try:
        yield crowd
    finally:
        crowd.done.set()
        for person in people:
            person.join()


@dataclass
class _Scene:
    rig: Rig
    stage: Stage
    recorder: Service
    reader: Reader
    sent: int = 0

    @contextmanager
    def load(self, seconds: float) -> Iterator[None]:
        """For so long; the body may end before it."""
        count = int(_RATE * seconds)
        with ending(self.stage.lab, _FLUSH_EVERY):
            flood = start_flood(self.stage.lab, count, first=self.sent, rate=_RATE)
            self.sent += count
            try:
                yield
            finally:
                end_flood(flood, count)

    def stored(self) -> float:
        found: float = self.rig.query(_STORED)[0][0]
        return found


def run_web(stage: Stage, questions: int, pairs: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Figures as they come. ``questions``: of p99, one after the other, four a second at most."""
    with _standing(stage) as scene:
        gaps = scene.rig.count("gap")
        yield {"what": "ask", "events_a_second": 0, **_measure(scene, questions // 4)}
        with scene.load(questions / 4 + 2):
            time.sleep(1)
            figures = _measure(scene, questions)
        yield {"what": "ask", "events_a_second": EVENTS, **figures}
        found: dict[bool, list[float]] = {True: [], False: []}
        crowds = []
        for pair in range(pairs):
            for is_read in (True, False) if pair % 2 else (False, True):
                cost, crowd = _measure_recorder(scene, seconds, READERS if is_read else 0)
                found[is_read].append(cost)
                crowds += [crowd] if is_read else []
        answers = [answer for crowd in crowds for answer in crowd.answers]
        yield {
            "what": "recorder", "readers": READERS, "events_a_second": EVENTS,
            "with": statistics.median(found[True]), "without": statistics.median(found[False]),
            "ratios": [round(a / b, 3) for a, b in zip(found[True], found[False], strict=True)],
            "answers": len(answers), "refusals": sum(crowd.refusals for crowd in crowds),
            **_spread(answers), "gaps": scene.rig.count("gap") - gaps,
        }  # fmt: skip


@contextmanager
def _standing(stage: Stage) -> Iterator[_Scene]:
    with ExitStack() as running:
        running.enter_context(serving(stage.lab))
        rig = running.enter_context(rigging(stage.lab, stage.cluster))
        running.callback(drop_database, stage.cluster, rig.database)
        recorder = running.enter_context(started(rig, "record"))
        running.enter_context(started(rig, "receive"))
        rig.wait_until_listening()
        with holding(stage.lab, source_port=53400):
            time.sleep(2)
            at = datetime.now(UTC).replace(microsecond=0)
            rig.wait_until_read()
        pages = running.enter_context(running_pages(rig))
        yield _Scene(rig, stage, recorder, Reader(pages, at))


def _measure(scene: _Scene, questions: int) -> dict[str, Any]:
    taken = []
    for _ in range(questions):
        seconds = scene.reader.ask()
        taken.append(seconds)
        time.sleep(max(0.0, 0.25 - seconds))
    return {"questions": questions, **_spread(taken)}


def _spread(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    shares = {"p50": 0.5, "p99": 0.99, "most": 1.0}
    return {name: 1000 * percentile(seconds, share) for name, share in shares.items()}


def _measure_recorder(scene: _Scene, seconds: float, readers: int) -> tuple[float, Crowd]:
    """Its CPU µs an event."""
    settle_server(scene.stage.cluster)
    before, stored = cpu_of(scene.recorder.pid), scene.stored()
    with reading(scene.reader, readers) as crowd, scene.load(seconds):
        pass
    scene.rig.wait_until_read()
    events = scene.stored() - stored
    if events < EVENTS * seconds * 0.99:
        raise BenchError(f"only {events:,.0f} of {EVENTS * seconds:,.0f} events were stored")
    return (cpu_of(scene.recorder.pid) - before) / events / 1000, crowd
