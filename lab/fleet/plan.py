"""What a fleet consists of, and its addresses: gateways of one server, and database hosts.

    client-gw1 -- 192.168.1.0/24 -- gw1 -- 1.2.3.4 --+
                                     | 10.20.1.2      \\
          db 10.20.0.1 -- backbone --+                 server
                                     | 10.20.2.2      /
    client-gw2 -- 192.168.1.0/24 -- gw2 -- 1.2.3.5 --+

Both clients have the same private addresses. The machines are the gateways: their own network
namespaces translate. The backbone is a switch; a fleet of gateways alone has none. A quorum host
(10.20.0.101) has a vote in which database is the primary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.machines.machine import MachineError
from lab.machines.nspawn import network_of

GATEWAY, DATABASE, QUORUM = "gateway", "database", "quorum"
PARTS = (GATEWAY, DATABASE, QUORUM)
USER_NAMESPACE = "user-namespace"
DATABASE_ADDRESS = "10.20.0.1"  # the first one's
FIRST_SPORT, FIRST_NAT_SPORT = 53400, 53500  # the source ports from here on are translated so
FIXED_PORTS = 20


@dataclass(frozen=True)
class Member:
    """One machine: its name, which is the host's, the Debian release, and its part.

    ``number`` counts those of one part from 1. ``contained``: its root is a user of this host's
    without rights, as of systemd-nspawn -U.
    """

    name: str
    release: str
    part: str
    number: int
    contained: bool = False

    @property
    def network(self) -> str:
        return network_of(self.name)

    @property
    def client(self) -> str:
        """The namespace of the hosts behind this gateway."""
        return f"ctaudit-client-{self.name}"

    @property
    def public(self) -> str:
        return f"1.2.3.{3 + self.number}"

    @property
    def backbone(self) -> str:
        """Its address on the backbone."""
        if self.part == GATEWAY:
            return f"10.20.{self.number}.2"
        return f"10.20.0.{self.number + (100 if self.part == QUORUM else 0)}"


@dataclass(frozen=True)
class Fleet:
    name: str
    members: tuple[Member, ...]

    @property
    def gateways(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.part == GATEWAY)

    @property
    def has_backbone(self) -> bool:
        return len(self.gateways) < len(self.members)

    @property
    def server(self) -> str:
        """The namespace of the outside."""
        return f"ctaudit-server-{self.name}"

    @property
    def switch(self) -> str:
        """The namespace of the backbone's switch."""
        return f"ctaudit-backbone-{self.name}"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those that are no machine's."""
        switch = (self.switch,) if self.has_backbone else ()
        return (self.server, *switch, *(gateway.client for gateway in self.gateways))


def read_fleet(name: str, words: Sequence[str]) -> Fleet:
    """A fleet from ``NAME:RELEASE:PART`` words; MachineError says what is wrong with one.

    A gateway's may end with ``:user-namespace``.
    """
    members = []
    numbers = dict.fromkeys(PARTS, 0)
    for word in words:
        machine, release, part, kind = (*word.split(":"), "", "", "")[:4]
        kinds = ("", USER_NAMESPACE) if part == GATEWAY else ("",)
        if not machine or not release or part not in PARTS or kind not in kinds:
            ways = ", ".join(f"NAME:RELEASE:{part}" for part in PARTS)
            raise MachineError(
                f"{word!r} is no machine: write {ways} or NAME:RELEASE:{GATEWAY}:{USER_NAMESPACE}"
            )
        numbers[part] += 1
        members.append(Member(machine, release, part, numbers[part], kind == USER_NAMESPACE))
    return Fleet(name, tuple(members))
