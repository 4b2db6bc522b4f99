"""A history by hand: one line an event, then questions with the answer that is right.

    The port again by another host            a title
      10:00 begin                             start note and a table dump
      10:05 NEW a                             read then; a stands in the table of connections
      10:06 END a ; NEW b                     in one read
      11:00 covered                           everything sent before has been read
      ? 1.2.3.4:53500 at 10:05:30 = one a

Times are those of the gateway's own clock on 2024-02-22, UTC, or of another day as
2024-02-23T10:05; they order nothing, the lines do. ``gw2:`` after the time is another gateway,
``gw1.2:`` a second machine under the name gw1. What else a line can say stands in _Writer.

``= unknown, now none (A1)``: right would be unknown, today's answer is none; why, in brackets.
``= unknown; tcp one a; other none``: the verdict of each protocol as well; where none stands
here none may be said. ``= unknown a because .* end``: the candidates, and a pattern of a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_interface
from typing import Any
from uuid import UUID, uuid5

from ctaudit.conntrack.event import Kind
from ctaudit.conntrack.filter import RuleSet, plain_rules
from ctaudit.conntrack.filter_notation import read_rule
from ctaudit.query.notation import parse_endpoint, parse_protocol
from ctaudit.query.time_notation import parse_time
from tests.store.histories.questions import Question
from tests.store.histories.recording import Call
from tests.store.histories.truth import DST_NAT, MILLISECOND, SECOND, SRC_NAT
from tests.unit.messages import Entry, Side, build

DAY = "2024-02-22"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = UUID("5d2f9a52-0000-4000-8000-00000000c7a0")
_QUIET = 50 * MILLISECOND  # from the last DRAINED to what is read next
_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "esp": 50}
_BITS = {"": 0, "snat": SRC_NAT, "dnat": DST_NAT, "both": SRC_NAT | DST_NAT}
_STATUS = 0x18E
_CLASHED, _OFFLOADED = 1 << 12, 1 << 14


@dataclass(frozen=True)
class Lines:
    """A connection of the table: its tuples and the translation's status bits."""

    proto: int
    orig: Side
    reply: Side
    status: int
    ct_id: int


@dataclass(frozen=True)
class Row:
    """One question of a situation. ``now``: what is said today where it is not ``right``."""

    title: str
    number: int
    lines: tuple[str, ...]
    asked: str
    right: str
    now: str
    why: str


def read_connections(text: str) -> dict[str, Lines]:
    """``name proto orig > dst, reply > dst [snat|dnat|both] [zone N]``, one a line."""
    found: dict[str, Lines] = {}
    form = r"(\S+) (\w+) (\S+) > (\S+), (\S+) > (\S+)(?: (snat|dnat|both))?(?: zone (\d+))?"
    for line in filter(None, map(str.strip, text.splitlines())):
        match = re.fullmatch(form, re.sub(r" +", " ", line))
        assert match, line
        name, proto, *ends, bits, zone = match.groups()
        number = _PROTOCOLS[proto]
        orig = _side(number, ends[0], ends[1], is_orig=True)
        reply = _side(number, ends[2], ends[3], is_orig=False)
        orig = replace(orig, zone=int(zone) if zone else None)
        status = _STATUS | _BITS[bits or ""]
        found[name] = Lines(number, orig, reply, status, 100 + len(found))
    return found


def _side(proto: int, source: str, target: str, *, is_orig: bool) -> Side:
    first, second = parse_endpoint(source, "source"), parse_endpoint(target, "target")
    if proto == 1:
        number = first.port if is_orig else second.port
        assert number is not None
        return Side(first.address, second.address, icmp=(number, 8 if is_orig else 0, 0))
    if first.port is None or second.port is None:
        return Side(first.address, second.address)
    return Side(first.address, second.address, (first.port, second.port))


def read_rows(text: str) -> Iterator[Row]:
    """Every question of every situation; a question is asked of the lines above it."""
    title, number = "", 0
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.split(" #")[0].rstrip() if not raw.startswith("#") else ""
        if not line:
            continue
        if not line.startswith(" "):
            title, lines, number = line, [], 0
        elif not line.lstrip().startswith("?"):
            lines.append(line.strip())
        else:
            number += 1
            asked, _, said = line.strip().removeprefix("? ").partition(" = ")
            match = re.fullmatch(r"(.*?)(?:, now (.*?))?(?: \((.*)\))?", said)
            assert match, line
            right, now, why = match.groups()
            yield Row(title, number, tuple(lines), asked, right, now or "", why or "")


