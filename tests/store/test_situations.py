"""The table of situations: what happened, what is asked, and the answer that is right.

tests/store/situation.py says how a line is read. Each question is a test; one that is answered
wrongly today says so behind ``now``, and fails as soon as the answer is right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import psycopg
import pytest

from ctaudit.conntrack.event import name_protocol
from ctaudit.database import steps
from ctaudit.query.answer import Answer
from lab.cluster import Cluster
from tests.store.histories.questions import Question, near_end
from tests.store.histories.sending import Said, Store, open_store
from tests.store.histories.truth import DST_NAT, SRC_NAT
from tests.store.situation import (
    Lines,
    Row,
    read_connections,
    read_question,
    read_rows,
    write_calls,
)

# The words of A, B and a..: the lists of reported cases that a row was made after.
CONNECTIONS = read_connections("""
    a   tcp  192.168.1.129:53400 > 19.1.16.7:443,     19.1.16.7:443 > 1.2.3.4:53500     snat
    b   tcp  192.168.1.130:53400 > 19.1.16.7:443,     19.1.16.7:443 > 1.2.3.4:53500     snat
    c   tcp  192.168.1.131:53400 > 68.232.35.139:443, 68.232.35.139:443 > 1.2.3.4:53500 snat
    u   udp  192.168.1.132:5353 > 19.1.16.7:53,       19.1.16.7:53 > 1.2.3.4:53500      snat
    v   udp  192.168.1.132:5353 > 19.1.16.7:53,       19.1.16.7:53 > 1.2.3.4:53501      snat
    w   udp  [2001:db8:1::129]:5353 > [2001:db8::7]:53, [2001:db8::7]:53 > [2001:db8:1::129]:5353
    o   tcp  192.168.1.133:1000 > 19.1.16.7:443,      19.1.16.7:443 > 1.2.3.4:53599     snat
    d   tcp  61.174.51.209:6000 > 1.2.3.4:8443,   192.168.1.10:443 > 61.174.51.209:6000 dnat
    e   tcp  5.6.7.8:6000 > 1.2.3.4:8443,         192.168.1.11:443 > 5.6.7.8:6000       dnat
    dr  tcp  192.168.1.129:9000 > 8.8.8.8:53,     192.168.1.1:53 > 192.168.1.129:9000 dnat
    h   tcp  192.168.1.129:7000 > 1.2.3.4:8443,   192.168.1.10:443 > 192.168.1.1:53501  both
    p   icmp 192.168.1.129:77 > 19.1.16.7,        19.1.16.7 > 1.2.3.4:78                snat
    q   icmp 192.168.1.130:77 > 19.1.16.7,        19.1.16.7 > 1.2.3.4:79                snat
    s   esp  192.168.1.129 > 19.1.16.7,           19.1.16.7 > 1.2.3.4                   snat
    x   tcp  [2001:db8:1::129]:51162 > [2001:db8::7]:22, [2001:db8::7]:22 > [2001:db8:1::129]:51162
    y   tcp  [2001:db8::7]:400 > [2001:db8:1::129]:5141, [2001:db8:1::129]:5141 > [2001:db8::7]:400
    z   tcp  [2001:db8::7]:22 > [2001:db8:1::129]:51162, [2001:db8:1::129]:51162 > [2001:db8::7]:22
    r   tcp  19.1.16.7:40001 > 192.168.1.130:443, 192.168.1.130:443 > 19.1.16.7:40001
    ir  icmp 19.1.16.7:55 > 192.168.1.130,        192.168.1.130 > 19.1.16.7:55
    id  icmp 19.1.16.7:55 > 1.2.3.4,              192.168.1.130 > 19.1.16.7:55 dnat
    ao  tcp  1.2.3.4:53500 > 19.1.16.7:443, 19.1.16.7:443 > 1.2.3.4:53500
    aa  tcp  1.2.3.4:53500 > 19.1.16.7:443, 19.1.16.7:443 > 5.6.7.8:60000          snat
    az  tcp  192.168.1.129:53400 > 19.1.16.7:443, 19.1.16.7:443 > 10.9.0.1:53455   snat zone 7
    bz  tcp  10.9.0.1:53455 > 19.1.16.7:443, 19.1.16.7:443 > 1.2.3.4:53500         snat
    di  tcp  61.174.51.209:6000 > 192.168.1.10:443, 10.0.0.2:8080 > 61.174.51.209:6000 dnat
    po  icmp 1.2.3.4:78 > 19.1.16.7,              19.1.16.7 > 1.2.3.4:78
    pa  icmp 1.2.3.4:78 > 19.1.16.7,              19.1.16.7 > 5.6.7.8:99           snat
    n   tcp  192.168.1.129:53400 > 19.1.16.7:443, 19.1.16.7:443 > 10.0.0.2:50001        snat
    m   tcp  192.168.1.130:53400 > 19.1.16.7:443, 19.1.16.7:443 > 10.0.0.2:50001        snat
    no  tcp  10.0.0.2:50001 > 19.1.16.7:443,      19.1.16.7:443 > 1.2.3.4:53500         snat
    ni  tcp  10.0.0.2:50001 > 19.1.16.7:443,      19.1.16.7:443 > 10.0.0.2:50001
    nr  tcp  10.0.0.2:50001 > 19.1.16.7:443,      19.1.16.7:443 > 10.8.0.2:40001        snat
    nn  tcp  10.8.0.2:40001 > 19.1.16.7:443,      19.1.16.7:443 > 1.2.3.4:53500         snat
    ko  tcp  61.174.51.209:6000 > 1.2.3.4:8443, 10.0.0.2:8080 > 61.174.51.209:6000      dnat
    k   tcp  61.174.51.209:6000 > 10.0.0.2:8080, 192.168.1.10:443 > 61.174.51.209:6000  dnat
    bo  tcp  61.174.51.209:6000 > 1.2.3.4:8443, 10.0.0.2:8080 > 10.0.0.1:53501          both
    bi  tcp  10.0.0.1:53501 > 10.0.0.2:8080,      192.168.1.10:443 > 10.0.0.1:53501     dnat
    co  tcp  10.0.0.2:50001 > 8.8.8.8:53,         192.0.2.9:53 > 1.2.3.4:53500          both
    ci  tcp  192.168.1.129:53400 > 8.8.8.8:53,    8.8.8.8:53 > 10.0.0.2:50001           snat
    go  icmp 10.0.0.2:78 > 19.1.16.7,             19.1.16.7 > 1.2.3.4:99                snat
    g   icmp 192.168.1.129:77 > 19.1.16.7,        19.1.16.7 > 10.0.0.2:78               snat
    fo  icmp 19.1.16.7:55 > 1.2.3.4,              10.0.0.2 > 19.1.16.7:55               dnat
    f   icmp 19.1.16.7:55 > 10.0.0.2,             192.168.1.10 > 19.1.16.7:55           dnat
    6o  tcp  [2001:db8:a::2]:50001 > [2001:db8::7]:22, [2001:db8::7]:22 > [2001:db8:1::1]:600 snat
    6i  tcp  [fd00::129]:400 > [2001:db8::7]:22, [2001:db8::7]:22 > [2001:db8:a::2]:50001 snat
    t1  tcp  10.0.0.5:40001 > 19.1.16.7:443, 19.1.16.7:443 > 1.2.3.4:53601   snat zone 1
    t2  tcp  10.0.0.5:40001 > 19.1.16.7:443, 19.1.16.7:443 > 1.2.3.4:53602   snat zone 2
    d1  tcp  5.6.7.9:6001 > 1.2.3.4:8444, 10.1.0.2:443 > 5.6.7.9:6001        dnat zone 1
    d2  tcp  5.6.7.9:6001 > 1.2.3.4:8444, 10.2.0.2:443 > 5.6.7.9:6001        dnat zone 2
    d3  tcp  5.6.7.9:6001 > 1.2.3.4:8444, 10.3.0.2:443 > 5.6.7.9:6001        dnat zone 3
""")

SITUATIONS = """
# One connection.

Open
  10:00 begin
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53500 at 10:30:00 to 19.1.16.7:443 proto tcp node gw1 = one a
  ? 1.2.3.4:53500 at 10:30:00.000001 = one a
  ? 1.2.3.4:53501 at 10:30:00 = none
  ? 1.2.3.4:53500 at 10:30:00 to 19.1.16.8 = none
  ? 1.2.3.4:53500 at 10:30:00 proto udp = none
  ? 1.2.3.4:53500 at 10:04:30 = none
  ? 1.2.3.4:53500 at 10:04:59.96 = unknown            # read then, sent up to 50 ms before
  ? 1.2.3.4:53599 at 09:59:00 = unknown               # before the first record
  ? 1.2.3.4:53599 at 11:00:30 = unknown               # not recorded yet
  ? 1.2.3.4:53599 at 10:30:00 node gw9 = unknown      # no such gateway

Ended
  10:00 begin
  10:05 NEW a start=10:04:59.999
  10:20:01 END a stop=10:20:00.5
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:20:00 = one a
  ? 1.2.3.4:53500 at 10:20:00.500000 = one a
  ? 1.2.3.4:53500 at 10:20:00.500001 = none
  ? 1.2.3.4:53500 at 10:20:01 = none
  ? 1.2.3.4:53500 at 10:04:59.998 = none
  ? 1.2.3.4:53500 at 10:04:59.999 = one a
  ? 1.2.3.4:53500 at 10:20:05 within 5 = one a

It began after the second asked for; its end came hours later
  10:00 begin
  12:00:01.080 NEW a start=12:00:01.020
  12:30 dump a
  15:00 END a
  16:00 covered
  ? 1.2.3.4:53500 at 12:00:00 = none
  ? 1.2.3.4:53500 at 12:00:01 = one a

A table dump told the kernel's start
  10:00 begin
  10:05 NEW a start=10:04:59.99
  10:30 dump a
  11:00 covered
  ? 1.2.3.4:53500 at 10:04:59.96 = none

The closing time-out belongs to it
  10:00 begin
  10:05 NEW a
  10:12 END a stop=10:12:00          # the last packet was seen at 10:10
  11:00 covered
  ? 1.2.3.4:53500 at 10:11:00 = one a
  ? 1.2.3.4:53500 at 10:12:01 = none

It expired, and its DESTROY came 40 s later
  10:00 begin
  10:05 NEW a
  10:30:40 END a stop=10:30:00
  11:00 covered
  ? 1.2.3.4:53500 at 10:29:59 = one a
  ? 1.2.3.4:53500 at 10:30:20 = none

It expired, and its DESTROY has not come yet
  10:00 begin
  10:05 NEW a
  10:30:30 covered                   # the DESTROY of 10:30:40 will say 10:30:00
  ? 1.2.3.4:53500 at 10:30:20 = unknown, now one a (an end is up to a minute under way)
  ? 1.2.3.4:53500 at 10:29:00 = one a

Without the kernel's stamps
  10:00 begin unstamped
  10:05:00.5 NEW a
  10:20 END a unstamped
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = unknown               # it may have expired long before
  ? 1.2.3.4:53500 at 10:05:00 = one a
  ? 1.2.3.4:53500 at 10:20:01 = none

# Its event's own time, which comes before its start.

A queue held the first packet for 20 ms
  10:00 begin
  10:05:00.021 NEW a event=10:05:00 start=10:05:00.020
  10:20 END a
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:30:00 = none

A queue held the first packet, and a table dump came
  10:00 begin
  10:05:00.021 NEW a event=10:05:00 start=10:05:00.020
  10:30 dump a
  11:00 covered
  ? 1.2.3.4:53500 at 10:40:00 = one a
  ? 1.2.3.4:53500 at 10:10:00 = one a

# A port used again.

By another host, a second later
  10:00 begin
  10:05 NEW a
  10:06 END a stop=10:05:59.9
  10:06:01 NEW b
  11:00 covered
  ? 1.2.3.4:53500 at 10:05:30 = one a
  ? 1.2.3.4:53500 at 10:06:30 = one b
  ? 1.2.3.4:53500 at 10:06:00.0 = none

By another host within the second
  10:00 begin
  10:05 NEW a
  10:06:00.5 END a stop=10:06:00.3
  10:06:00.7 NEW b start=10:06:00.69
  11:00 covered
  ? 1.2.3.4:53500 at 10:06:00 = several a b
  ? 1.2.3.4:53500 at 10:06:00.2 = one a
  ? 1.2.3.4:53500 at 10:06:00.4 = none
  ? 1.2.3.4:53500 at 10:06:00.8 = one b

By another host at once, all in one read
  10:00 begin
  10:05 NEW a
  10:06 END a stop=10:05:59.999 ; NEW b start=10:05:59.999100
  10:07 END b
  11:00 covered
  ? 1.2.3.4:53500 at 10:05:59.999050 = none
  ? 1.2.3.4:53500 at 10:05:59.999200 = one b

By another host hours later
  10:00 begin
  10:05 NEW a
  10:06 END a
  14:00 NEW b
  15:00 covered
  ? 1.2.3.4:53500 at 12:00:00 = none
  ? 1.2.3.4:53500 at 14:30:00 = one b

Towards two remotes at once
  10:00 begin
  10:05 NEW a
  10:06 NEW c
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = several a c
  ? 1.2.3.4:53500 at 10:30:00 to 68.232.35.139 = one c
  ? 1.2.3.4:53500 at 10:05:30 = one a

By two protocols at once
  10:00 begin
  10:05 NEW a
  10:05 NEW u
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = several a u
  ? 1.2.3.4:53500 at 10:30:00 proto udp = one u

