"""Real packets through the lab's gateway.

    making      make_traffic and holding: what tests, bench and demo call
    load        thousands of connections, opened and ended in the background
    kinds       the kinds of traffic by name, and the route of each
    senders     one function a kind: opens sockets, sends, says what was sent
    burst       many connections at once, numbered, one packet each
    packets     ICMP, SCTP and GRE packets by hand
    pptp        PPTP's control messages

``python3 -m lab.traffic KIND`` inside a lab namespace is what they start.
"""

from lab.traffic.kinds import KINDS
from lab.traffic.making import Held, holding, make_traffic

__all__ = ["KINDS", "Held", "holding", "make_traffic"]
