"""What a fleet consists of, and its addresses: gateways of one server, one database host.

    client-gw1 -- 192.168.1.0/24 -- gw1 -- 1.2.3.4 --+
                                     | 10.20.1.0/30   \\
                                    db  10.20.0.1      server
                                     | 10.20.2.0/30   /
    client-gw2 -- 192.168.1.0/24 -- gw2 -- 1.2.3.5 --+

Both clients have the same private addresses. The machines are the gateways: their own network
namespaces translate. A gateway of a fleet without a database host has no link to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.machines.machine import MachineError
from lab.machines.nspawn import network_of

GATEWAY, DATABASE = "gateway", "database"
USER_NAMESPACE = "user-namespace"
DATABASE_ADDRESS = "10.20.0.1"
FIRST_SPORT, FIRST_NAT_SPORT = 53400, 53500  # the source ports from here on are translated so
FIXED_PORTS = 20


@dataclass(frozen=True)
class Member:
    """One machine: its name, which is the host's, the Debian release, and its part.

    ``number`` counts the gateways from 1; it is 0 for the database host. ``contained``: its root
    is a user of this host's without rights, as of systemd-nspawn -U.
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
    def database_link(self) -> tuple[str, str]:
        """The gateway's address and the database host's on the link between them."""
        return f"10.20.{self.number}.2", f"10.20.{self.number}.1"


@dataclass(frozen=True)
class Fleet:
    name: str
    members: tuple[Member, ...]

    @property
    def gateways(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.part == GATEWAY)

    @property
    def database(self) -> Member | None:
        return next((member for member in self.members if member.part == DATABASE), None)

    @property
    def server(self) -> str:
        """The namespace of the outside."""
        return f"ctaudit-server-{self.name}"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those that are no machine's."""
        return (self.server, *(gateway.client for gateway in self.gateways))


def read_fleet(name: str, words: Sequence[str]) -> Fleet:
    """A fleet from ``NAME:RELEASE:PART`` words; MachineError says what is wrong with one.

    A gateway's may end with ``:user-namespace``.
    """
    members = []
    number = 0
    for word in words:
        machine, release, part, kind = (*word.split(":"), "", "", "")[:4]
        kinds = ("", USER_NAMESPACE) if part == GATEWAY else ("",)
        if not machine or not release or part not in (GATEWAY, DATABASE) or kind not in kinds:
            raise MachineError(
                f"{word!r} is no machine: write NAME:RELEASE:{GATEWAY}, "
                f"NAME:RELEASE:{GATEWAY}:{USER_NAMESPACE} or NAME:RELEASE:{DATABASE}"
            )
        number += part == GATEWAY
        own = number if part == GATEWAY else 0
        members.append(Member(machine, release, part, own, kind == USER_NAMESPACE))
    return Fleet(name, tuple(members))