The same tuple and id hours later
  10:00 begin
  10:05 NEW a
  10:06 END a
  13:00 NEW a'
  14:00 covered
  ? 1.2.3.4:53500 at 10:05:30 = one a
  ? 1.2.3.4:53500 at 12:00:00 = none
  ? 1.2.3.4:53500 at 13:30:00 = one a

# The same tuple and id twice within microseconds (A18).

The same tuple and id ends and begins again while no receiver ran
  10:00 begin
  10:05 NEW v event=10:04:59.995
  10:07 stop
  10:12 begin with v'@10:08:08
  10:30 NEW o
  10:33 covered
  ? 1.2.3.4:53501 at 10:05:30 = one v
  ? 1.2.3.4:53501 at 10:12:00 = unknown
  ? 1.2.3.4:53501 at 10:13:00 = one v
  ? 1.2.3.4:53501 at 10:32:00 = one v

The same tuple and id ends and begins again behind an overrun
  10:00 begin
  10:05 NEW v event=10:04:59.995
  10:12 overrun lost=3 last=10:06
  10:12:01 dump v'@10:07:08
  10:20 overrun lost=3 last=10:19
  10:20:01 dump
  10:33 covered
  ? 1.2.3.4:53501 at 10:13:00 = one v
  ? 1.2.3.4:53501 at 10:25:00 = none

The second is open
  10:00 begin
  10:05:00.001 NEW a start=10:05:00 ; END a stop=10:05:00.000100 ; NEW a' start=10:05:00.000150
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = one a

The second is open, the kernel tells the events' times
  10:00 begin
  10:05:00.001 NEW a event=10:05:00 ; END a stop=10:05:00.0001 ; NEW a' event=10:05:00.00013
  10:20 dump a'
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:30:00 = one a

Both were open as a dump began that shows the second (A18, seed 431)
  10:00 begin
  10:05 dump begins
  10:05:00.151 NEW a start=10:05:00.1 ; END a stop=10:05:00.1001 ; NEW a' start=10:05:00.15
  10:05:00.160 entries a'
  10:05:00.170 dump ends
  10:20 END a' stop=10:20:00
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:30:00 = none

It expired, and its DESTROY was lost half a minute later
  10:00 begin
  10:05 NEW a
  10:30:30 overrun lost=3 last=10:30:25
  10:31 dump
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:10 = unknown
  ? 1.2.3.4:53500 at 10:29:00 = one a

Two dumps lack what no DESTROY ended, and an overrun came between them
  10:00 begin
  10:05 NEW a
  11:00 dump
  11:02:10 overrun lost=3 last=11:02:09
  11:02:20 dump
  11:30 covered
  ? 1.2.3.4:53500 at 10:50:00 = unknown

The second has ended, the kernel tells the events' times
  10:00 begin
  10:05:00.001 NEW a event=10:05:00 ; END a stop=10:05:00.0001 ; NEW a' event=10:05:00.00013
  10:20 END a'
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:05:00 = several a a
  ? 1.2.3.4:53500 at 10:30:00 = none

# Translated destinations, both, and none.

A forwarded port
  10:00 begin
  10:05 NEW d
  10:06 NEW e
  11:00 covered
  ? 1.2.3.4:8443 at 10:05:30 = one d
  ? 1.2.3.4:8443 at 10:30:00 = several d e
  ? 1.2.3.4:8443 at 10:30:00 to 5.6.7.8:6000 = one e
  ? 1.2.3.4:443 at 10:30:00 = none                    # the internal port is not the public one

From inside to the public address (hairpin)
  10:00 begin
  10:05 NEW h
  11:00 covered
  ? 1.2.3.4:8443 at 10:30:00 = one h
  ? 192.168.1.1:53501 at 10:30:00 = one h

A forwarded port that three tenants have
  10:00 begin
  10:05 NEW d1
  10:05:01 NEW d2
  10:05:02 NEW d3
  11:00 covered
  ? 1.2.3.4:8444 at 10:30:00 = several d1 d2 d3

Two tenants with equal tuples
  10:00 begin
  10:05 NEW t1
  10:05:01 NEW t2
  11:00 covered
  ? 1.2.3.4:53601 at 10:30:00 = one t1
  ? 1.2.3.4:53602 at 10:30:00 = one t2
  ? 1.2.3.4 at 10:30:00 = several t1 t2

IPv6, not translated
  10:00 begin
  10:05 NEW x
  11:00 covered
  ? [2001:db8:1:0::129]:51162 at 10:30:00 = one x
  ? [2001:db8:1::129]:51162 at 10:30:00 to [2001:db8::7]:22 = one x
  ? [2001:db8:1::130]:51162 at 10:30:00 = none

ICMP by its id, and without
  10:00 begin
  10:05 NEW p
  10:06 NEW q
  11:00 covered
  ? 1.2.3.4:78 at 10:30:00 proto icmp = one p
  ? 1.2.3.4 at 10:30:00 proto icmp = several p q
  ? 1.2.3.4:77 at 10:30:00 proto icmp = none          # the inner id

An ICMP error belongs to what it answers
  10:00 begin
  10:05 NEW u
  11:00 covered
  ? 1.2.3.4 at 10:30:00 proto icmp = none
  ? 1.2.3.4:53500 at 10:30:00 = one u

A protocol without ports
  10:00 begin
  10:05 NEW s
  10:20 END s
  11:00 covered
  ? 1.2.3.4 at 10:10:00 proto esp = one s
  ? 1.2.3.4 at 10:30:00 proto esp = none

# Before a gap, inside it, after it.

The receiver was stopped for three seconds
  10:00 begin
  10:05 NEW a
  10:30 covered
  10:30 stop
  10:30:03 begin with a
  11:00 covered
  ? 1.2.3.4:53500 at 10:45:00 = one a
  ? 1.2.3.4:53500 at 10:20:00 = one a
  ? 1.2.3.4:53599 at 10:30:01 = unknown
  ? 1.2.3.4:53599 at 10:45:00 = none

Power was lost half an hour after the last dump
  10:00 begin
  10:00:10 NEW a
  10:30 dump a
  11:20 covered
  11:22 power off
  11:25 begin
  11:40 covered
  ? 1.2.3.4:53500 at 11:10:00 = one a
  ? 1.2.3.4:53500 at 10:20:00 = one a
  ? 1.2.3.4:53599 at 11:21:00 = unknown
  ? 1.2.3.4:53500 at 11:30:00 = none

It ended inside a gap
  10:00 begin
  10:05 NEW a
  10:30 overrun lost=3 last=10:29:59
  10:31 dump
  11:00 covered
  ? 1.2.3.4:53500 at 10:20:00 = one a
  ? 1.2.3.4:53500 at 10:30:30 = unknown
  ? 1.2.3.4:53500 at 10:40:00 = none

It ended inside a gap, asked about just before its start
  10:00 begin
  10:05 NEW a start=10:04:59.99
  10:30 overrun lost=3 last=10:29:59
  10:31 dump
  11:00 covered
  ? 1.2.3.4:53500 at 10:04:59.97 = unknown

It began inside a gap
  10:00 begin
  10:30 overrun lost=3 last=10:29:59
  10:31 dump a@10:30:10
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:30 = unknown
  ? 1.2.3.4:53500 at 10:45:00 = one a
  ? 1.2.3.4:53500 at 10:29:00 = none

An overrun of a stream that was idle
  10:00 begin
  10:29:59.9 covered
  10:30 overrun lost=3 last=10:00:00
  10:31 dump
  11:00 covered
  ? 1.2.3.4:53599 at 10:15:00 = none               # all sent before 10:29:59.9 had been read

A dump that an overrun broke off ends no gap
  10:00 begin
  10:30 dump begins
  10:30:00.1 overrun lost=3 last=10:29:59
  10:30:00.2 dump ends
  11:00 covered
  ? 1.2.3.4:53599 at 10:45:00 = unknown

The spool was full
  10:00 begin
  10:05 NEW a
  10:40 dropped from=10:30:00 count=77
  10:40:01 dump a
  11:00 covered
  ? 1.2.3.4:53599 at 10:35:00 = unknown
  ? 1.2.3.4:53500 at 10:45:00 = one a
  ? 1.2.3.4:53500 at 10:20:00 = one a

A segment was damaged
  10:00 begin
  10:30 covered
  11:00 missing until=10:40
  11:30 covered
  ? 1.2.3.4:53599 at 10:35:00 = unknown
  ? 1.2.3.4:53599 at 11:15:00 = unknown               # an opening may have been lost
  ? 1.2.3.4:53599 at 10:20:00 = none

A segment was damaged, and a dump came
  10:00 begin
  10:30 covered
  11:00 missing until=10:40
  11:30 dump
  12:00 covered
  ? 1.2.3.4:53599 at 11:45:00 = none

An opening is undecodable while a dump runs
  10:00 begin
  10:30 dump begins
  10:30:00.1 undecodable
  10:30:00.2 dump ends
  11:00 covered
  ? 1.2.3.4:53500 at 10:45:00 = unknown

An entry of the dump is undecodable
  10:00 begin
  10:05 NEW a
  10:30 dump begins
  10:30:00.1 undecodable
  10:30:00.2 dump ends
  11:00 covered
  ? 1.2.3.4:53500 at 10:45:00 = unknown
  ? 1.2.3.4:53500 at 10:20:00 = one a

An opening is undecodable, a dump follows
  10:00 begin
  10:30 undecodable
  10:40 dump a@10:29:59
  11:00 covered
  ? 1.2.3.4:53500 at 10:35:00 = unknown
  ? 1.2.3.4:53500 at 10:50:00 = one a

Two gateways, one of them behind
  10:00 begin
  10:00 gw2: begin
  10:05 NEW a
  10:20 gw2: covered
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:30:00 = unknown
  ? 1.2.3.4:53500 at 10:30:00 node gw1 = one a

# Two packets of one UDP socket at once: entries without a NEW (A3). u was announced, v was not.

UDP clashes
  10:00 begin
  10:01 NEW a
  10:01 NEW u
  10:02 NEW o
  10:30:01 clashes since=10:30:00
  11:00 covered
  ? 1.2.3.4:53500 at 10:29:59 to 19.1.16.7:443 = one a
  ? 1.2.3.4:53501 at 10:29:59 = none                  # before the first look
  ? 1.2.3.4:53501 at 10:30:00 = unknown; udp unknown; other none
  ? 1.2.3.4:53501 at 10:30:01 = unknown; udp unknown; other none
  ? 1.2.3.4:53501 at 10:32:00 = unknown; udp unknown; other none
  ? 1.2.3.4:53501 at 10:32:01 = unknown; udp unknown; other none   # 120 s after the second look
  ? 1.2.3.4:53501 at 10:32:02 = none
  ? 1.2.3.4:53501 at 10:30:30 within 3600 = unknown
  ? 1.2.3.4:53500 at 10:30:30 = unknown; tcp one a; udp unknown; other none
  ? 1.2.3.4:53599 at 10:30:30 = unknown; tcp one o; udp unknown; other none
  ? 1.2.3.4:53500 at 10:30:30 proto tcp = one a
  ? 1.2.3.4:53501 at 10:30:30 proto tcp = none
  ? 1.2.3.4:53500 at 10:30:30 proto udp = unknown
  ? 1.2.3.4:53501 at 10:30:30 proto udp = unknown
  ? 1.2.3.4:78 at 10:30:30 proto icmp = none
  ? 1.2.3.4:53500 at 10:45:00 = several a u           # the gap hides no end
  ? 1.2.3.4:53599 at 10:45:00 = one o
  ? 1.2.3.4:53500 at 10:45:00 proto udp = one u

UDP clashes: the connection without a NEW is known when it has ended and a dump has come
  10:00 begin
  10:05 NEW u
  10:30:01 clashes since=10:30:00
  10:31:20 END v start=10:30:00.5 stop=10:30:30.5 clashed
  10:35 covered
  ? 1.2.3.4:53501 at 10:30:10 = unknown v; udp unknown v; other none
  10:40 dump u
  10:41:06 covered
  ? 1.2.3.4:53501 at 10:30:10 = one v
  ? 1.2.3.4:53501 at 10:30:40 = none
  ? 1.2.3.4:53500 at 10:30:10 = one u

UDP clashes: a dump comes before the DESTROY
  10:00 begin
  10:30:01 clashes since=10:30:00
  10:30:40 dump                                       # v: 10:30:00.5 to 10:30:30.5
  10:30:50 covered
  ? 1.2.3.4:53501 at 10:30:10 = unknown; udp unknown; other none
  10:31:20 END v start=10:30:00.5 stop=10:30:30.5 clashed
  10:32 covered
  ? 1.2.3.4:53501 at 10:30:10 = one v

UDP clashes: a dump shows the entry before the note comes
  10:00 begin
  10:01 NEW a
  10:30:00.6 dump a v@10:30:00.5@clashed
  10:30:01 clashes since=10:30:00
  10:31:20 END v start=10:30:00.5 stop=10:30:30.5 clashed
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 = one a                 # a clash is not what the kernel hides
  ? 1.2.3.4:53500 at 10:45:00 = one a
  ? 1.2.3.4:53501 at 10:30:10 = unknown; udp unknown; other none

UDP clashes: what no event announced is not explained by them
  10:00 begin
  10:30:01 clashes since=10:30:00
  10:31 dump o@10:30:00.5
  11:00 covered
  ? 1.2.3.4:53599 at 10:20:00 = unknown

