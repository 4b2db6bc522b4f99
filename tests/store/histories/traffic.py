"""Random connections through a gateway, as its kernel would have them.

No two entries alive have the same reply tuple; an expired entry that is in the way of a new
one is deleted, and its DESTROY sent, before the new one begins.
"""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address

from tests.store.histories.truth import (
    DST_NAT,
    FOREVER,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    SRC_NAT,
    Connection,
    Gateway,
    Span,
)
from tests.unit.messages import Side

ICMP, TCP, UDP, ESP = 1, 6, 17, 50
_HOSTS = [ip_address(f"192.168.1.{number}") for number in range(129, 134)]
_SERVER = ip_address("192.168.1.10")
_INSIDE = ip_address("192.168.1.1")
_REMOTES = [(ip_address("19.1.16.7"), 443), (ip_address("68.232.35.139"), 443)]
_CALLERS = [ip_address("61.174.51.209"), ip_address("5.6.7.8")]
_HOSTS6 = [ip_address("2001:db8:1::129"), ip_address("2001:db8:1::130")]
_REMOTE6 = ip_address("2001:db8:ffff::7")
PORTS = [53500, 53501, 53502]
_FORWARDED = 8443
_STATUS = 0x18E  # SEEN_REPLY, ASSURED, CONFIRMED, SRC_NAT_DONE, DST_NAT_DONE
_LAZIEST = 60 * SECOND
_LONG = 110 * MINUTE


