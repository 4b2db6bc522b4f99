"""The kinds of traffic: how each is made, and its usual route."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lab import addresses as a
from lab.traffic import senders
from lab.traffic.senders import Route, Sent


@dataclass(frozen=True)
class Kind:
    """How a kind of traffic is made, from which namespace, and its usual route."""

    send: Callable[[Route], Sent]
    route: Route
    role: str = "client"


WEB = Route(a.CLIENT, a.SERVER, a.HTTPS_PORT)
WEB6 = Route(a.CLIENT6, a.SERVER6, 22)
NAME = Route(a.CLIENT, a.SERVER, a.UDP_PORT)

KINDS = {
    "article": Kind(senders.send_tcp_close, replace(WEB, sport=a.ARTICLE_SPORT)),
    "tcp-close": Kind(senders.send_tcp_close, WEB),
    "tcp-reset": Kind(senders.send_tcp_reset, WEB),
    "udp-answered": Kind(senders.send_udp_answered, NAME),
    "udp-unanswered": Kind(senders.send_udp_unanswered, replace(NAME, dport=a.SILENT_PORT)),
    "icmp-echo": Kind(senders.send_echo, Route(a.CLIENT, a.SERVER)),
    "sctp": Kind(senders.send_sctp, Route(a.CLIENT, a.SERVER, a.SCTP_PORT)),
    "gre": Kind(senders.send_gre, Route(a.CLIENT, a.SERVER)),
    "gre-keyed": Kind(senders.send_gre_keyed, Route(a.CLIENT, a.SERVER)),
    "pptp": Kind(senders.send_pptp, Route(a.CLIENT, a.SERVER, a.PPTP_PORT)),
    "tftp": Kind(senders.send_tftp, Route(a.CLIENT, a.SERVER, a.TFTP_PORT)),
    "tcp6-close": Kind(senders.send_tcp_close, WEB6),
    "tcp6-reset": Kind(senders.send_tcp_reset, WEB6),
    "udp6-answered": Kind(senders.send_udp_answered, replace(WEB6, dport=a.UDP_PORT)),
    "udp6-unanswered": Kind(senders.send_udp_unanswered, replace(WEB6, dport=a.SILENT_PORT)),
    "icmpv6-echo": Kind(senders.send_echo, replace(WEB6, dport=0)),
    "nat66-tcp": Kind(senders.send_tcp_close, replace(WEB6, source=a.CLIENT6_NAT)),
    "zone-tcp": Kind(senders.send_tcp_close, replace(WEB, source=a.ZONE_CLIENT)),
    "zone-orig-tcp": Kind(senders.send_tcp_close, replace(WEB, source=a.ZONE_ORIG_CLIENT)),
    "zone-reply-tcp": Kind(senders.send_tcp_close, replace(WEB, source=a.ZONE_REPLY_CLIENT)),
    "mark-tcp": Kind(senders.send_tcp_close, replace(WEB, source=a.MARK_CLIENT)),
    "label-tcp": Kind(senders.send_tcp_close, replace(WEB, source=a.LABEL_CLIENT)),
    "dnat-tcp": Kind(
        senders.send_tcp_close, Route(a.OUTSIDER, a.GATEWAY, a.FORWARD_PORT), "server"
    ),
    "dnat6-tcp": Kind(
        senders.send_tcp_close, Route(a.OUTSIDER6, a.GATEWAY6, a.FORWARD_PORT), "server"
    ),
}
HOLD = "tcp-hold"
BURST = "burst"