UDP clashes, without translation
  10:00 begin
  10:01 NEW x
  10:01 NEW w
  10:30:01 clashes since=10:30:00
  11:00 covered
  ? [2001:db8:1::129]:51162 at 10:30:30 = unknown; tcp one x; udp unknown; other none
  ? [2001:db8:1::129]:51162 at 10:30:30 proto tcp = one x
  ? [2001:db8:1::129]:5353 at 10:30:30 = unknown; udp unknown; other none
  ? [2001:db8:1::129]:5353 at 10:45:00 = one w

UDP clashes, and an overrun that concerns all
  10:00 begin
  10:01 NEW a
  10:30:01 clashes since=10:30:00
  10:30:10 overrun last=10:30:09
  10:30:20 dump a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:05 = unknown; tcp one a; udp unknown; other none
  ? 1.2.3.4:53500 at 10:30:15 = unknown               # for no protocol is more known
  ? 1.2.3.4:53500 at 10:30:15 proto tcp = unknown

UDP clashes of one gateway of two
  10:00 begin
  10:00 gw2: begin
  10:01 NEW a
  10:30:01 gw2: clashes since=10:30:00
  11:00 covered
  11:00 gw2: covered
  ? 1.2.3.4:53500 at 10:30:30 = unknown; tcp one a; udp unknown; other none
  ? 1.2.3.4:53500 at 10:30:30 node gw1 = one a
  ? 1.2.3.4:53500 at 10:30:30 node gw2 proto tcp = none

UDP clashes in nat mode
  10:00 begin nat
  10:01 NEW a
  10:30:01 clashes since=10:30:00
  11:00 covered
  ? 1.2.3.4:53501 at 10:30:30 = unknown because .* may be missing: gap .clashes. of udp .*
  ? 1.2.3.4:53501 at 10:30:30 proto tcp = unknown because .* connections end, and only .*
  ? 1.2.3.4:53501 at 10:45:00 = unknown because .* connections end, and only .*

UDP clashes in nat mode with reliable: the end makes the opening
  10:00 begin nat reliable
  10:01 NEW u
  10:30:01 clashes since=10:30:00
  10:31:20 END v start=10:30:00.5 stop=10:30:30.5 clashed
  11:00 covered
  ? 1.2.3.4:53501 at 10:30:10 = unknown v

UDP clashes in history mode hide nothing
  10:00 begin history
  10:30:01 clashes since=10:30:00
  10:31:20 END v start=10:30:00.5 stop=10:30:30.5 clashed
  10:40 dump
  10:42 covered
  ? 1.2.3.4:53501 at 10:30:10 = one v
  ? 1.2.3.4:53501 at 10:30:40 = none

# Not translated, and opened from outside: the host's end is the one that was called.

The server connects in over IPv6
  10:00 begin
  10:05 NEW y
  10:20 END y
  11:00 covered
  ? [2001:db8:1::129]:5141 at 10:10:00 to 2001:db8::7 = one y
  ? [2001:db8:1::129]:5141 at 10:10:00 to [2001:db8::7]:400 proto tcp node gw1 = one y
  ? [2001:db8:1::129]:5141 at 10:10:00 = one y
  ? [2001:db8:1::129] at 10:10:00 = one y
  ? [2001:db8:1::129]:5141 at 10:10:00 to [2001:db8::7]:401 = none
  ? [2001:db8:1::129]:400 at 10:10:00 = none
  ? [2001:db8:1::129]:5141 at 10:30:00 = none
  ? [2001:db8::7]:400 at 10:10:00 to 2001:db8:1::129 = one y   # its own end, as host

The table was flushed, and the server sends first
  10:00 begin
  10:05 NEW x
  10:10 END x
  10:10:05 NEW z
  11:00 covered
  ? [2001:db8:1::129]:51162 at 10:06:00 to [2001:db8::7]:22 = one x
  ? [2001:db8:1::129]:51162 at 10:10:02 to [2001:db8::7]:22 = none
  ? [2001:db8:1::129]:51162 at 10:30:00 to [2001:db8::7]:22 = one z

Open since before the record, shown by dumps alone
  10:00 begin with y@09:30
  10:30 dump y
  11:00 covered
  ? [2001:db8:1::129]:5141 at 10:10:00 = one y

Routed IPv4, the server connects in
  10:00 begin
  10:05 NEW r
  10:05 NEW a
  11:00 covered
  ? 192.168.1.130:443 at 10:10:00 to 19.1.16.7:40001 = one r
  ? 192.168.1.130:443 at 10:10:00 = one r
  ? 19.1.16.7:443 at 10:10:00 = none                  # a is translated: its remote is no host

Pinged from outside, by the id of the query
  10:00 begin
  10:05 NEW ir
  10:05 NEW id
  11:00 covered
  ? 192.168.1.130:55 at 10:10:00 proto icmp = one ir
  ? 192.168.1.130:56 at 10:10:00 proto icmp = none
  ? 1.2.3.4:55 at 10:10:00 proto icmp = one id
  ? 1.2.3.4:55 at 10:10:00 to 19.1.16.7 = one id
  ? 1.2.3.4 at 10:10:00 proto icmp = one id

In nat mode an opening is a candidate for 7 days
  2024-02-10T10:00 begin nat
  2024-02-13T10:05 NEW a
  2024-02-13T10:06 NEW c
  11:00 covered
  ? 1.2.3.4:53500 at 2024-02-19T10:00:00 = unknown c
  ? 1.2.3.4:53500 at 2024-02-20T10:05:30 = unknown c
  ? 1.2.3.4:53500 at 2024-02-20T10:06:01 = unknown because .* only openings of the 7 days before .*

Opened from outside in nat mode: the latest
  10:00 begin nat
  10:05 NEW y
  11:00 covered
  ? [2001:db8:1::129]:5141 at 10:30:00 = unknown y

The scope says which end is internal
  10:00 begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16 2001:db8:1::/48
  10:05 NEW y
  10:05 NEW r
  10:05 NEW w
  10:05 NEW a
  10:10 END y
  11:00 covered
  ? [2001:db8:1::129]:5141 at 10:06:00 = one y
  ? [2001:db8:1::129]:5141 at 10:20:00 = none
  ? [2001:db8::7]:400 at 10:06:00 = unknown because .*not an address of this gateway.*
  ? [2001:db8::7]:400 at 10:06:00 to 2001:db8:1::129 = unknown
  ? [2001:db8:1::129]:5353 at 10:06:00 = one w
  ? [2001:db8::7]:53 at 10:06:00 = unknown
  ? 192.168.1.130:443 at 10:06:00 = one r
  ? 19.1.16.7:40001 at 10:06:00 = unknown
  ? 1.2.3.4:53500 at 10:06:00 = one a

The scope says which end is internal: a forwarded port, and a host's packets that were redirected
  10:00 begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:05 NEW d
  10:05 NEW dr
  11:00 covered
  ? 1.2.3.4:8443 at 10:06:00 = one d
  ? 61.174.51.209:6000 at 10:06:00 = unknown because .*not an address of this gateway.*
  ? 192.168.1.129:9000 at 10:06:00 = one dr
  ? 192.168.1.10:443 at 10:06:00 = none

Both ends are of the gateway's networks
  10:00 begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16 2001:db8::/32
  10:05 NEW y
  11:00 covered
  ? [2001:db8:1::129]:5141 at 10:06:00 = one y
  ? [2001:db8::7]:400 at 10:06:00 = one y

Neither end is: it is answered, and the scope is wrong
  10:00 begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:05 NEW y
  11:00 covered
  ? [2001:db8:1::129]:5141 at 10:06:00 = one y
  ? [2001:db8::7]:400 at 10:06:00 = one y

The internal network was another one for a while
  10:00 begin
  10:00:00.1 scope 1.2.3.4 inside 2001:db8::/48
  10:05 NEW y
  10:20 scope 1.2.3.4 inside 2001:db8:1::/48
  11:00 covered
  ? [2001:db8:1::129]:5141 at 10:06:00 = unknown
  ? [2001:db8::7]:400 at 10:06:00 = one y
  ? [2001:db8:1::129]:5141 at 10:40:00 = one y
  ? [2001:db8::7]:400 at 10:40:00 = unknown
  ? [2001:db8:1::129]:5141 at 10:20:00 within 300 = one y

The scope was noted long after the first record
  10:00 begin
  10:05 NEW y
  10:30 scope 1.2.3.4 inside 2001:db8:1::/48
  11:00 covered
  ? [2001:db8::7]:400 at 10:06:00 = one y
  ? [2001:db8::7]:400 at 10:40:00 = unknown

# One connection that several gateways or zones saw.

A pair of gateways that share their tables
  10:00 begin
  10:00 gw2: begin
  10:05 NEW a
  10:05:00.02 gw2: NEW a start=10:05
  10:20 END a
  10:22 gw2: END a
  11:00 covered
  11:00 gw2: covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:10:00 node gw2 = one a
  ? 1.2.3.4:53500 at 10:21:00 = one a                 # the second keeps its entry longer
  ? 1.2.3.4:53500 at 10:30:00 = none

A pair, and the tuple begins again
  10:00 begin
  10:00 gw2: begin
  10:05 NEW a start=10:04:59.99
  10:05:00.02 gw2: NEW a
  10:20 END a
  10:20:00.02 gw2: END a
  10:30 NEW b
  11:00 covered
  11:00 gw2: covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:40:00 = one b
  ? 1.2.3.4:53500 at 10:25:00 within 600 = several a b

# A declared pair: while one records nothing, the other's record counts for both.

A pair, power lost, and the dump that proves the failover
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 covered
  10:30 power off
  10:30:03 gw2: NEW a                                 # injected
  11:00 gw2: dump a
  11:05 gw2: NEW c
  11:10 gw2: END c
  11:30 gw2: covered
  ? 1.2.3.4:53500 at 10:20:00 = one a
  ? 1.2.3.4:53599 at 10:20:00 = none
  ? 1.2.3.4:53599 at 10:45:00 = unknown               # before the dump
  ? 1.2.3.4:53500 at 10:45:00 = unknown a
  ? 1.2.3.4:53599 at 11:00:00 = unknown               # the dump runs
  ? 1.2.3.4:53599 at 11:00:01 = none
  ? 1.2.3.4:53500 at 11:02:00 = one a
  ? 1.2.3.4:53500 at 11:06:00 = several a c
  ? 1.2.3.4:53500 at 11:20:00 = one a
  ? 1.2.3.4:53599 at 11:20:00 node gw1 = unknown      # of gw1's own record
  ? 1.2.3.4:53599 at 11:20:00 node gw2 = none
  ? 1.2.3.4:53599 at 11:10:00 within 599 = none
  ? 1.2.3.4:53599 at 11:10:00 within 600 = unknown
  ? 1.2.3.4:53599 at 11:40:00 = unknown               # gw2 has not recorded that yet

A pair: no dump has come since
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  10:30:03 gw2: NEW a
  11:00 gw2: covered
  ? 1.2.3.4:53599 at 10:45:00 = unknown
  ? 1.2.3.4:53500 at 10:45:00 = unknown

A pair: the dump shows nothing of the other
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  10:40 gw2: NEW o
  11:00 gw2: dump o
  11:30 gw2: covered
  ? 1.2.3.4:53500 at 11:20:00 = unknown
  ? 1.2.3.4:53777 at 11:20:00 = unknown
  ? 1.2.3.4:53599 at 11:20:00 = unknown o

A pair: an empty table, and nothing had been open
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:06 END a
  10:30 stop
  11:00 gw2: dump
  11:30 gw2: covered
  ? 1.2.3.4:53500 at 11:20:00 = unknown               # gw1 may go on unrecorded

A pair that only the other declares
  10:00 begin
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = unknown

A pair that only the silent one declares
  10:00 begin pair=gw2
  10:00 gw2: begin
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = unknown

A pair in which the other names a third
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw3
  10:05 NEW a
  10:30 stop retired
  10:31 gw2: NEW a
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = none                  # gw1 retired itself
  ? 1.2.3.4:53599 at 10:29:59.99 = unknown

A pair, one of two connections is shown
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:06 NEW o
  10:30 stop
  11:00 gw2: dump a
  11:05 gw2: NEW c
  11:30 gw2: covered
  ? 1.2.3.4:53500 at 11:02:00 = one a
  ? 1.2.3.4:53599 at 11:02:00 = unknown o             # gw1 may have it still
  ? 1.2.3.4:53777 at 11:02:00 = none
  ? 1.2.3.4:53500 at 11:20:00 to 68.232.35.139 = one c

A pair that synchronizes tcp alone
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:29 NEW u
  10:30 stop
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53500 at 11:20:00 proto tcp = one a
  ? 1.2.3.4:53599 at 11:20:00 proto tcp = none
  ? 1.2.3.4:53599 at 11:20:00 proto udp = unknown
  ? 1.2.3.4:53599 at 11:20:00 = unknown; tcp none; other unknown

A pair: what had no time left ended on the other
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:05 NEW o
  10:29 NEW u
  10:30 stop
  10:30:03 gw2: NEW u
  10:30:04 gw2: NEW o
  10:30:05 gw2: NEW a
  10:31 gw2: END u
  11:00 gw2: dump a o
  11:10 gw2: END o
  11:30 gw2: covered
  ? 1.2.3.4:53500 at 11:05:00 proto udp = none
  ? 1.2.3.4:53599 at 11:05:00 = one o
  ? 1.2.3.4:53599 at 11:20:00 = none                  # its end is in gw2's record alone
  ? 1.2.3.4:53500 at 11:20:00 = one a