class Traffic:
    """The connections of one gateway while they are made up; ``boots``: its lives' spans."""

    def __init__(
        self,
        rng: random.Random,
        gateway: Gateway,
        features: frozenset[str],
        boots: list[Span],
        anchors: list[int],
    ) -> None:
        self._rng = rng
        self._gateway = gateway
        self._public = ip_address(gateway.public)
        self._features = features
        self._boots = boots
        self._anchors = anchors
        self.connections: list[Connection] = []

    def fill(self, count: int, begin: int, end: int) -> None:
        """About ``count`` connections that touch [begin, end)."""
        rng, features = self._rng, self._features
        kinds = [
            name
            for name in ("dnat", "hairpin", "icmp", "portless", "ipv6", "tenants", "clashes")
            if name in features
        ]
        again = [
            name
            for name in (
                "reuse at once", "reuse in a second", "reuse later", "same tuple again",
                "begun twice",
            )
            if name in features
        ]  # fmt: skip
        for kind in kinds:
            self._add_one(kind, begin, end)
        while len(self.connections) < count:
            before = len(self.connections)
            follow = self.connections and again and rng.random() < 0.5
            if follow:
                self._follow(rng.choice(self.connections), rng.choice(again), end)
            else:
                special = kinds and rng.random() < 0.4
                self._add_one(rng.choice(kinds) if special else "plain", begin, end)
            count -= len(self.connections) == before

    def _add_one(self, kind: str, begin: int, end: int) -> None:
        start = self._choose_start(begin, end)
        life = self._choose_life(end - start)
        if kind == "tenants":
            first, second = self._rng.sample(PORTS, 2)
            port = self._rng.choice([40001, 40002])
            host, remote = self._rng.choice(_HOSTS), self._rng.choice(_REMOTES)
            for zone, public_port in ((1, first), (2, second)):
                orig = Side(host, remote[0], (port, remote[1]), zone=zone)
                reply = Side(remote[0], self._public, (remote[1], public_port))
                shift = self._rng.randrange(2 * SECOND)
                self._add(TCP, orig, reply, SRC_NAT, start + shift, life, {kind})
            return
        proto, orig, reply, nat = self._make_tuples(kind)
        self._add(proto, orig, reply, nat, start, life, {kind} - {"plain"})

    def _make_tuples(self, kind: str) -> tuple[int, Side, Side, int]:
        """Protocol, tuples, and the status bits of the translation."""
        rng, public = self._rng, self._public
        host, (remote, service) = rng.choice(_HOSTS), rng.choice(_REMOTES)
        port, public_port = rng.randrange(40000, 40004), rng.choice(PORTS)
        proto = rng.choice([TCP, TCP, UDP])
        if kind == "clashes":
            proto = UDP
        if kind == "dnat":
            caller, source = rng.choice(_CALLERS), rng.randrange(6000, 6003)
            orig = Side(caller, public, (source, _FORWARDED))
            return TCP, orig, Side(_SERVER, caller, (443, source)), DST_NAT
        if kind == "hairpin":
            orig = Side(host, public, (port, _FORWARDED))
            return TCP, orig, Side(_SERVER, _INSIDE, (443, public_port)), SRC_NAT | DST_NAT
        if kind == "icmp":
            inner, outer = rng.randrange(1, 4), rng.randrange(1, 4)
            orig = Side(host, remote, icmp=(inner, 8, 0))
            return ICMP, orig, Side(remote, public, icmp=(outer, 0, 0)), SRC_NAT
        if kind == "portless":
            return ESP, Side(host, remote), Side(remote, public), SRC_NAT
        if kind == "ipv6":
            client = rng.choice(_HOSTS6)
            out, back = (client, _REMOTE6), (public_port, 443)
            if public_port % 2:  # opened by the remote
                out, back = out[::-1], back[::-1]
            return proto, Side(*out, back), Side(*out[::-1], back[::-1]), 0
        orig = Side(host, remote, (port, service))
        return proto, orig, Side(remote, public, (service, public_port)), SRC_NAT

    def _follow(self, earlier: Connection, how: str, end: int) -> None:
        """A connection that comes after ``earlier`` at its public port."""
        rng = self._rng
        if how == "begun twice":
            self._begin_twice(earlier)
            return
        if earlier.stop >= end:
            return
        gap = {
            "reuse at once": rng.randrange(20, MILLISECOND),
            "reuse in a second": rng.randrange(MILLISECOND, 900 * MILLISECOND),
            "reuse later": rng.randrange(SECOND, 3 * HOUR),
            "same tuple again": rng.choice(
                [rng.randrange(30, SECOND), rng.randrange(SECOND, 4 * HOUR)]
            ),
        }[how]
        orig = earlier.orig
        if how != "same tuple again":
            orig = self._other_client(earlier)
        self._add(
            earlier.proto, orig, earlier.reply, earlier.status & (SRC_NAT | DST_NAT),
            earlier.stop + gap, self._choose_life(HOUR), {how},
            same_as=earlier if how == "same tuple again" and rng.random() < 0.5 else None,
        )  # fmt: skip

    def _other_client(self, earlier: Connection) -> Side:
        """Another client's tuple that gives the same reply tuple, where there is one."""
        if earlier.orig.src not in _HOSTS:
            return earlier.orig
        client = self._rng.choice([host for host in _HOSTS if host != earlier.orig.src])
        return replace(earlier.orig, src=client)

    def _begin_twice(self, first: Connection) -> None:
        """``first`` becomes one of microseconds, followed by one of the same tuple and id."""
        if first.start + SECOND > first.stop:
            return
        rng = self._rng
        after = rng.randrange(20, 250)
        stop = first.start + rng.randrange(5, after)
        second = replace(
            first,
            number=len(self.connections),
            start=first.start + after,
            lead=min(first.lead, 45),
            features=first.features | {"begun twice"},
        )
        self._replace(replace(first, stop=stop, destroyed=stop + 1, features=second.features))
        self.connections.append(second)

    def _add(
        self,
        proto: int,
        orig: Side,
        reply: Side,
        nat: int,
        start: int,
        life: int,
        features: set[str],
        same_as: Connection | None = None,
    ) -> None:
        boot = next((boot for boot in self._boots if boot.holds(start)), None)
        if boot is None:
            return
        stop = min(start + life, boot.end)
        for other in self.connections:
            if other.proto != proto or not (other.reply == reply or other.orig == orig):
                continue
            if start <= other.stop and other.start <= stop + 100:
                return
        for other in self.connections:
            same = other.proto == proto and (other.reply == reply or other.orig == orig)
            if same and other.stop < start < other.destroyed < FOREVER:
                gone = max(other.stop, start - self._rng.randrange(2, 20))
                self._replace(replace(other, destroyed=gone))
        dies = stop == boot.end or stop == FOREVER
        made = self._decorate(
            Connection(
                number=len(self.connections),
                gateway=self._gateway.number,
                proto=proto,
                orig=orig,
                reply=reply,
                ct_id=same_as.ct_id if same_as else self._rng.randrange(1, 1 << 32),
                status=_STATUS | nat,
                start=start,
                stop=stop,
                destroyed=FOREVER if dies else stop + self._rng.randrange(20),
                features=frozenset(features),
            )
        )
        later = [
            other.start
            for other in self.connections
            if other.proto == proto
            and (other.reply == reply or other.orig == orig)
            and other.start > stop
        ]
        if later and made.destroyed < FOREVER:
            gone = max(stop, min(later) - self._rng.randrange(2, 20))
            made = replace(made, destroyed=min(made.destroyed, gone))
        self.connections.append(made)

    def _decorate(self, made: Connection) -> Connection:
        """What the kernel does with it, and how long its events wait to be read."""
        rng, features = self._rng, self._features
        marks = set(made.features)
        lead = rng.randrange(46) if made.proto == TCP else 0
        if "held" in features and made.proto == TCP and rng.random() < 0.5:
            lead = rng.randrange(MILLISECOND, 20 * MILLISECOND)
            marks.add("held")
        destroyed = made.destroyed
        if "lazy end" in features and destroyed < FOREVER and rng.random() < 0.6:
            destroyed = made.stop + rng.randrange(_LAZIEST)
            marks.add("lazy end")
        opening_told = end_told = True
        if "unannounced" in features and rng.random() < 0.3:
            opening_told, end_told = False, rng.random() < 0.5
            marks.add("unannounced")
        elif "silent end" in features and destroyed < FOREVER and rng.random() < 0.3:
            end_told = False
            marks.add("silent end")
        return replace(
            made,
            lead=lead,
            destroyed=destroyed,
            opening_told=opening_told,
            end_told=end_told,
            opening_delay=self._choose_delay(),
            end_delay=self._choose_delay(),
            features=frozenset(marks),
        )

    def _choose_delay(self) -> int:
        """From sending to reading: at once, after the receiver's nap, or under load."""
        rng = self._rng
        return rng.choice(
            [
                rng.randrange(30, 2 * MILLISECOND),
                rng.randrange(2 * MILLISECOND, 90 * MILLISECOND),
                rng.randrange(90 * MILLISECOND, 400 * MILLISECOND),
            ]
        )

    def _choose_start(self, begin: int, end: int) -> int:
        rng = self._rng
        if rng.random() < 0.2:
            return begin - rng.randrange(2 * HOUR)
        if self._anchors and rng.random() < 0.4:
            return rng.choice(self._anchors) + rng.randrange(-2 * SECOND, 2 * SECOND)
        return rng.randrange(begin, end)

    def _choose_life(self, rest: int) -> int:
        rng = self._rng
        longest = min(max(2 * MINUTE, rest), _LONG)
        lives = [
            rng.randrange(5 * MILLISECOND, SECOND),
            rng.randrange(SECOND, 2 * MINUTE),
            rng.randrange(2 * MINUTE, 30 * MINUTE),
            rng.randrange(MINUTE, longest),
            FOREVER,
        ]
        if "long life" in self._features:
            lives += [rng.randrange(_LONG, 6 * HOUR), rng.randrange(_LONG, 6 * HOUR)]
        return rng.choice(lives)

    def _replace(self, changed: Connection) -> None:
        self.connections[changed.number] = changed