def read_time(text: str) -> int:
    """Microseconds since 1970."""
    if "T" not in text:
        text = f"{DAY}T{text}"
    day, clock = text.split("T")
    clock += ":00" if clock.count(":") == 1 else ""
    begin = parse_time(f"{day}T{clock}Z", "time").begin
    return (begin - _EPOCH) // timedelta(microseconds=1)


def read_question(text: str) -> Question:
    """``ADDRESS:PORT at TIME [to ADDRESS:PORT] [proto P] [node N] [zone N] [within SECONDS]``."""
    public, *rest = text.split()
    said = dict(zip(rest[::2], rest[1::2], strict=True))
    at = said["at"]
    begin = read_time(at)
    digits = len(at.partition(".")[2])
    within = round(float(said.get("within", "0")) * SECOND)
    remote = parse_endpoint(said["to"], "to") if "to" in said else None
    if "/" in public:
        network, _, port = public.partition(":")
        address, number = ip_interface(network), int(port)
    else:
        end = parse_endpoint(public, "public")
        address, number = end.address, end.port  # type: ignore[assignment]
    return Question(
        number=0,
        stage=0,
        address=address,
        port=number,
        begin=begin - within,
        end=begin + 10 ** (6 - digits) + within,
        remote=remote.address if remote else None,
        remote_port=remote.port if remote else None,
        proto=parse_protocol(said.get("proto")),
        node=said.get("node"),
        zone=int(said["zone"]) if "zone" in said else None,
    )


@dataclass
class _Stream:
    uuid: UUID
    mode: str
    position: int = 0
    covered: int = 0
    is_away: bool = False
    procedure: str = ""