A pair, and the other has a gap
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:10 gw2: overrun lost=3 last=11:09:59
  11:12 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:05:00 = none
  ? 1.2.3.4:53599 at 11:11:00 = unknown
  ? 1.2.3.4:53599 at 11:20:00 = none
  ? 1.2.3.4:53500 at 11:20:00 = one a

A pair, and the other boots again
  10:00 begin boot_id=1 pair=gw2
  10:00 gw2: begin boot_id=2 pair=gw1
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:10 gw2: power off
  11:12 gw2: begin boot_id=3 pair=gw1
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = unknown               # its table is a new one

A pair, and the other's receiver restarts
  10:00 begin boot_id=1 pair=gw2
  10:00 gw2: begin boot_id=2 pair=gw1
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:10 gw2: stop
  11:12 gw2: begin boot_id=2 pair=gw1 with a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:11:00 = unknown
  ? 1.2.3.4:53599 at 11:20:00 = none

A pair that is declared no longer
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:10 gw2: covered
  11:10 gw2: away
  11:10:01 gw2: resume pair=
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:05:00 = none
  ? 1.2.3.4:53599 at 11:20:00 = unknown

A pair that is declared later
  10:00 begin pair=gw2
  10:00 gw2: begin
  10:05 NEW a
  10:30 stop
  10:40 gw2: away
  10:40:01 gw2: resume pair=gw1
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 10:50:00 = unknown
  ? 1.2.3.4:53599 at 11:20:00 = none

A pair, and the first comes back
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:15 gw2: END a
  11:20 gw2: NEW b
  12:00 begin pair=gw2 with b
  12:20 overrun lost=3 last=12:19:59
  12:21 dump b
  12:30 covered
  12:30 gw2: covered
  ? 1.2.3.4:53599 at 10:45:00 = unknown
  ? 1.2.3.4:53599 at 11:30:00 = none
  ? 1.2.3.4:53599 at 11:59:59 within 10 = none        # gw2's record, then both
  ? 1.2.3.4:53599 at 12:10:00 within 700 = unknown    # gw1's own gap
  ? 1.2.3.4:53599 at 12:10:00 = none
  ? 1.2.3.4:53500 at 11:10:00 = one a
  ? 1.2.3.4:53500 at 11:30:00 = one b
  ? 1.2.3.4:53500 at 12:10:00 = one b

A pair, the first comes back and the other falls silent
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  10:40 gw2: dump a
  11:00 begin pair=gw2
  11:05 gw2: stop
  11:06 NEW c
  11:06 NEW a start=11:06
  11:10 dump a c
  11:30 covered
  ? 1.2.3.4:53599 at 10:50:00 = none
  ? 1.2.3.4:53599 at 11:08:00 = unknown
  ? 1.2.3.4:53599 at 11:20:00 = none
  ? 1.2.3.4:53500 at 11:20:00 = several a c

A pair: the second silence needs a dump of its own
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  10:40 gw2: dump a
  11:00 begin pair=gw2 with a
  11:05 stop
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = unknown
  11:40 gw2: dump a
  12:00 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = unknown
  ? 1.2.3.4:53599 at 11:50:00 = none

A pair, the first one's recorder is behind
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 covered
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = none
  10:50 NEW o
  11:10 covered
  ? 1.2.3.4:53599 at 11:05:00 = one o                 # its own record now
  ? 1.2.3.4:53777 at 11:05:00 = none
  ? 1.2.3.4:53777 at 11:20:00 = unknown

A pair, the clocks differ by some milliseconds
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:05:00.004 gw2: NEW a
  10:30 stop
  10:30:00.003 gw2: dump a                            # before the stop by gw1's clock
  10:59 gw2: covered
  ? 1.2.3.4:53599 at 10:45:00 = unknown
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 10:45:00 = unknown
  ? 1.2.3.4:53599 at 11:20:00 = none
  ? 1.2.3.4:53500 at 11:20:00 = one a

A pair that was renamed
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  10:40 rename to=gw7
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = none

A pair, the first of which was in nat mode
  10:00 begin nat pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:20:00 = unknown               # what it had open is not known

A pair in history mode
  10:00 begin history pair=gw2
  10:00 gw2: begin history pair=gw1
  10:05 dump a@10:04
  10:30 stop
  11:00 gw2: dump a
  11:30 gw2: dump a
  11:40 gw2: covered
  ? 1.2.3.4:53599 at 11:10:00 = none
  ? 1.2.3.4:53599 at 10:45:00 = unknown

A pair that is retired
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 covered
  10:30 silent
  10:31 retire
  10:31 gw2: NEW a
  11:00 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 10:45:00 = none                  # gw1 is gone
  ? 1.2.3.4:53500 at 11:20:00 = one a

Both of a pair are silent
  10:00 begin pair=gw2
  10:00 gw2: begin pair=gw1
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:10 gw2: stop
  ? 1.2.3.4:53599 at 11:05:00 = none
  ? 1.2.3.4:53599 at 11:20:00 = unknown

A pair: the other's scope does not hold the address yet
  10:00 begin pair=gw2
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:00 gw2: begin pair=gw1
  10:00:00.1 gw2: scope 1.2.3.5 inside 192.168.0.0/16
  10:05 NEW a
  10:30 stop
  11:00 gw2: dump a
  11:10 gw2: overrun lost=3 last=11:09:59
  11:12 gw2: dump a
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 11:05:00 = none
  ? 1.2.3.4:53599 at 11:11:00 = unknown

Two routers: packets out through one, back through the other
  10:00 begin
  10:00 gw2: begin
  10:05 NEW x
  10:05:00.02 gw2: NEW z
  11:00 covered
  11:00 gw2: covered
  ? [2001:db8:1::129]:51162 at 10:10:00 = one x
  ? [2001:db8:1::129]:51162 at 10:10:00 to [2001:db8::7]:22 = one x

A gateway behind the gateway, which does not translate
  10:00 begin
  10:00 fw: begin
  10:05 NEW a
  10:05:00.001 fw: NEW ao
  10:20 END a
  11:00 covered
  11:00 fw: covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:10:00 to 19.1.16.7:443 = one a
  ? 1.2.3.4:53500 at 10:10:00 node fw = one a
  ? 1.2.3.4 at 10:10:00 proto tcp = one a
  ? 1.2.3.4:53500 at 10:30:00 = one ao                # what is left of it

A gateway behind the gateway, which translates again
  10:00 begin
  10:00 fw: begin
  10:05 NEW a
  10:05:00.001 fw: NEW aa
  11:00 covered
  11:00 fw: covered
  ? 5.6.7.8:60000 at 10:10:00 = one a
  ? 5.6.7.8:60000 at 10:10:00 node fw = one a
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 5.6.7.8:60000 at 10:04:00 = none

A gateway behind the gateway, the port used by two hosts
  10:00 begin
  10:00 fw: begin
  10:05 NEW a
  10:05:00.001 fw: NEW aa
  10:06:00.3 END a stop=10:06:00.2
  10:06:00.5 NEW b
  11:00 covered
  11:00 fw: covered
  ? 5.6.7.8:60000 at 10:05:30 = one a
  ? 5.6.7.8:60000 at 10:06:30 = one b
  ? 5.6.7.8:60000 at 10:06:00 = several a b

A ping through two gateways
  10:00 begin
  10:00 fw: begin
  10:05 NEW p
  10:05:00.001 fw: NEW pa
  11:00 covered
  11:00 fw: covered
  ? 5.6.7.8:99 at 10:05:30 proto icmp = one p

A port forwarded by two gateways
  10:00 begin
  10:00 in: begin
  10:05 NEW d
  10:05:00.001 in: NEW di
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:8443 at 10:10:00 = one di

A packet passes two zones of one gateway
  10:00 begin
  10:05 NEW az ; NEW bz
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = one az
  ? 10.9.0.1:53455 at 10:10:00 = one az
  ? 1.2.3.4:53500 at 10:10:00 zone 0 = one az
  ? 10.9.0.1:53455 at 10:10:00 zone 7 = one az
  ? 10.9.0.1:53455 at 10:10:00 zone 8 = none

One zone asked for
  10:00 begin
  10:05 NEW t1
  10:05 NEW t2
  11:00 covered
  ? 1.2.3.4 at 10:10:00 = several t1 t2
  ? 1.2.3.4 at 10:10:00 zone 1 = one t1
  ? 1.2.3.4 at 10:10:00 zone 2 = one t2
  ? 1.2.3.4 at 10:10:00 zone 3 = none

# Gateways in a row, whose scopes are known: the host of the outer one is the inner one's address.

The inner gateway is silent
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 in: covered
  10:10 NEW no
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown because in: not yet recorded.*
  ? 1.2.3.4:53500 at 10:30:00 node gw1 = unknown because in: not yet recorded.*
  ? 1.2.3.4:53599 at 10:30:00 = none
  ? 1.2.3.4:53599 at 10:30:00 node gw1 = none

The inner gateway is silent, and was retired before
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 in: NEW n
  10:05:00.001 NEW no
  10:10 in: stop
  10:10 in: retire
  10:20 END no
  10:30 NEW no start=10:30
  11:00 covered
  ? 1.2.3.4:53500 at 10:07:00 = one n
  ? 1.2.3.4:53500 at 10:15:00 = unknown because in: not yet recorded.*
  ? 1.2.3.4:53500 at 10:40:00 = one no                # the address is another's now

The inner gateway is silent, and was renamed
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 in: covered
  10:05 in: rename to=inner
  10:10 NEW no
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown because inner: not yet recorded.*
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:30:00 = one no

The inner gateway is covered, and translated nothing of it
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:10 in: NEW ni
  10:10:00.001 NEW no
  10:20 END no
  10:30 NEW no start=10:30
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:15:00 = one no                # the gateway itself, by its own record
  ? 1.2.3.4:53500 at 10:15:00 node gw1 = one no
  ? 1.2.3.4:53500 at 10:40:00 = one no

The inner gateway is partly covered
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 in: NEW n
  10:05:00.001 NEW no
  10:10 in: overrun lost=3 last=10:09:59
  10:12 in: dump
  10:15 in: NEW m
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:08:00 = one n
  ? 1.2.3.4:53500 at 10:11:00 = unknown because in: gap .overrun.*
  ? 1.2.3.4:53500 at 10:13:00 = unknown because in: gap .overrun.*   # n ended unseen, or another
  ? 1.2.3.4:53500 at 10:20:00 = one m
  ? 1.2.3.4:53500 at 10:11:58 within 5 = unknown because in: gap .overrun.*

The inner gateway is in nat mode
  10:00 begin
  10:00 in: begin nat
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:04 NEW no
  10:05 in: NEW n
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:04:30 = unknown because in: nat mode.*
  ? 1.2.3.4:53500 at 10:30:00 = unknown n

The inner gateway is in history mode
  10:00 begin
  10:00 in: begin history
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 NEW no
  10:20 in: covered
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = unknown because in: connections alive then may not have ended.*
  10:25 in: dump n@10:05
  10:30 in: covered
  ? 1.2.3.4:53500 at 10:10:00 = one n

The outer entry outlives the inner one
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 in: NEW n
  10:05:00.001 NEW no
  10:10 in: END n
  10:20 in: NEW m start=10:20
  10:30 in: END m
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:07:00 = one n
  ? 1.2.3.4:53500 at 10:15:00 = one n                 # flushed there, the last that it carried
  ? 1.2.3.4:53500 at 10:15:00 node gw1 = one n
  ? 1.2.3.4:53500 at 10:25:00 = one m
  ? 1.2.3.4:53500 at 10:40:00 = one m

The inner gateway's record begins after the outer entry
  10:00 begin
  10:05 NEW no
  10:10 in: begin
  10:10:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:10:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:40:00 = unknown because in: before the first record.*
  11:10 in: NEW ni start=11:10
  11:30 covered
  11:30 in: covered
  ? 1.2.3.4:53500 at 11:20:00 = one no                # the inner one's own, by its record

The clocks of both differ
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 NEW no start=10:04:59.999
  10:05:00.5 in: NEW n start=10:05:00.499
  10:20 END no stop=10:20
  10:20:00.5 in: END n stop=10:20:00.5
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:05:00.2 = one n
  ? 1.2.3.4:53500 at 10:20:00.0 = one n

Three in a row, the one in the middle is silent
  10:00 begin
  10:00 mid: begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.8.0.0/24
  10:00:00.1 mid: scope 10.8.0.2 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:04 mid: covered
  10:05 in: NEW n
  10:05:00.001 NEW nn
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown because mid: not yet recorded.*
  11:00 mid: covered
  ? 1.2.3.4:53500 at 10:30:00 = one nn                # the middle one itself

Three in a row, the innermost is silent
  10:00 begin
  10:00 mid: begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.8.0.0/24
  10:00:00.1 mid: scope 10.8.0.2 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:04 in: covered
  10:05:00.001 mid: NEW nr
  10:05:00.002 NEW nn
  10:30 mid: END nr
  11:00 covered
  11:00 mid: covered
  ? 1.2.3.4:53500 at 10:20:00 = unknown because in: not yet recorded.*
  ? 1.2.3.4:53500 at 10:40:00 = unknown because in: not yet recorded.*
  ? 10.8.0.2:40001 at 10:20:00 = unknown because in: not yet recorded.*
  10:05 in: NEW n start=10:05
  11:00 in: covered
  ? 1.2.3.4:53500 at 10:20:00 = one n
  ? 1.2.3.4:53500 at 10:40:00 = one n

A forwarded port of two gateways, the inner one is silent
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:04 in: covered
  10:05 NEW ko
  11:00 covered
  ? 1.2.3.4:8443 at 10:10:00 = unknown because in: not yet recorded.*
  10:05:00.3 in: NEW k
  11:00 in: covered
  ? 1.2.3.4:8443 at 10:10:00 = one k
  ? 1.2.3.4:8443 at 10:05:00.1 = one k                # the inner one's clock is ahead

