"""What the lab's gateway does with packets: nft rules and kernel settings."""

from __future__ import annotations

from collections.abc import Mapping

from lab import addresses as a

# Long enough for a test to look at an entry, short enough to wait for its natural end.
SHORT_TIMEOUTS: Mapping[str, int] = {
    "udp_timeout": 10,
    "udp_timeout_stream": 10,
    "icmp_timeout": 10,
    "icmpv6_timeout": 10,
    "generic_timeout": 10,
    "gre_timeout": 10,
    "gre_timeout_stream": 10,
    "tcp_timeout_close": 5,
    "tcp_timeout_time_wait": 10,
    "tcp_timeout_fin_wait": 10,
    "tcp_timeout_close_wait": 10,
    "tcp_timeout_last_ack": 10,
    "sctp_timeout_closed": 5,
}

GATEWAY_RULES = f"""
table inet ctaudit_lab {{
  chain zones {{
    type filter hook prerouting priority raw;
    ip saddr {a.ZONE_CLIENT} ct zone set {a.ZONE}
    ip daddr {a.GATEWAY_ZONE} ct zone set {a.ZONE}
    ip saddr {a.ZONE_ORIG_CLIENT} ct original zone set {a.ZONE_ORIG}
    ip saddr {a.ZONE_REPLY_CLIENT} ct reply zone set {a.ZONE_REPLY}
    ip daddr {a.GATEWAY_ZONE_REPLY} ct reply zone set {a.ZONE_REPLY}
  }}
  chain marks {{
    type filter hook prerouting priority mangle;
    ct state new ip saddr {a.MARK_CLIENT} ct mark set {a.MARK:#x}
    ct state new ip saddr {a.LABEL_CLIENT} ct label set {a.LABEL_BIT}
  }}
  chain forwards {{
    type nat hook prerouting priority dstnat;
    ip daddr {a.GATEWAY} tcp dport {a.FORWARD_PORT} \
dnat ip to {a.FORWARD_TARGET}:{a.HTTPS_PORT}
    ip6 daddr {a.GATEWAY6} tcp dport {a.FORWARD_PORT} \
dnat ip6 to [{a.FORWARD_TARGET6}]:{a.HTTPS_PORT}
  }}
  chain sources {{
    type nat hook postrouting priority srcnat;
    oifname != "outside" accept
    ip saddr {a.CLIENT} tcp sport {a.ARTICLE_SPORT} \
snat ip to {a.GATEWAY}:{a.ARTICLE_NAT_SPORT}
    ip saddr {a.CLIENT} tcp sport {a.ARTICLE_SECOND_SPORT} \
snat ip to {a.GATEWAY}:{a.ARTICLE_SECOND_NAT_SPORT}
    ip saddr {a.ZONE_CLIENT} snat ip to {a.GATEWAY_ZONE}
    ip saddr {a.ZONE_REPLY_CLIENT} snat ip to {a.GATEWAY_ZONE_REPLY}
    ip saddr 192.168.1.0/24 masquerade
    ip6 saddr {a.CLIENT6_NAT} masquerade
  }}
}}
"""

# The server says nothing on these ports, not even that nobody listens there.
SERVER_RULES = f"""
table inet ctaudit_lab {{
  chain silence {{
    type filter hook input priority filter;
    udp dport {{ {a.SILENT_PORT}, {a.SILENT_PORTS.start}-{a.SILENT_PORTS.stop - 1} }} drop
  }}
}}
"""


def helper_rules(helper: str, protocol: str, port: int) -> str:
    """Rules that give one conntrack helper its port; nft refuses them without the helper."""
    return f"""
table inet ctaudit_lab_{helper} {{
  ct helper {helper}-helper {{ type "{helper}" protocol {protocol}; }}
  chain assign {{
    type filter hook prerouting priority filter;
    {protocol} dport {port} ct helper set "{helper}-helper"
  }}
}}
"""


HELPERS = {
    "tftp": helper_rules("tftp", "udp", a.TFTP_PORT),
    "pptp": helper_rules("pptp", "tcp", a.PPTP_PORT),
}


def settings_script(settings: Mapping[str, int]) -> str:
    """A shell script that writes settings (path below /proc/sys to value) where it runs."""
    return "set -e\n" + "".join(
        f"echo {value} > /proc/sys/{path}\n" for path, value in settings.items()
    )


def gateway_settings(
    accounting: bool, timestamps: bool, timeouts: Mapping[str, int]
) -> Mapping[str, int]:
    netfilter = "net/netfilter/nf_conntrack_"
    return {
        "net/ipv4/ip_forward": 1,
        "net/ipv6/conf/all/forwarding": 1,
        f"{netfilter}acct": int(accounting),
        f"{netfilter}timestamp": int(timestamps),
        f"{netfilter}events": 1,
        **{f"{netfilter}{name}": seconds for name, seconds in timeouts.items()},
    }


# No duplicate address detection: an address must be usable as soon as it is there.
LINK_SETTINGS: Mapping[str, int] = {
    f"net/ipv6/conf/{which}/{setting}": 0
    for which in ("all", "default")
    for setting in ("accept_dad", "accept_ra", "router_solicitations")
}