@dataclass
class Writer:
    """Makes the calls of a situation's lines."""

    connections: Mapping[str, Lines]
    calls: list[Call] = field(default_factory=list)
    _streams: dict[str, _Stream] = field(default_factory=dict)
    _starts: dict[str, int] = field(default_factory=dict)
    _settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    _rules: dict[str, RuleSet] = field(default_factory=dict)

    def write(self, line: str) -> None:
        time, *words = line.split()
        label = words.pop(0).rstrip(":") if words[0].endswith(":") else "gw1"
        at = read_time(time)
        word, rest = words[0], words[1:]
        if word in ("NEW", "END"):
            self._events(label, at, " ".join(words))
        elif word == "again":
            self._zero_bytes(label)
        elif hasattr(self, f"_do_{word}"):
            getattr(self, f"_do_{word}")(label, at, rest)
        else:
            raise ValueError(f"{line}: what is {word}?")

    def _do_start(self, label: str, at: int, rest: list[str]) -> None:
        """``start [live|nat|history] [unstamped] [reliable] [events=0] [spool=gw0] [pair=gw2]``.

        spool: what it found in its spool is the stream of that gateway.
        """
        mode = next((word for word in rest if word in ("live", "nat", "history")), "live")
        uuid = uuid5(_NAMES, f"{label} {len(self.calls)}")
        options = _options(rest)
        earlier = self._streams[options["spool"]] if "spool" in options else None
        node = options.pop("spool", "").partition(".")[0]
        pair = options.pop("pair", None)
        self._streams[label] = _Stream(uuid, mode, covered=at)
        detail: dict[str, Any] = {"mode": mode, "timestamp": int("unstamped" not in rest)}
        detail["pair"] = pair
        detail |= {"acct": 1, "events": 1, "reliable": "reliable" in rest}
        detail |= {name: int(value) for name, value in options.items()}
        self._settings[label] = {name: detail[name] for name in ("events", "acct", "timestamp")}
        if label in self._rules:
            detail["filter"] = _filter_of(self._rules[label])
        detail["earlier"] = earlier and {"node": node, "stream": str(earlier.uuid)}
        self._note(label, at, "start", detail)

    def _do_begin(self, label: str, at: int, rest: list[str]) -> None:
        """``begin [mode ...] [with a b@09:30]``: start note, and a complete dump of these."""
        options, _, entries = " ".join(rest).partition("with")
        self._do_start(label, at, options.split())
        self._do_dump(label, at + 10 * MILLISECOND, entries.split())

    def _do_dump(self, label: str, at: int, rest: list[str]) -> None:
        """``dump a b@09:30``: a complete one; ``dump begins``, ``dump ends`` its notes alone."""
        if rest == ["begins"]:
            self._cover(label, at - 5)
            self._note(label, at, "dump begin", self._dump_detail(label))
        elif rest == ["ends"]:
            self._note(label, at, "dump end", {})
            self._batch(label, at + 5, [])
        else:
            self._do_dump(label, at, ["begins"])
            self._do_entries(label, at + 2 * MILLISECOND, rest)
            self._do_dump(label, at + 5 * MILLISECOND, ["ends"])

    def _do_entries(self, label: str, at: int, rest: list[str]) -> None:
        """``entries a b@09:30 c@unstamped d@offloaded e@bytes=4``: of the running dump."""
        messages = []
        for word in rest:
            name, *more = word.split("@")
            named = [f"start={each}" if each[:1].isdigit() else each for each in more]
            options = _options([f"{each}=" if "=" not in each else each for each in named])
            messages.append((self._entry(Kind.DUMP, name, at, options), at))
        self._batch(label, 0, messages)

    def _do_covered(self, label: str, at: int, _: list[str]) -> None:
        """Everything that was sent before has been read, and recorded."""
        self._batch(label, at, [])

    def _do_away(self, label: str, _: int, __: list[str]) -> None:
        """The receiver is gone, its socket is kept: what comes is read when it is back."""
        self._streams[label].is_away = True

    def _do_resume(self, label: str, at: int, rest: list[str]) -> None:
        """``resume [pair=gw2|pair=] [ruled]``: with another pair, or none; it says its rules."""
        options = _options(rest)
        detail: dict[str, Any] = {"pair": options["pair"] or None} if options else {}
        if "ruled" in rest:
            detail["filter"] = _filter_of(self._rules[label])
        self._note(label, at, "resume", detail)

    def _do_rules(self, label: str, _: int, rest: list[str]) -> None:
        """``rules deny proto udp ; accept``, or none: what the next start or resume note says."""
        texts = " ".join(rest).split(" ; ") if rest != ["none"] else []
        self._rules[label] = RuleSet(tuple(map(read_rule, texts)))

    def _dump_detail(self, label: str) -> dict[str, Any]:
        rules = self._rules.get(label)
        digest = {"filter": rules.digest} if rules and rules.rules else {}
        return {"cause": "interval", **digest}

    def _do_stop(self, label: str, at: int, rest: list[str]) -> None:
        """``stop [retired]``: the stream's end, and the gateway's own last word."""
        self._cover(label, at - _QUIET)
        self._note(label, at, "stop", {"reason": "a test", "retired": "retired" in rest})

    def _do_silent(self, label: str, _: int, __: list[str]) -> None:
        """What was committed, was so long ago."""
        self._own(label, "UPDATE ctaudit.stream SET committed_at = covered_until WHERE node = %s")

    def _do_retire(self, label: str, at: int, rest: list[str]) -> None:
        """``retire [by-hand]``: gone at the line's time; by hand: an UPDATE of the column."""
        time = (_EPOCH + timedelta(microseconds=at)).isoformat()
        self._own(label, (
            f"UPDATE ctaudit.node SET retired_at = '{time}' WHERE node = %s"
            if "by-hand" in rest else f"SELECT ctaudit.retire_node(%s, '{time}')"
        ))  # fmt: skip

    def _do_revive(self, label: str, _: int, __: list[str]) -> None:
        self._own(label, "SELECT ctaudit.revive_node(%s)")

    def _do_rename(self, label: str, _: int, rest: list[str]) -> None:
        """``rename to=gw7``: its recorder goes on under the old name."""
        self._own(label, f"SELECT ctaudit.rename_node(%s, '{_options(rest)['to']}')")

    def _own(self, label: str, statement: str) -> None:
        node, stream = label.partition(".")[0], self._streams[label]
        place = (node, stream.uuid, stream.mode, stream.position, stream.position)
        said = statement.replace("%s", f"'{node}'")
        self.calls.append(Call(0, 0, *place, (), statement=said))

    def _do_power(self, label: str, at: int, rest: list[str]) -> None:
        """``power off``: nothing is written."""

    def _do_overrun(self, label: str, at: int, rest: list[str]) -> None:
        """``overrun [lost=3] [last=TIME]``: last is when the last event had been read."""
        options = _options(rest)
        last = read_time(options["last"]) if "last" in options else self._streams[label].covered
        self._cover(label, last)
        detail = {"lost": int(options.get("lost", "1")), "last_read_at": last * 1000}
        self._note(label, at, "overrun", detail)

    def _do_dropped(self, label: str, at: int, rest: list[str]) -> None:
        """``dropped from=TIME [count=3]``: until the line's time."""
        options = _options(rest)
        since, count = read_time(options["from"]), int(options.get("count", "1"))
        self._cover(label, since - _QUIET)
        detail = {"count": count, "from": since * 1000, "until": at * 1000}
        self._note(label, at, "dropped", detail)

    def _do_missing(self, label: str, at: int, rest: list[str]) -> None:
        """``missing until=TIME``: bytes of a damaged segment that was closed then."""
        until = read_time(_options(rest)["until"]) * 1000
        self._note(label, at, "missing", {"cause": "damaged segment", "until": until})

    def _do_undecodable(self, label: str, at: int, _: list[str]) -> None:
        self._cover(label, at - _QUIET)
        self._note(label, at, "undecodable", {"reason": "no orig_src", "message": "AAECAw=="})

    def _do_clashes(self, label: str, at: int, rest: list[str]) -> None:
        """``clashes since=TIME [count=1] [longest=120]``: the counter rose between two looks."""
        options = _options(rest)
        since = read_time(options["since"])
        self._cover(label, at - _QUIET)
        count, longest = int(options.get("count", "1")), int(options.get("longest", "120"))
        detail = {"count": count, "since": since * 1000, "udp_timeout": longest}
        self._note(label, at, "clashes", detail)

    def _do_scope(self, label: str, at: int, rest: list[str]) -> None:
        """``scope 1.2.3.4 inside 192.168.0.0/16 [hidden 10.7.0.0/16] [since=TIME]``, or unknown."""
        options = _options(rest)
        lists: dict[str, list[str]] = {"public": [], "inside": [], "hidden": []}
        current = "public"
        for word in rest:
            if word in lists:
                current = word
            elif "=" not in word and word != "unknown":
                lists[current].append(word)
        known = "unknown" not in rest
        detail = {
            "public": lists["public"] if known else None,
            "internal": lists["inside"] if known else None,
            "hidden": [{"network": each, "why": "notrack"} for each in lists["hidden"]],
            "source": "learned" if known else "unknown",
            "since": read_time(options["since"]) * 1000 if "since" in options else None,
        }
        self._note(label, at, "scope", detail)

    def _do_clock(self, label: str, at: int, rest: list[str]) -> None:
        """``clock [step=-3600] [synchronised|unsynchronised]``: at is after the step."""
        step = _options(rest).get("step")
        detail: dict[str, Any] = {"step_seconds": float(step) if step else None}
        if "synchronised" in rest or "unsynchronised" in rest:
            detail["synchronised"] = "synchronised" in rest
        if step:
            self._streams[label].covered = min(self._streams[label].covered, at)
        self._note(label, at, "clock", detail)

    def _do_settings(self, label: str, at: int, rest: list[str]) -> None:
        """``settings events=0 [acct=0] [timestamp=0] last=TIME``: changed since that look."""
        options = _options(rest)
        self._cover(label, read_time(options["last"]) - _QUIET)
        before = self._settings[label]
        now = before | {name: int(value) for name, value in options.items() if name != "last"}
        detail = {**now, "last_look": read_time(options["last"]) * 1000, "before": before}
        self._settings[label] = now
        self._note(label, at, "settings", detail)

    def _do_through(self, label: str, _: int, rest: list[str]) -> None:
        """``through nat``: from here on another procedure than that of the stream's mode."""
        name = rest[0] if "." in rest[0] else f"ctaudit.record_{rest[0]}"
        self._streams[label].procedure = name

    def _events(self, label: str, at: int, text: str) -> None:
        """``NEW a [event=T] [start=T] [unstamped] ; END a [start=T] [stop=T]``, in one read.

        ``END a start=T clashed``: of an entry that was made beside another, without a NEW.
        """
        messages, since = [], at
        for part in text.split(" ; "):
            word, name, *rest = part.split()
            options = _options(rest) | {word: "" for word in rest if "=" not in word}
            kind = Kind.NEW if word == "NEW" else Kind.DESTROY
            entry = self._entry(kind, name, at, options)
            sent = [entry.event_at] if entry.event_at else []
            sent += [self._starts[name] * 1000] if kind == Kind.NEW else []
            since = min([since, *(time // 1000 for time in sent)])
            messages.append((entry, at))
        stream = self._streams[label]
        if not stream.is_away:
            self._cover(label, since - _QUIET)
        stream.is_away = False
        self._batch(label, 0, messages)

    def _entry(self, kind: Kind, name: str, at: int, options: Mapping[str, str]) -> Entry:
        """``start=`` is remembered; without one, a NEW was read a millisecond after it."""
        one = self.connections[name.rstrip("'")]
        event = read_time(options["event"]) if "event" in options else None
        if "start" in options:
            self._starts[name] = read_time(options["start"])
        elif kind == Kind.NEW:
            self._starts[name] = event + 20 if event else at - MILLISECOND
        bits = {"clashed": _CLASHED, "offloaded": _OFFLOADED}
        status = one.status | sum(bit for word, bit in bits.items() if word in options)
        entry = Entry(kind, one.proto, one.orig, one.reply, one.ct_id, status)
        if kind == Kind.NEW:
            return replace(entry, event_at=event * 1000 if event else None)
        packets = int(options.get("packets", "20")), int(options.get("bytes", "4000"))
        if "uncounted" not in options:
            entry = replace(entry, orig_counters=packets, reply_counters=packets)
        if "unstamped" in options:
            return entry
        start = self._starts[name] * 1000
        stop = read_time(options["stop"]) if "stop" in options else at - MILLISECOND
        return replace(entry, timestamps=(start, None if kind == Kind.DUMP else stop * 1000))

    def _cover(self, label: str, at: int) -> None:
        if at > self._streams[label].covered:
            self._batch(label, at, [])

    def _batch(self, label: str, covered: int, messages: list[tuple[Entry, int]]) -> None:
        stream = self._streams[label]
        stream.covered = max(stream.covered, covered)
        self._call(
            label,
            covered=covered * 1000,
            procedure=stream.procedure,
            messages=tuple((build(entry), at * 1000) for entry, at in messages),
        )

    def _zero_bytes(self, label: str) -> None:
        """``again``: the last events once more, as a batch of no bytes."""
        stream = self._streams[label]
        last = next(call for call in reversed(self.calls) if call.messages)
        position = {"first": stream.position, "until": stream.position}
        self.calls.append(replace(last, **position))  # type: ignore[arg-type]

    def _note(self, label: str, at: int, name: str, detail: dict[str, Any]) -> None:
        self._call(label, note=name, wall=at * 1000, detail=detail)

    def _call(self, label: str, **rest: Any) -> None:
        stream = self._streams[label]
        first, stream.position = stream.position, stream.position + 100
        node = label.partition(".")[0]
        self.calls.append(
            Call(0, 0, node, stream.uuid, stream.mode, first, stream.position, (), **rest)
        )


def _filter_of(rules: RuleSet) -> dict[str, Any] | None:
    if not rules.rules:
        return None
    return {"digest": rules.digest, "where": "kernel", "rules": plain_rules(rules)}


def _options(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words if "=" in word)


def write_calls(lines: tuple[str, ...], connections: Mapping[str, Lines]) -> list[Call]:
    writer = Writer(connections)
    for line in lines:
        writer.write(line)
    return writer.calls