Two gateways with equal internal networks do not concern each other
  10:00 begin
  10:00 gw2: begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:00:00.1 gw2: scope 1.2.3.5 inside 192.168.0.0/16
  10:04 gw2: covered
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:10:00 node gw1 = one a

The inner gateway's address changes, the clock service had looked at 10:13 and 10:43
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.9 inside 192.168.0.0/16
  10:10 NEW no
  10:43:10 in: scope 10.0.0.2 inside 192.168.0.0/16 since=10:13
  10:44 in: covered
  11:00 covered
  ? 1.2.3.4:53500 at 10:50:00 = unknown because in: not yet recorded.*
  ? 1.2.3.4:53500 at 10:20:00 = one no                # by in's complete record

A pair's own connection, from the address that both may have
  10:00 begin
  10:00 gw2: begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:00:00.1 gw2: scope 1.2.3.4 inside 192.168.0.0/16
  10:05 NEW ao
  11:00 covered
  11:00 gw2: covered
  ? 1.2.3.4:53500 at 10:10:00 = one ao

Of each kind, the inner entry begins 0.3 s later by its clock
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 2001:db8:1::1 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 2001:db8:a::2 inside 192.168.0.0/16
  10:05 NEW bo start=10:05
  10:05:00.3 in: NEW bi start=10:05:00.3
  10:06 NEW co start=10:06
  10:06:00.3 in: NEW ci start=10:06:00.3
  10:07 NEW go start=10:07
  10:07:00.3 in: NEW g start=10:07:00.3
  10:08 NEW fo start=10:08
  10:08:00.3 in: NEW f start=10:08:00.3
  10:09 NEW 6o start=10:09
  10:09:00.3 in: NEW 6i start=10:09:00.3
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4:8443 at 10:05:00.1 = one bi
  ? 1.2.3.4:8443 at 10:05:30 = one bi
  ? 1.2.3.4:53500 at 10:06:00.1 = one ci
  ? 1.2.3.4:53500 at 10:06:30 = one ci
  ? 1.2.3.4:99 at 10:07:00.1 proto icmp = one g
  ? 1.2.3.4:55 at 10:08:00.1 proto icmp = one f
  ? [2001:db8:1::1]:600 at 10:09:00.1 = one 6i
  ? [2001:db8:1::1]:600 at 10:09:30 = one 6i

Of each kind, the inner gateway is silent
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 2001:db8:1::1 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 2001:db8:a::2 inside 192.168.0.0/16
  10:04 in: covered
  10:05 NEW bo
  10:06 NEW co
  10:07 NEW go
  10:08 NEW fo
  10:09 NEW 6o
  11:00 covered
  ? 1.2.3.4:8443 at 10:30:00 = unknown because in: not yet recorded.*
  ? 1.2.3.4:53500 at 10:30:00 = unknown because in: not yet recorded.*
  ? 1.2.3.4:99 at 10:30:00 proto icmp = unknown because in: not yet recorded.*
  ? 1.2.3.4:55 at 10:30:00 proto icmp = unknown because in: not yet recorded.*
  ? [2001:db8:1::1]:600 at 10:30:00 = unknown because in: not yet recorded.*

A gateway beyond, which does not translate, is asked alone, and the translating one is silent
  10:00 begin
  10:00 fw: begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:00:00.1 fw: scope 5.6.7.8 inside 1.2.3.0/24
  10:04 covered
  10:05 fw: NEW ao
  11:00 fw: covered
  ? 1.2.3.4:53500 at 10:30:00 node fw = unknown because gw1: not yet recorded.*
  ? 1.2.3.4:53500 at 10:30:00 = unknown because gw1: not yet recorded.*
  10:05 NEW a start=10:05
  10:10 END a
  11:00 covered
  ? 1.2.3.4:53500 at 10:07:00 node fw = one a
  ? 1.2.3.4:53500 at 10:30:00 node fw = one a
  ? 1.2.3.4:53500 at 10:30:00 = one a

A pair of inner gateways, one of which is silent
  10:00 begin
  10:00 in: begin pair=in2
  10:00 in2: begin pair=in
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:00:00.1 in2: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 in: NEW n
  10:05:00.001 NEW no
  10:30 in: stop
  10:30:03 in2: NEW n
  11:00 in2: dump n
  11:05 NEW nn
  11:30 covered
  11:30 in2: covered
  ? 1.2.3.4:53500 at 10:20:00 = one n
  ? 1.2.3.4:53500 at 11:20:00 to 19.1.16.7:443 = several n nn
  ? 1.2.3.4:53500 at 11:02:00 = one n

Many connections of the inner gateway, which is complete
  10:00 begin
  10:00 in: begin
  10:00:00.1 scope 1.2.3.4 inside 10.0.0.0/24
  10:00:00.1 in: scope 10.0.0.2 inside 192.168.0.0/16
  10:05 NEW no
  10:05 NEW go
  11:00 covered
  11:00 in: covered
  ? 1.2.3.4 at 10:20:00 = several no go

# Table dumps.

An entry begins, and one ends, while the dump runs
  10:00 begin
  10:05 NEW a
  10:30 dump begins
  10:30:00.2 NEW b start=10:30:00.15
  10:30:00.3 END a stop=10:30:00.1
  10:30:00.4 entries b
  10:30:00.5 dump ends
  11:00 covered
  ? 1.2.3.4:53500 at 10:40:00 = one b
  ? 1.2.3.4:53500 at 10:30:00.05 = one a
  ? 1.2.3.4:53500 at 10:30:00.12 = none, now unknown (point 10)

An entry stands in the dump twice
  10:00 begin
  10:05 NEW a
  10:30 dump a a
  11:00 covered
  ? 1.2.3.4:53500 at 10:45:00 = one a
  ? 1.2.3.4:53500 at 10:20:00 = one a

It had expired before the dump, its DESTROY comes after it
  10:00 begin
  10:05 NEW a
  10:30 dump
  10:30:40 END a stop=10:29:50
  11:00 covered
  ? 1.2.3.4:53500 at 10:29:45 = one a
  ? 1.2.3.4:53500 at 10:29:55 = none

A dump shows what no event announced
  10:00 begin
  10:59 covered
  11:00 dump o@10:40
  11:30 covered
  ? 1.2.3.4:53500 at 10:50:00 = unknown
  ? 1.2.3.4:53599 at 10:50:00 = unknown
  ? 1.2.3.4:53599 at 11:15:00 = one o, now unknown (a gap until the next dump)

Two dumps lack what no DESTROY ended
  10:00 begin
  10:05 NEW a
  10:30 dump
  10:40 dump
  11:00 covered
  ? 1.2.3.4:53500 at 10:20:00 = unknown
  ? 1.2.3.4:53500 at 10:50:00 = none, now unknown (a gap until the next dump)

It began before the first stream, and a dump shows it
  10:00 begin with o@09:40           # whether the kernel announces its end was decided then
  10:30 covered
  ? 1.2.3.4:53599 at 10:20:00 = unknown
  11:00 dump o@09:40
  11:30 covered
  ? 1.2.3.4:53599 at 10:20:00 = one o
  ? 1.2.3.4:53599 at 11:20:00 = unknown

It began in a gap while nf_conntrack_events was 1
  10:00 begin events=1
  10:20 overrun lost=3 last=10:19:59
  10:21 dump o@10:20
  11:00 covered
  ? 1.2.3.4:53599 at 10:50:00 = one o

It began in a gap while nf_conntrack_events was 2, and was listened to
  10:00 begin events=2
  10:20 overrun lost=3 last=10:19:59
  10:21 dump o@10:20
  11:00 covered
  ? 1.2.3.4:53599 at 10:50:00 = one o

It began between two streams of one boot
  10:00 begin boot_id=7 events=1
  10:20 stop
  10:30 begin boot_id=7 events=1 with o@10:25
  11:00 covered
  ? 1.2.3.4:53599 at 10:50:00 = one o

It began between two streams while nf_conntrack_events was 2
  10:00 begin boot_id=7 events=2
  10:20 stop
  10:30 begin boot_id=7 events=2 with o@10:25
  11:00 covered
  ? 1.2.3.4:53599 at 10:50:00 = unknown

It was announced, and seen again after a stop while nf_conntrack_events was 2
  10:00 begin boot_id=7 events=2
  10:05 NEW o start=10:04:59.99
  10:20 stop
  10:30 begin boot_id=7 events=2 with o@10:04:59.99
  11:00 covered
  ? 1.2.3.4:53599 at 10:50:00 = one o

It began while nf_conntrack_events was 0, and a dump shows it
  10:00 begin events=1
  10:20 settings events=0 last=10:19:59
  10:40 settings events=1 last=10:39:59
  11:00 dump o@10:30
  11:01 dump o@10:30
  11:30 covered
  ? 1.2.3.4:53599 at 11:20:00 = unknown

nf_conntrack_events was 0 from the start
  10:00 begin events=0
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown
  11:00:10 dump o@10:40              # events are off still
  11:30 covered
  ? 1.2.3.4:53500 at 11:20:00 = unknown
  ? 1.2.3.4:53599 at 11:20:00 = unknown
  12:00 settings events=1 last=11:59:59
  12:00:01 dump o@10:40
  12:30 covered
  ? 1.2.3.4:53500 at 12:20:00 = none
  ? 1.2.3.4:53500 at 11:59:00 = unknown

nf_conntrack_events is switched off and on while a stream goes on (A1)
  10:00 begin
  10:05 NEW a
  10:30 settings events=0 last=10:29:59.5
  10:50 covered
  ? 1.2.3.4:53599 at 10:29:58 = none
  ? 1.2.3.4:53500 at 10:28 = one a
  ? 1.2.3.4:53500 at 10:29:58 = unknown   # its end may be told later
  ? 1.2.3.4:53599 at 10:29:59 = unknown
  ? 1.2.3.4:53599 at 10:40:00 = unknown
  ? 1.2.3.4:53500 at 10:40:00 = unknown
  11:00 settings events=1 last=10:59:59.5
  11:00:01 dump a@10:05 o@10:45
  11:30 covered
  ? 1.2.3.4:53599 at 10:40:00 = unknown
  ? 1.2.3.4:53500 at 11:10:00 = one a
  ? 1.2.3.4:53777 at 11:10:00 = none

It is off while a dump runs
  10:00 begin
  10:30 dump begins
  10:30:00.2 settings events=0 last=10:29:59.5
  10:30:00.3 dump ends
  10:50 covered
  ? 1.2.3.4:53500 at 10:40:00 = unknown

It is on again while a dump runs, which may lack what began behind it
  10:00 begin events=0
  10:30 dump begins
  10:30:00.2 settings events=1 last=10:29:59.5
  10:30:00.3 dump ends
  10:50 covered
  ? 1.2.3.4:53500 at 10:40:00 = unknown
  10:51 dump
  11:00 covered
  ? 1.2.3.4:53500 at 10:55:00 = none

It was off while no receiver ran
  10:00 begin
  10:20 away
  10:30 resume
  10:30 settings events=0 last=10:19:59.5
  10:50 covered
  ? 1.2.3.4:53500 at 10:19:00 = none
  ? 1.2.3.4:53500 at 10:25:00 = unknown
  ? 1.2.3.4:53500 at 10:40:00 = unknown

It is on again, and another receiver begins
  10:00 begin events=0
  10:30 stop
  10:31 begin events=1
  11:00 covered
  ? 1.2.3.4:53500 at 10:20:00 = unknown
  ? 1.2.3.4:53500 at 10:50:00 = none

What began while it was off ends without a word: no evidence against the kernel
  10:00 begin
  10:30 settings events=0 last=10:29:59.5
  11:00 settings events=1 last=10:59:59.5
  11:00:01 dump o@10:45
  12:00 dump
  13:00 dump
  13:30 covered
  ? 1.2.3.4:53777 at 12:30:00 = none
  ? 1.2.3.4:53777 at 13:10:00 = none

The counters are switched off: nothing is missing
  10:00 begin
  10:05 NEW a
  10:30 settings acct=0 last=10:29:59.5
  11:00 covered
  ? 1.2.3.4:53500 at 10:40:00 = one a
  ? 1.2.3.4:53599 at 10:40:00 = none

The stamps are switched off, an end is heard long after
  10:00 begin
  10:05 NEW a
  10:30 settings timestamp=0 last=10:29:59.5
  10:35 NEW o
  10:36 END o unstamped
  15:00 END a
  16:00 covered
  ? 1.2.3.4:53500 at 10:20:00 = one a
  ? 1.2.3.4:53500 at 14:59:00 = one a
  ? 1.2.3.4:53599 at 10:35:30 = unknown
  ? 1.2.3.4:53599 at 10:36:01 = none

UDP clashes go on for a while
  10:00 begin
  10:30:00 clashes since=10:29:59.5
  10:30:01 clashes since=10:30:00.9
  10:31:30 clashes since=10:31:29.9
  11:00 covered
  ? 1.2.3.4:53599 at 10:33:29 proto udp = unknown
  ? 1.2.3.4:53599 at 10:33:31 proto udp = none

The table was flushed, the same tuple and id began again within a second
  10:00 begin
  10:05 NEW a
  10:30 dump a
  10:30:00.4 END a stop=10:30:00.3
  10:30:00.8 NEW a' start=10:30:00.7
  11:00 covered
  ? 1.2.3.4:53500 at 10:45:00 = one a
  ? 1.2.3.4:53500 at 10:30:00.5 = none
  ? 1.2.3.4:53500 at 10:20:00 = one a

