"""The table of keys, first part: what is received, how, and whose addresses they are."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from ctaudit.config.key import key, open_key
from ctaudit.config.readers import FLAG, NETWORKS, PATH, TEXT, TEXTS, duration, size

FILTER = """
    Which connections are recorded. For what the rules exclude `ctaudit who` answers "unknown",
    never "none". `ctaudit filter show` and `ctaudit filter explain` try the rules."""

FILTER_EVALUATED = """
    The kernel evaluates the rules for events, at most 4,096 instructions of classic BPF; what they
    exclude there is never received, and is counted by nobody. Where it cannot, and for table dumps,
    the recorder does, and counts them as filtered; each output leaves them out, too. After a change
    the receiver must be restarted; until the end of the table dump that follows, the record has a
    gap."""

SCOPE = """
    Whose addresses are whose. The two lists decide which gateways a question concerns, and of which
    addresses "none" may be said. Set both where the gateway cannot tell (a VRF, policy routing, NAT
    by maps or iptables-legacy), and on gateways that take over an address."""

_LEARNED = "learned twice an hour from the gateway's addresses, routes and nftables rules"


@dataclass(frozen=True)
class SocketSection:
    receive_buffer: int = key(
        "128MiB", size("4KiB", "1GiB"),
        """The kernel's buffer for events that are not received yet. An event takes 1,280 bytes of
        it, so that the default holds 100,000: five seconds at 20,000 a second, enough for a
        restart. It takes memory only while events wait.""",
    )  # fmt: skip
    receive_buffer_max: int = key(
        "512MiB", size("4KiB", "1GiB"),
        "How far the buffer may grow after overruns. At least `receive_buffer`.",
    )  # fmt: skip
    updates: bool = key(
        False, FLAG,
        """Whether each change of state (UPDATE) is received, too. They are many more events, which
        only a site's own procedure stores.""",
    )  # fmt: skip
    reliable: bool = key(
        False, FLAG,
        """Whether the kernel keeps the end of a connection that found no room in the buffer, and
        sends it again. The price: meanwhile its table fills with ended connections, and when the
        table is full, packets of new connections are dropped. An opening that was lost is then made
        from its end, with provenance "late".""",
    )  # fmt: skip


@dataclass(frozen=True)
class DumpSection:
    interval: float = key(
        "1h", duration("1s", "7d"),
        """How often the kernel's whole table is dumped. A dump gives the running totals of long
        connections, and limits how long an unobserved end stays unknown.""",
    )  # fmt: skip


@dataclass(frozen=True)
class SpoolSection:
    directory: Path = key(
        "/var/lib/ctaudit/spool", PATH,
        """The directory of received events, until the database has them. It has to be on a local
        disk.""",
    )  # fmt: skip
    max_bytes: int = key(
        "2GiB", size("1MiB", "1024TiB"),
        """How much disk the spool may take while the database is unreachable. At least three
        segments. Beyond it the newest events are dropped and counted, and the gap is recorded.""",
    )  # fmt: skip
    segment_bytes: int = key(
        "16MiB", size("256KiB", "1GiB"),
        "The size of one file of the spool. It is allocated in full before it is used.",
    )  # fmt: skip
    keep: float = key(
        "10min", duration("0s", "7d"),
        """How long files are kept after the database has them. If the database loses its last
        minutes, they are recorded again from these files. A file that an output has not read stays
        longer.""",
    )  # fmt: skip
    keep_bytes: int = key(
        "256MiB", size("0B", "1024TiB"), "How many bytes of such files are kept at most."
    )
    sync: float = key(
        "0s", duration("0s", "60s"),
        """How often received events are forced to disk. "0s" leaves it to the system: a loss of
        power then loses the last seconds (a kill of a process loses nothing).""",
    )  # fmt: skip


@dataclass(frozen=True)
class ScopeSection:
    """Addresses and networks; None: learned from the gateway."""

    public: tuple[str, ...] | None = open_key(
        None, NETWORKS,
        "The addresses that the outside sees of this gateway and of what is behind it.",
        without=_LEARNED, example=["1.2.3.0/28"],
    )  # fmt: skip
    internal: tuple[str, ...] | None = open_key(
        None, NETWORKS,
        "The networks behind this gateway.",
        without=_LEARNED, example=["192.168.0.0/16"],
    )  # fmt: skip

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Both, as far as they are set."""
        return tuple(map(ip_network, (*(self.public or ()), *(self.internal or ()))))


@dataclass(frozen=True)
class PrivacySection:
    """``remote`` False: the recorder stores no remote end."""

    remote: bool = key(
        True, FLAG,
        """Whether remote ends are stored. With false the recorder stores none, neither address nor
        port, in the database or in event lines (RFC 6888, REQ-12), and outputs get none. It needs
        `scope.internal`, and `scope.public` where the gateway is called without translation: an
        address that is in neither, and not made by the gateway's own translation, is stored as
        0.0.0.0 or ::. The spool holds the kernel's messages with remote ends until they are
        committed, and for `spool.keep` after that, or until each output has read them.""",
    )  # fmt: skip


@dataclass(frozen=True)
class FilterSection:
    """As they are written; conntrack.filter_notation reads them."""

    rules: tuple[str, ...] = key(
        [], TEXTS,
        """Rules, of which the first that matches a connection decides. What no rule matches is
        recorded. A rule, such as "deny no_dnat proto udp reply_src 8.8.8.8 reply_sport 53", is
        "accept" or "deny" and conditions, which must all hold; several values of one are separated
        by commas:""",
        words=(
            ("orig_src, orig_dst", "networks, as the connection's first packet bore them"),
            (
                "reply_src, reply_dst",
                "networks, as answers bear them: remote end or inner server; the public address",
            ),
            (
                "orig_sport, orig_dport, reply_sport, reply_dport",
                "ports and ranges such as 5060-5070; an ICMP id is no port",
            ),
            ("proto", "names and numbers of protocols"),
            ("zone", "conntrack zones; 0 for connections without one"),
            ("snat, dnat, nat_only", "the source was translated, the destination, one of them"),
            ("no_snat, no_dnat", "the source was not translated, the destination was not"),
        ),
        more="""A rule on a remote end that says no_dnat leaves the questions about other remote
        ends as they are. There is no condition on marks: one that is set later would keep an
        opening and drop its end.""",
    )  # fmt: skip
    accept_src_filter: str = open_key(
        "", TEXT,
        """The networks of sources that are recorded, as ulogd2's NFCT input has them. It stands in
        place of `rules`: what is not in each of the accept lists that are given is not recorded. A
        list of IPv4 networks alone excludes IPv6.""",
        without="all", example="192.168.1.0/24,1:2::/64",
    )  # fmt: skip
    accept_dst_filter: str = open_key(
        "", TEXT,
        "The networks of destinations that are recorded, as ulogd2's NFCT input has them.",
        without="all", example="192.168.1.0/24",
    )  # fmt: skip
    accept_proto_filter: str = open_key(
        "", TEXT,
        "The protocols that are recorded, as ulogd2's NFCT input has them.",
        without="all", example="tcp,sctp",
    )  # fmt: skip
