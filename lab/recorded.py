"""All kinds of traffic recorded once, and what the witnesses saw of it, for several tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from ctaudit.spool.segment import list_segments
from lab import addresses as a
from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import Rig, rigging
from lab.rules import SHORT_TIMEOUTS
from lab.service import started
from lab.traffic import KINDS, holding, make_traffic
from lab.traffic.senders import Sent
from lab.witness import delete_all, list_table, watching
from lab.witness.compare import fits
from lab.witness.conntrack_text import Entry
from lab.witness.pyroute import Known, dump_known

# Kinds, and the connections that conntrack's helpers expect as their companions.
CONNECTIONS = (*KINDS, "tftp data", "pptp gre")
HELD_SPORT = 40200
# On a busy machine, too, an entry is still there when the witnesses look at the table.
LONG_TIMEOUTS = dict.fromkeys(SHORT_TIMEOUTS, 120)


@dataclass(frozen=True)
class Recorded:
    """What stands in a rig's database once its services have stopped.

    sents by connection (CONNECTIONS, "before": open before anybody listened, "held": open
    still at the end); events are the witness's NEW and DESTROY, table its listing while all
    were open; known is pyroute2's; made spans the traffic.
    """

    rig: Rig
    sents: Mapping[str, Sent]
    events: Sequence[Entry]
    table: Sequence[Entry]
    known: Mapping[int, Known]
    made: tuple[datetime, datetime]

    @cached_property
    def openings(self) -> list[dict[str, Any]]:
        return self.rig.rows("opening")

    @cached_property
    def flows(self) -> list[dict[str, Any]]:
        return self.rig.rows("flow")

    @property
    def segments(self) -> list[Path]:
        return [path for _, path in list_segments(self.rig.spool)]

    def event(self, connection: str, event: str) -> Entry:
        """The witness's one NEW or DESTROY of a connection."""
        sent = self.sents[connection]
        found = [entry for entry in self.events if entry.event == event and fits(entry, sent)]
        assert len(found) == 1, f"{len(found)} {event} of {connection}"
        return found[0]


@contextmanager
def recording_all(
    lab: Lab, cluster: Cluster, kinds: Sequence[str] = tuple(KINDS)
) -> Iterator[Recorded]:
    """Records those kinds, ends them all with conntrack -F, and then one more that stays open."""
    with rigging(lab, cluster) as rig:
        before = make_traffic(lab, "udp-answered")
        with ExitStack() as services:
            services.enter_context(started(rig, "record"))
            # The receiver ends first: what the end of the held one leads to is not recorded.
            with watching(lab) as witness, started(rig, "receive"):
                rig.wait_until_recorded()
                began = datetime.now(UTC)
                sents = {kind: make_traffic(lab, kind) for kind in kinds}
                sents |= {"before": before, **_name_companions(sents)}
                table, known = list_table(lab), dump_known(lab)
                delete_all(lab)
                held = services.enter_context(holding(lab, source_port=HELD_SPORT))
                made = (began, datetime.now(UTC))
                sents["held"] = held.sent
                events = [e for e in witness.entries() if e.event in ("NEW", "DESTROY")]
                assert witness.lost == 0
                rig.wait_until_recorded(datetime.now(UTC) + timedelta(seconds=1))
        yield Recorded(rig, sents, events, table, known, made)


def _name_companions(sents: Mapping[str, Sent]) -> dict[str, Sent]:
    companions = {}
    if "pptp" in sents:
        companions["pptp gre"] = sents["pptp"]["gre"]
    if "tftp" in sents:
        companions["tftp data"] = {"proto": 17, "dst": a.GATEWAY, **sents["tftp"]["expected"]}
    return companions