# What a stream holds.

Nat mode knows no ends
  10:00 begin nat
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown
  ? 1.2.3.4:53599 at 10:30:00 = unknown

History mode: before a dump, and after
  10:00 begin history
  10:20 END a start=10:05:00
  10:29 covered
  ? 1.2.3.4:53500 at 10:10:00 = unknown
  10:30 dump b@10:25
  10:50 covered
  ? 1.2.3.4:53500 at 10:10:00 = one a
  ? 1.2.3.4:53500 at 10:22:00 = none
  ? 1.2.3.4:53500 at 10:26:00 = one b
  ? 1.2.3.4:53500 at 10:40:00 = unknown

History mode: only a dump within the asked span has seen it
  10:00 begin history
  10:20 dump a@10:10
  10:40 dump
  11:00 dump
  11:30 covered
  ? 1.2.3.4:53500 at 10:20:00 within 600 = one a

History mode: the DESTROY is still under way when the dump has ended
  10:00 begin history
  10:30 dump                         # a: 10:05 to 10:29:50, to be told at 10:30:40
  10:30:05 covered
  ? 1.2.3.4:53500 at 10:20:00 = unknown
  10:31:00 covered
  ? 1.2.3.4:53500 at 10:20:00 = unknown
  10:31:06 covered
  ? 1.2.3.4:53500 at 10:20:00 = none                  # had it been alive, its end had come

A live stream through record_nat
  10:00 begin live
  10:05 NEW a
  10:06 through nat
  10:19 END a
  11:00 covered
  ? 1.2.3.4:53500 at 10:40:00 = refused

A live stream through record_history
  10:00 begin live
  10:01 through history
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:40:00 = refused

A live stream through the documented procedure of a site
  10:00 begin live
  10:01 through site.record_translated
  10:05 NEW a
  10:14 END a
  11:00 covered
  ? 1.2.3.4:53500 at 10:50:00 = refused or unknown

The documented procedure of a site, asked just before a start
  10:00 begin nat
  10:01 through site.record_translated
  10:05:00.05 NEW a start=10:04:59.98
  11:00 covered
  ? 1.2.3.4:53500 at 10:04:59 = unknown

Openings read eight hours late
  03:00 begin
  03:00:10 covered
  03:00:10 away
  11:00 resume
  11:00:01 NEW a
  11:30 covered
  ? 1.2.3.4:53500 at 03:10:00 = unknown
  ? 1.2.3.4:53500 at 11:10:00 = one a

A batch of no bytes
  10:00 begin
  10:05 NEW a
  10:20 END a
  10:20 again
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = refused or one a

An address with a prefix
  10:00 begin
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4/24:53500 at 10:30:00 = refused or one a

# Nodes.

A gateway whose first start was a year ahead
  10:00 begin
  2025-02-22T10:00 gw2: begin
  10:10 gw2: clock step=-31622400 synchronised
  10:12 gw2: dump
  11:00 gw2: covered
  13:00 covered
  ? 1.2.3.4:53500 at 12:00:00 = unknown

An older stream is recorded after a newer one
  09:00 gw2: begin
  17:00 begin
  18:00 covered
  10:00 gw1.2: begin
  12:00 gw1.2: covered
  20:00 gw2: covered
  ? 1.2.3.4:53500 at 15:00:00 = unknown

Two machines under one name, one of them behind
  10:00 begin
  10:05 covered
  10:03 gw1.2: begin
  10:10 covered
  12:00 gw1.2: covered
  ? 1.2.3.4:53599 at 11:00:00 = refused or unknown
  12:00 stop
  13:00 gw1.2: covered
  ? 1.2.3.4:53599 at 12:30:00 = refused or none

Two machines under one name
  10:00 begin
  10:05 covered
  10:03 gw1.2: begin
  10:10 covered
  12:00 gw1.2: covered
  ? 1.2.3.4:53500 at 11:00:00 = refused or unknown

# Clocks.

A boot with the saved clock, 43 minutes behind
  14:00 begin
  14:05 NEW a
  14:58 covered
  14:59 power off
  14:17 begin                        # really 15:00
  14:17:01 clock unsynchronised
  14:17:40 NEW b                     # really 15:00:40
  15:01:30 clock step=2580 synchronised
  15:05 dump b@14:17:40
  15:30 covered
  ? 1.2.3.4:53500 at 14:17:41 = unknown
  ? 1.2.3.4:53500 at 15:00:50 = unknown
  ? 1.2.3.4:53599 at 15:20:00 = none

A boot with a clock six hours behind
  08:00 begin
  14:05 NEW a
  14:58 covered
  14:59 power off
  09:00 begin                        # really 15:00
  09:00:01 clock unsynchronised
  09:00:40 NEW b                     # really 15:00:40
  15:01:30 clock step=21600 synchronised
  15:05 dump b@09:00:40
  15:30 covered
  ? 1.2.3.4:53500 at 09:00:41 = unknown
  ? 1.2.3.4:53599 at 14:30:00 = none, now unknown (A5)

A step of a day at boot
  2024-02-21T10:00 begin
  2024-02-21T10:00:01 clock unsynchronised
  10:01:30 clock step=86400 synchronised
  10:02 dump
  12:00 covered
  ? 1.2.3.4:53599 at 11:30:00 = none

A boot in 1970
  1970-01-01T00:00:20 begin
  1970-01-01T00:00:21 clock unsynchronised
  10:01:30 clock step=1708596060 synchronised
  10:02 dump
  12:00 covered
  ? 1.2.3.4:53599 at 11:30:00 = none

A step of three years at boot
  2021-02-22T10:00 begin
  2021-02-22T10:00:01 clock unsynchronised
  10:00:30 clock step=94694400 synchronised
  10:05 dump
  11:00 covered
  ? 1.2.3.4:53599 at 10:30:00 = none
  ? 1.2.3.4:53599 at 10:00:10 = unknown

A clock an hour slow, found so all day
  10:00 begin
  10:00:01 clock unsynchronised
  11:00:01 clock unsynchronised
  12:00:01 clock unsynchronised
  14:00 covered
  ? 1.2.3.4:53599 at 12:00:00 = unknown, now none (a8)

The correction of an hour
  10:00 begin
  10:00:01 clock unsynchronised
  13:00 covered
  14:00 clock step=3600 synchronised
  14:05 dump
  15:00 covered
  ? 1.2.3.4:53599 at 14:30:00 = none
  ? 1.2.3.4:53599 at 12:30:00 = unknown

A step while the receiver restarts
  2023-11-01T10:00 begin
  2023-11-01T10:00:01 clock unsynchronised
  2023-11-01T10:02 covered
  2023-11-01T10:02 away
  10:02 resume
  10:02:00.000001 clock step=9763200 synchronised
  11:00 covered
  ? 1.2.3.4:53599 at 2024-01-01T12:00:00 = unknown
  ? 1.2.3.4:53599 at 10:30:00 = none

A step in the second boot of a clock that no boot found right
  10:00 begin boot_id=1
  10:00:01 clock unsynchronised
  10:05 NEW a
  10:30 END a
  11:00 covered
  11:01 power off
  11:10 begin boot_id=2
  11:10:01 clock unsynchronised
  12:20 clock step=3600 synchronised
  12:21 dump
  13:00 covered
  ? 1.2.3.4:53599 at 10:20:00 = unknown
  ? 1.2.3.4:53599 at 11:20:00 = unknown               # a was there then
  ? 1.2.3.4:53599 at 12:30:00 = none

A step back, without the kernel's stamps
  10:00 begin unstamped
  10:00:01 clock synchronised
  10:40 NEW a
  10:10 clock step=-1860 synchronised
  10:11 END a unstamped
  10:12 dump
  11:30 covered
  ? 1.2.3.4:53500 at 11:00:00 = unknown

A step that leaves a clock unsynchronised
  10:00 begin
  10:00:01 clock synchronised
  13:00 clock step=7200 unsynchronised
  13:01 dump
  13:30 covered
  ? 1.2.3.4:53599 at 10:30:00 = unknown               # since it was last noted as right
  ? 1.2.3.4:53599 at 13:20:00 = unknown
  14:00 clock synchronised
  ? 1.2.3.4:53599 at 13:20:00 = none

A step back: half an hour comes twice
  10:00 begin
  10:05 NEW a
  11:00 covered
  10:30 clock step=-1800 synchronised
  10:31 dump a
  12:00 covered
  ? 1.2.3.4:53599 at 10:45:00 = unknown
  ? 1.2.3.4:53599 at 11:30:00 = none

A dump by a clock that was hours ahead, then nothing until that time has come again
  16:00 begin
  10:05 clock step=-21600 synchronised
  10:06 NEW a
  11:00 NEW b
  12:00 END b
  18:00 covered
  ? 1.2.3.4:53500 at 15:30:00 = unknown               # 16:00 and what follows comes twice
  ? 1.2.3.4:53500 at 17:30:00 = one a
  ? 1.2.3.4:53501 at 17:30:00 = none

# Gateways that are renamed, retired, purged, and come back.

Retired by hand, then it records again, its recorder behind (A16)
  10:00 begin
  11:00 stop
  11:00 retire by-hand
  12:00 start
  ? 1.2.3.4:53599 at 11:30:00 = unknown
  ? 1.2.3.4:53500 at 12:30:00 = unknown
  12:00:01 dump
  12:29 NEW a
  13:00 covered
  ? 1.2.3.4:53500 at 12:30:00 = one a
  ? 1.2.3.4:53599 at 12:30:00 = none
  ? 1.2.3.4:53599 at 11:30:00 = unknown

Retired by hand while it records, its recorder behind (A16)
  10:00 begin
  10:00 gw2: begin
  10:30 covered
  12:00 retire by-hand
  13:00 gw2: covered
  ? 1.2.3.4:53599 at 12:30:00 = unknown
  ? 1.2.3.4:53599 at 12:30:00 node gw2 = none
  12:15 NEW a
  13:00 covered
  ? 1.2.3.4:53500 at 12:30:00 = one a
  14:00 stop
  ? 1.2.3.4:53500 at 12:30:00 = one a
  ? 1.2.3.4:53599 at 13:59:59.99 = unknown

Retired while it records
  10:00 begin
  11:00 covered
  11:00 retire
  ? 1.2.3.4:53500 at 10:30:00 = refused

Retired before the last that it recorded
  10:00 begin
  11:00 covered
  11:00 silent
  10:59 retire
  ? 1.2.3.4:53500 at 10:30:00 = refused

Retired: it burned
  10:00 begin
  10:00 gw2: begin
  10:05 NEW a
  11:00 covered
  11:00 silent
  13:00 gw2: covered
  ? 1.2.3.4:53599 at 12:00:00 = unknown
  11:00:01 retire
  ? 1.2.3.4:53599 at 12:00:00 = none
  ? 1.2.3.4:53599 at 11:00:00 = unknown               # its last moments
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53599 at 12:00:00 node gw1 = unknown      # asked by its name

Retired, but its spool comes
  10:00 begin
  10:00 gw2: begin
  11:00 covered
  11:00 silent
  11:00 retire
  13:00 gw2: covered
  ? 1.2.3.4:53500 at 12:00:00 = none
  11:55 NEW a
  12:20 covered
  ? 1.2.3.4:53500 at 12:00:00 = one a
  ? 1.2.3.4:53599 at 12:00:00 = none
  ? 1.2.3.4:53599 at 12:30:00 = unknown
  ? 1.2.3.4:53599 at 10:30:00 = none

Retired and revived
  10:00 begin
  10:00 gw2: begin
  11:00 covered
  11:00 silent
  11:00 retire
  13:00 gw2: covered
  13:00 revive
  ? 1.2.3.4:53599 at 12:00:00 = unknown
  ? 1.2.3.4:53599 at 12:00:00 node gw2 = none

Retired, and it comes back hours later
  10:00 begin
  10:00 gw2: begin
  11:00 stop
  11:00 retire
  14:00 begin
  14:05 NEW a
  15:00 covered
  15:00 gw2: covered
  ? 1.2.3.4:53500 at 14:30:00 = one a
  ? 1.2.3.4:53599 at 12:30:00 = unknown               # it may have translated meanwhile
  ? 1.2.3.4:53599 at 14:30:00 = none

Installed under the host's name, then called gw1 (B3)
  10:00 debian: begin
  10:05 debian: NEW a
  10:30 debian: stop
  10:30:00.5 begin spool=debian with a@10:05
  11:00 NEW b start=11:00
  11:05 END b stop=11:05
  12:00 covered
  ? 1.2.3.4:53500 at 11:02:00 = several a b
  ? 1.2.3.4:53599 at 11:02:00 = none
  ? 1.2.3.4:53599 at 10:20:00 = none
  ? 1.2.3.4:53500 at 10:20:00 = one a
  ? 1.2.3.4:53599 at 10:30:00 = unknown               # nobody listened between the two
  ? 1.2.3.4:53599 at 11:02:00 node debian = unknown

Called gw1, then the host's name once more (B3)
  10:00 debian: begin
  10:30 debian: stop
  10:30 begin spool=debian
  11:00 stop
  11:00 debian: begin spool=gw1
  12:00 debian: covered
  ? 1.2.3.4:53599 at 11:30:00 = none
  ? 1.2.3.4:53599 at 10:45:00 = unknown               # debian is one that was away

The other name has no word of this spool (B3)
  10:00 debian: begin
  10:30 debian: stop
  10:30 begin
  12:00 covered
  ? 1.2.3.4:53599 at 11:02:00 = unknown

