"""What a history may have: each feature can be switched off, so that classes are tried alone."""

from __future__ import annotations

import random
from collections.abc import Collection

# Chances of a feature in a history of many.
CHANCES: dict[str, float] = {
    # The kernel.
    "event times": 0.4,  # CTA_TIMESTAMP_EVENT, as Linux 6.14 and later send it
    "unstamped": 0.08,  # nf_conntrack_timestamp = 0
    "stamped later": 0.06,  # set to 1 between two streams
    "held": 0.1,  # a queue holds the first packet of TCP: the event is 1-20 ms before the start
    "lazy end": 0.3,  # a DESTROY comes up to 60 s after the entry expired
    "unannounced": 0.06,  # entries without NEW: a clash, an offload, a rule; a DESTROY may come
    "clashes": 0.08,  # two packets of one UDP socket at once: the second's entry has no NEW
    "silent end": 0.04,  # entries without DESTROY
    "events off": 0.05,  # nf_conntrack_events is 0 for a while: entries without either
    "auto events": 0.08,  # it is 2: entries made while nobody listens have neither
    # Connections.
    "long life": 0.25,  # hours from the opening to the end
    "reuse at once": 0.2,  # of a public port by another host, within a millisecond
    "reuse in a second": 0.2,
    "reuse later": 0.2,
    "same tuple again": 0.15,  # minutes or hours later, often with the same id
    "begun twice": 0.08,  # the same tuple and id within 20-250 us
    "tenants": 0.08,  # equal orig tuples in zones of one direction
    "dnat": 0.15,
    "hairpin": 0.05,
    "icmp": 0.12,
    "portless": 0.08,
    "ipv6": 0.1,
    # Streams.
    "nat": 0.05,
    "history": 0.1,
    "mode change": 0.05,
    "stop": 0.15,  # a stream ends with a note, the next one begins later
    "kill": 0.08,  # it ends without a note, the kernel goes on
    "power loss": 0.08,  # a reboot: what was not committed is gone, the table is empty
    "restart": 0.12,  # the receiver is away for a moment, its socket is kept
    "late reading": 0.04,  # the same, for hours
    "backlog": 0.15,  # the recorder is away for a while
    # What is lost.
    "overrun": 0.2,
    "dropped": 0.1,
    "missing": 0.08,
    "undecodable": 0.1,
    "undecodable in dump": 0.06,
    # Dumps.
    "blurred dump": 0.3,  # each entry is read at a moment of its own
    "doubled entry": 0.1,
    # Clocks.
    "clock step": 0.1,
    "wrong boot": 0.06,
    "step in restart": 0.05,
    # The fleet.
    "fleet": 0.12,
    "twins": 0.04,  # two machines record under one node name
    "lag": 0.3,  # some of it is not committed when the question is put
}

FEATURES = frozenset(CHANCES)


def choose_features(rng: random.Random, allowed: Collection[str]) -> frozenset[str]:
    """Mostly a few at once; in a third of the histories one alone, so that its own share shows."""
    names = sorted(FEATURES & set(allowed))
    if names and rng.random() < 0.33:
        return frozenset([rng.choice(names)])
    least = min(0.8, 2.5 / max(1, len(names)))
    return frozenset(name for name in names if rng.random() < max(least, CHANCES[name]))