A copied spool: debian goes on (B3)
  10:00 debian: begin
  10:30 debian: covered
  10:40 begin spool=debian
  12:00 covered
  ? 1.2.3.4:53599 at 11:02:00 = unknown
  12:00 debian: covered
  ? 1.2.3.4:53599 at 11:02:00 = none

A copied spool, whose copy said that debian stopped (B3)
  10:00 debian: begin
  10:30 debian: stop
  10:30 debian: begin
  10:31 debian: away
  10:40 begin spool=debian
  12:00 covered
  ? 1.2.3.4:53599 at 11:02:00 = unknown

Purged: its last word (B4)
  10:00 begin
  10:00 gw2: begin
  10:05 NEW a
  11:00 stop retired
  13:00 gw2: covered
  ? 1.2.3.4:53599 at 12:00:00 = none
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53599 at 10:59:59.99 = unknown            # its last moments

Stopped, not purged (B4)
  10:00 begin
  10:00 gw2: begin
  11:00 stop
  13:00 gw2: covered
  ? 1.2.3.4:53599 at 12:00:00 = unknown

Purged under a name that another machine has as well (B4)
  10:00 gw1.1: begin
  10:30 gw1.1: covered
  10:30 gw1.2: begin
  10:40 gw1.2: covered
  10:50 gw1.1: stop retired
  13:00 gw2: begin
  14:00 gw2: covered
  ? 1.2.3.4:53599 at 13:30:00 = unknown

Purged, installed again (B4)
  10:00 begin
  10:00 gw2: begin
  11:00 stop retired
  14:00 begin
  15:00 covered
  15:00 gw2: covered
  ? 1.2.3.4:53599 at 14:30:00 = none
  ? 1.2.3.4:53599 at 12:00:00 = unknown

Renamed in the store, its recorder has the old name
  10:00 begin
  10:05 NEW a
  10:30 covered
  10:30 rename to=gw7
  10:40 END a stop=10:39
  10:50 NEW b
  11:00 dump b
  12:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53500 at 10:30:00 node gw1 = one a
  ? 1.2.3.4:53500 at 10:30:00 node gw7 = one a
  ? 1.2.3.4:53500 at 11:30:00 node gw7 = one b
  ? 1.2.3.4:53599 at 11:30:00 = none

Renamed, restarted under the old name
  10:00 begin
  10:30 rename to=gw7
  10:40 stop
  10:40 begin spool=gw1
  10:50 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:55:00 node gw7 = one a
  ? 1.2.3.4:53500 at 10:55:00 = one a
  ? 1.2.3.4:53599 at 10:55:00 = none

Renamed, and another machine takes the old name
  10:00 begin
  10:30 covered
  10:30 rename to=gw7
  11:00 gw1.2: begin
  11:05 gw1.2: NEW a
  12:00 gw1.2: covered
  12:00 covered
  ? 1.2.3.4:53500 at 11:30:00 = one a
  ? 1.2.3.4:53599 at 11:30:00 node gw7 = none
  ? 1.2.3.4:53500 at 11:30:00 node gw1 = one a
  ? 1.2.3.4:53599 at 10:45:00 = none

Renamed to a name that another has
  10:00 begin
  10:00 gw2: begin
  11:00 rename to=gw2
  ? 1.2.3.4:53599 at 10:30:00 = refused

# Counters.

Two dumps lack what no DESTROY ended, and one of them shows what no NEW began
  10:00 begin
  10:05 NEW a
  10:06 covered
  11:00 dump
  12:00 dump b@11:50
  12:01 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown

The clock is set back while a dump runs
  10:00 begin
  10:05 NEW a
  10:10 dump begins
  10:10:00.1 entries a@bytes=5000
  10:09:30 clock step=-30.15
  10:09:30.1 dump ends
  11:00 covered
  ? 1.2.3.4:53500 at 10:09:45 within 40 = unknown

Zeroed by another tool
  10:00 begin
  10:05 NEW a
  10:10 dump begins
  10:10:00.1 entries a@bytes=1003176
  10:10:00.2 dump ends
  10:20 END a packets=3 bytes=1156
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 = one a at least 1003176 bytes

Offloaded to a flowtable
  10:00 begin
  10:05 NEW a
  10:10 dump a@offloaded
  10:20 END a packets=3 bytes=180
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 = one a of unknown bytes

A dump within the span shows it; those around the span do not
  10:00 begin
  10:05 NEW a
  10:05 NEW b
  10:06 NEW c
  10:10 dump a@bytes=1003176 b@offloaded
  10:20 END a packets=3 bytes=1156
  10:21 END b packets=3 bytes=180
  10:22 END c bytes=700
  10:30 dump
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 within 840 to 19.1.16.7:443 = several a b
  ? 1.2.3.4:53500 at 10:20:30 within 0.1 to 19.1.16.7:443 = one b of unknown bytes
  ? 1.2.3.4:53500 at 10:15:00 within 840 to 68.232.35.139:443 = one c exactly 700 bytes

Zeroed, and only a dump within the span tells
  10:00 begin
  10:05 NEW a
  10:10 dump a@bytes=1003176
  10:20 END a packets=3 bytes=1156
  10:30 dump
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 within 840 = one a at least 1003176 bytes

Offloaded, and only a dump within the span tells
  10:00 begin
  10:05 NEW a
  10:10 dump a@offloaded
  10:20 END a packets=3 bytes=180
  10:30 dump
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 within 840 = one a of unknown bytes

Zeroed, and only a dump that was not completed tells
  10:00 begin
  10:05 NEW a
  10:10 dump begins
  10:10:00.1 overrun lost=1
  10:10:00.2 entries a@bytes=1003176
  10:11 dump a@bytes=1156
  10:20 END a packets=3 bytes=1200
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 = one a at least 1003176 bytes

Zeroed while it is open, and counted on
  10:00 begin
  10:05 NEW a
  10:10 dump a@bytes=5000
  10:20 dump a@bytes=900
  10:30 covered
  ? 1.2.3.4:53500 at 10:15:00 = one a at least 5000 bytes
  10:40 END a packets=3 bytes=6000
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 = one a at least 6000 bytes

Counters of a connection that is open are those of the last dump
  10:00 begin
  10:05 NEW a
  10:08 covered
  ? 1.2.3.4:53500 at 10:07:00 = one a of unknown bytes
  10:10 dump a@bytes=5000
  10:20 dump a@bytes=9000
  10:30 covered
  ? 1.2.3.4:53500 at 10:07:00 = one a at least 9000 bytes
  10:40 END a bytes=9500
  11:00 covered
  ? 1.2.3.4:53500 at 10:07:00 = one a exactly 9500 bytes

Accounting was switched off before the end, or on after the start
  10:00 begin
  10:05 NEW a
  10:10 dump a@bytes=5000
  10:20 END a uncounted
  10:21 NEW a start=10:21
  10:22 END a uncounted
  10:23 NEW b start=10:23
  10:24 dump b@uncounted
  10:25 END b bytes=700
  11:00 covered
  ? 1.2.3.4:53500 at 10:15:00 = one a at least 5000 bytes
  ? 1.2.3.4:53500 at 10:21:30 = one a of unknown bytes
  ? 1.2.3.4:53500 at 10:24:30 = one b exactly 700 bytes

The next connection of the tuple counts for itself
  10:00 begin
  10:05 NEW a
  10:10 dump a@bytes=5000
  10:15 END a bytes=6000
  10:15:05 NEW a start=10:15:05
  10:20 dump a@10:15:05@bytes=300
  10:25 END a start=10:15:05 bytes=400
  11:00 covered
  ? 1.2.3.4:53500 at 10:12:00 = one a exactly 6000 bytes
  ? 1.2.3.4:53500 at 10:22:00 = one a exactly 400 bytes

The next connection of the tuple counts for itself, without the kernel's stamps
  10:00 begin unstamped
  10:05 NEW a
  10:10 dump a@unstamped@bytes=900
  10:15 END a unstamped bytes=950
  10:16 NEW a
  10:20 dump a@unstamped@bytes=700
  10:25 END a unstamped bytes=800
  11:00 covered
  ? 1.2.3.4:53500 at 10:04:59 within 2 = one a exactly 950 bytes
  ? 1.2.3.4:53500 at 10:15:59 within 2 = one a exactly 800 bytes

Offloaded when it ends, and no dump saw it
  10:00 begin
  10:05 NEW a
  10:06 END a packets=3 bytes=180 offloaded
  11:00 covered
  ? 1.2.3.4:53500 at 10:05:30 = one a of unknown bytes

# Whose address it is.

An address of nobody's
  10:00 begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53501 at 10:30:00 = none
  ? 1.2.3.4:53500 at 10:30:00 to 19.1.16.8 = none
  ? 192.168.1.129:53400 at 10:30:00 = none
  ? 19.1.16.7:443 at 10:30:00 = unknown because gw1: 19\\.1\\.16\\.7 is not an address of this .*
  ? 19.1.16.7:443 at 10:30:00 node gw1 = unknown because .*its scope from 2024.* is 1.2.3.4, 192.*
  ? 1.2.3.5:53500 at 10:00:00 within 0.05 = unknown   # before the first scope was noted

An answer outside of the scope
  10:00 begin
  10:00:00.1 scope 1.2.3.9 inside 192.168.0.0/16
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53501 at 10:30:00 = unknown

A fleet of three, one of them silent
  10:00 begin
  10:00 gw2: begin
  10:00 gw3: begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:00:00.1 gw2: scope 1.2.3.5 inside 10.2.0.0/16
  10:00:00.1 gw3: scope 1.2.3.6 2001:db8:6::/48 inside 10.3.0.0/16
  10:05 NEW a
  10:05 gw3: covered
  11:00 covered
  11:00 gw2: covered
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53599 at 10:30:00 = none
  ? 1.2.3.5:53500 at 10:30:00 = none
  ? 1.2.3.6:53500 at 10:30:00 = unknown because gw3: not yet recorded.*
  ? [2001:db8:6:1::5]:53500 at 10:30:00 = unknown because gw3: not yet recorded.*
  ? 10.3.7.7:53500 at 10:30:00 = unknown because gw3: not yet recorded.*
  ? 1.2.3.7:53500 at 10:30:00 = unknown because gw1: .* is not an address of this gateway.*
  ? 1.2.3.7:53500 at 10:30:00 = unknown because gw3: .* is not an address of this gateway.*
  ? 1.2.3.5:53500 at 10:30:00 node gw3 = unknown because gw3: .* is not an address.*

The same, and of one no scope is known
  10:00 begin
  10:00 gw2: begin
  10:00 gw3: begin nat
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:00:00.1 gw2: scope unknown
  10:00:00.1 gw3: scope 1.2.3.6 inside 10.3.0.0/16
  10:05 NEW a
  11:00 covered
  11:00 gw2: covered
  11:00 gw3: covered
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53599 at 10:30:00 = none
  ? 1.2.3.6:53599 at 10:30:00 = unknown because gw3: nat mode .*
  ? 1.2.3.7:53500 at 10:30:00 = unknown because gw1: .* is not an address.*

No scope is known of the silent one
  10:00 begin
  10:00 gw2: begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown because gw2: .*
  ? 1.2.3.4:53599 at 10:30:00 = unknown because gw2: .*

The silent one's scope became known later, and was not any more
  10:00 begin
  10:00 gw2: begin nat
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:05 NEW a
  10:20 gw2: scope 1.2.3.6 inside 10.3.0.0/16
  10:40 gw2: scope unknown
  11:00 covered
  ? 1.2.3.4:53500 at 10:10:00 = unknown because gw2: nat mode .*
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53500 at 10:19:59 within 2 = unknown because gw2: nat mode .*
  ? 1.2.3.4:53500 at 10:39:59 within 2 = unknown because gw2: nat mode .*
  ? 1.2.3.4:53500 at 10:50:00 = unknown because gw2: nat mode .*

The provider gave another address; the clock service had looked at 10:13 and 10:43
  10:00 begin
  10:00:00.1 scope 1.2.3.9 inside 192.168.0.0/16
  10:00 gw2: begin nat
  10:00:00.1 gw2: scope 1.2.3.6 inside 10.3.0.0/16
  10:20 NEW a
  10:43:10 scope 1.2.3.4 inside 192.168.0.0/16 since=10:13
  11:30 covered
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 10:12:00 = unknown because .*its scope from .*10:00:00.* is 1\\.2\\.3\\.9, .*
  ? 1.2.3.4:53599 at 10:20:00 = none
  ? 1.2.3.9:53599 at 10:20:00 = none
  ? 1.2.3.9:53599 at 10:50:00 = unknown
  ? 1.2.3.4:53599 at 11:00:00 = none
  ? 1.2.3.4:53500 at 11:00:00 = one a

A reboot: until it was looked again no scope is known
  10:00 begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16
  10:00 gw2: begin
  10:00:00.1 gw2: scope 1.2.3.6 inside 10.3.0.0/16
  10:29:59.9 covered
  10:30 stop
  10:31 begin
  10:31:00.1 scope unknown
  10:33 scope 1.2.3.5 inside 192.168.0.0/16
  11:30 covered
  11:30 gw2: covered
  ? 1.2.3.4:53599 at 10:20:00 = none
  ? 1.2.3.5:53599 at 10:20:00 = unknown because gw1: 1\\.2\\.3\\.5 is not an address.*
  ? 1.2.3.4:53599 at 10:32:00 = unknown because gw2: .* is not an address.*
  ? 1.2.3.5:53599 at 10:40:00 = none
  ? 1.2.3.6:53599 at 10:40:00 = none

The clock was stepped back between two scopes
  10:00 begin
  11:00 scope 1.2.3.4 inside 192.168.0.0/16
  10:10 clock step=-3600 synchronised
  10:30 scope 1.2.3.5 inside 192.168.0.0/16
  10:31 dump
  13:00 covered
  ? 1.2.3.4:53599 at 12:30:00 = unknown because gw1: 1\\.2\\.3\\.4 is not an address.*
  ? 1.2.3.5:53599 at 12:30:00 = none

A rule keeps a network from conntrack
  10:00 begin
  10:00:00.1 scope 1.2.3.4 inside 192.168.0.0/16 hidden 192.168.7.0/24
  10:05 NEW a
  10:40 scope 1.2.3.4 inside 192.168.0.0/16
  11:00 covered
  ? 1.2.3.4:53599 at 10:30:00 = none
  ? 192.168.7.9:53599 at 10:30:00 = unknown because gw1: connections of 192.168.7.0/24 may be .*
  ? 192.168.8.9:53599 at 10:30:00 = none
  ? 192.168.7.9:53599 at 10:50:00 = none

# What filter rules exclude.

Rules that exclude a protocol
  10:00 rules deny proto udp
  10:00 begin
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown a because .*rule 1 .*; tcp one a; udp unknown; other none
  ? 1.2.3.4:53500 at 10:30:00 proto tcp = one a
  ? 1.2.3.4:53500 at 10:30:00 proto udp = unknown because .*rule 1 .deny proto udp.
  ? 1.2.3.4:53599 at 10:30:00 proto tcp = none
  ? 1.2.3.4:53599 at 10:30:00 = unknown; udp unknown; other none

Rules that exclude hosts inside
  10:00 rules deny orig_src 192.168.1.130
  10:00 begin
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown a because .*not recorded by rule 1 .*
  ? 1.2.3.4:53599 at 10:30:00 = unknown because .*by rule 1 .deny orig_src 192.168.1.130/32.
  ? [2001:db8:1::129]:51162 at 10:30:00 = none        # of another family

Rules that exclude a remote end
  10:00 rules deny no_dnat reply_src 8.8.8.8 reply_sport 53
  10:00 begin
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 to 19.1.16.7:443 = one a
  ? 1.2.3.4:53500 at 10:30:00 to 8.8.8.8:443 = none
  ? 1.2.3.4:53500 at 10:30:00 to 8.8.8.8:53 = unknown because .*rule 1 .*
  ? 1.2.3.4:53500 at 10:30:00 to 8.8.8.8:53 proto icmp = none
  ? 1.2.3.4:53599 at 10:30:00 to 19.1.16.8 = none
  ? 1.2.3.4:53500 at 10:30:00 = unknown a

The destination that was called may have been forwarded to another remote end
  10:00 rules deny orig_dst 8.8.8.8 ; deny no_dnat orig_dst 9.9.9.9
  10:00 begin
  11:00 covered
  ? 1.2.3.4:53599 at 10:30:00 to 19.1.16.7:443 = unknown because .*rule 1 .*
  ? 8.8.8.9:53599 at 10:30:00 to 19.1.16.7:443 = unknown because .*rule 1 .*

Only one network is recorded
  10:00 rules accept reply_dst 1.2.3.0/28 ; accept orig_dst 1.2.3.0/28 ; deny
  10:00 begin
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53599 at 10:30:00 = none
  ? 1.2.4.4:53599 at 10:30:00 = unknown because .*not recorded by rule 3 .deny.

What was called is not recorded
  10:00 rules accept reply_dst 1.2.3.0/28 ; deny
  10:00 begin
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown a because .*rule 2 .*

Only what is translated is recorded
  10:00 rules deny no_snat no_dnat orig_src 192.168.0.0/16
  10:00 begin
  10:05 NEW a
  11:00 covered
  ? 1.2.3.4:53500 at 10:30:00 to 19.1.16.7:443 = one a
  ? 192.168.1.129:53400 at 10:30:00 to 19.1.16.7:443 = unknown because .*rule 1 .*
  ? 1.2.3.4:53500 at 10:30:00 to 192.168.7.7:443 = unknown because .*rule 1 .*

An accepted range does not cover an ICMP id
  10:00 rules accept reply_dport 53000-54000 ; accept orig_dport 53000-54000 ; deny
  10:00 begin
  11:00 covered
  ? 1.2.3.4:53599 at 10:30:00 proto tcp = none
  ? 1.2.3.4:53599 at 10:30:00 proto icmp = unknown because .*rule 3 .*
  ? 1.2.3.4:53599 at 10:30:00 = unknown because .*rule 3 .*
  ? 1.2.3.4:54001 at 10:30:00 proto tcp = unknown because .*rule 3 .*

A zone is excluded
  10:00 rules deny zone 7
  10:00 begin
  11:00 covered
  ? 1.2.3.4:53599 at 10:30:00 zone 1 = none
  ? 1.2.3.4:53599 at 10:30:00 zone 7 = unknown because .*rule 1 .deny zone 7.
  ? 1.2.3.4:53599 at 10:30:00 = unknown

An earlier rule accepts what a later one would exclude
  10:00 rules accept proto tcp,udp ; deny proto udp
  10:00 begin
  11:00 covered
  ? 1.2.3.4:53599 at 10:30:00 = none
  ? 1.2.3.4:53599 at 10:30:00 proto udp = none

Rules that accept all
  10:00 rules accept
  10:00 begin
  11:00 covered
  ? 1.2.3.4:53599 at 10:30:00 = none

The rules change, and a connection goes on
  10:00 begin
  10:05 NEW a
  10:59:59 covered
  11:00 rules deny proto tcp
  11:00 resume ruled
  11:00:10 dump begins
  11:00:12 dump ends
  12:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = one a
  ? 1.2.3.4:53599 at 10:30:00 = none
  ? 1.2.3.4:53500 at 11:00:05 = unknown because .*filter rules changed.*
  ? 1.2.3.4:53500 at 11:30:00 proto tcp = unknown because .*not recorded by rule 1 .deny proto tcp.
  ? 1.2.3.4:53599 at 11:30:00 proto udp = none

The rules change, and a connection goes on that began before the stream
  10:00 begin with a@09:30
  10:59:59 covered
  11:00 rules deny proto tcp
  11:00 resume ruled
  11:00:10 dump begins
  11:00:12 dump ends
  12:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown a because .*not observed     # as after an overrun
  ? 1.2.3.4:53500 at 11:30:00 proto tcp = unknown because .*rule 1 .*

The rules are taken away
  10:00 rules deny proto tcp
  10:00 begin
  11:00 rules none
  11:00 resume ruled
  11:00:10 dump a@10:05
  12:00 covered
  ? 1.2.3.4:53500 at 10:30:00 = unknown because .*rule 1 .*
  ? 1.2.3.4:53500 at 11:00:05 = unknown because .*
  ? 1.2.3.4:53500 at 11:30:00 = one a
  ? 1.2.3.4:53599 at 11:30:00 = none

The receiver starts again with the same rules
  10:00 rules deny proto udp
  10:00 begin
  10:05 NEW a
  11:00 resume ruled
  12:00 covered
  ? 1.2.3.4:53500 at 11:00:00 proto tcp = one a
  ? 1.2.3.4:53599 at 11:30:00 proto udp = unknown

The note of the rules is lost
  10:00 begin
  10:29 covered
  10:30 missing until=10:31
  10:31 rules deny proto udp
  10:32 dump
  11:00 covered
  ? 1.2.3.4:53599 at 10:10:00 = none
  ? 1.2.3.4:53599 at 10:45:00 = unknown because .*filter rules then are not in the record
  ? 1.2.3.4:53599 at 10:45:00 proto tcp = unknown

In history mode an end that rules exclude later is not recorded
  10:00 begin history
  10:05 NEW a
  11:00 covered
  11:00 rules deny proto tcp
  11:00 resume ruled
  11:00:10 dump
  12:00 covered
  ? 1.2.3.4:53500 at 10:30:00 proto tcp = unknown
  ? 1.2.3.4:53599 at 10:30:00 proto udp = unknown

In history mode rules hold
  10:00 rules deny proto tcp
  10:00 begin history
  11:00 covered
  12:00 dump
  13:00 covered
  ? 1.2.3.4:53599 at 10:30:00 proto udp = none
  ? 1.2.3.4:53599 at 10:30:00 proto tcp = unknown because .*rule 1 .*

In nat mode rules hold
  10:00 rules deny proto tcp
  10:00 begin nat
  11:00 covered
  ? 1.2.3.4:53599 at 10:30:00 proto tcp = unknown because .*nat mode.*rule 1 .*

Rules of another gateway
  10:00 begin
  10:00 gw2: rules deny proto tcp
  10:00 gw2: begin
  11:00 covered
  11:00 gw2: covered
  ? 1.2.3.4:53599 at 10:30:00 node gw1 = none
  ? 1.2.3.4:53599 at 10:30:00 proto tcp = unknown because gw2: .*rule 1 .*
"""

ROWS = list(read_rows(SITUATIONS))


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "situations") as opened:
        text = (steps.find_sql().parent / "docs" / "sql.md").read_text()
        example = text.split("```sql\n-- site.record_translated")[1].split("```")[0]
        opened.connection.execute("-- site.record_translated" + example)
        yield opened


def ask(store: Store, row: Row) -> Said | str:
    """What is said to the question; ``refused`` where it, or what happened, is not taken."""
    store.begin()
    try:
        store.send(write_calls(row.lines, CONNECTIONS))
        return store.ask([read_question(row.asked)])[0]
    except psycopg.Error:
        return "refused"
    finally:
        store.forget()


def fits(said: Said | str, expected: str, asked: Question) -> bool:
    """``refused``, a verdict, or a verdict and the connections it names."""
    if " or " in expected:
        return any(fits(said, one, asked) for one in expected.split(" or "))
    if isinstance(said, str):
        return said == expected
    whole, *protocols = expected.split("; ")
    verdict, names, reason = read_verdict(whole)
    if said.verdict.name != verdict or not protocols_fit(said, protocols, asked):
        return False
    if reason and not any(re.fullmatch(reason, one) for one in said.verdict.reasons):
        return False
    if verdict not in ("one", "several"):
        return not names or found_are(said.answers, names, asked)
    more = " ".join(names[1:]) if verdict == "one" else ""
    if verdict == "one":
        names = names[:1]
    return found_are(said.answers, names, asked) and counts_fit(said, more)


def read_verdict(words: str) -> tuple[str, list[str], str]:
    """The verdict, the connections it names, and the pattern of a reason."""
    before, _, reason = words.partition(" because ")
    verdict, *names = before.split()
    return verdict, names, reason


def protocols_fit(said: Said, expected: Iterable[str], asked: Question) -> bool:
    """``tcp one a``, ``other none``, and no other protocol."""
    wanted = dict(one.split(" ", 1) for one in expected)
    named = {
        "other" if one.proto is None else name_protocol(one.proto): one for one in said.protocols
    }
    if wanted.keys() != named.keys():
        return False
    for name, words in wanted.items():
        verdict, names, _ = read_verdict(words)
        own = [answer for answer in said.answers if answer.proto == named[name].proto]
        if named[name].verdict.name != verdict:
            return False
        if names and not found_are(own, names, asked):
            return False
    return True


def found_are(answers: Iterable[Answer], names: Iterable[str], asked: Question) -> bool:
    found = Counter((answer.host, answer.remote, answer.proto) for answer in answers)
    return found == Counter(host_of(CONNECTIONS[name], asked) for name in names)


def host_of(one: Lines, asked: Question) -> tuple[object, ...]:
    """The inside host, the remote and the protocol, as the question sees the connection."""
    address = getattr(asked.address, "ip", asked.address)
    # Another gateway may have translated the address that is asked for.
    is_forwarded = one.status & (SRC_NAT | DST_NAT) == DST_NAT
    if one.reply.dst == address or (one.orig.dst != address and not is_forwarded):
        return near_end(one.orig)[0], near_end(one.reply)[0], one.proto
    return near_end(one.reply)[0], near_end(one.orig)[0], one.proto


def counts_fit(said: Said, words: str) -> bool:
    """``exactly N bytes``, ``at least N bytes``, ``of unknown bytes``, or nothing of them."""
    answer = said.answers[0]
    if not words:
        return True
    match = re.fullmatch(r"(exactly|at least|of unknown) ?(\d*) bytes", words)
    assert match, words
    counters, number = match.groups()
    told = {"exactly": "exact", "at least": "at least", "of unknown": "unknown"}[counters]
    return answer.counters == told and answer.orig_bytes == (int(number) if number else None)


def mark(row: Row) -> pytest.MarkDecorator | list[pytest.MarkDecorator]:
    return pytest.mark.xfail(strict=True, reason=f"says {row.now}: {row.why}") if row.now else []


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=f"{row.title} {row.number}", marks=mark(row)) for row in ROWS],
)
def test_situation(store: Store, row: Row) -> None:
    said = ask(store, row)
    assert fits(said, row.right, read_question(row.asked)), said


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=f"{row.title} {row.number}") for row in ROWS if row.now],
)
def test_what_is_said_today(store: Store, row: Row) -> None:
    """The table says truly what is wrong: it is a list of what is to be repaired."""
    said = ask(store, row)
    assert fits(said, row.now, read_question(row.asked)), said


def test_there_are_many() -> None:
    assert len({row.title for row in ROWS}) >= 50
    assert len(ROWS) >= 100
