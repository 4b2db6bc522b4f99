"""The kernel's counters of connection tracking, one row a CPU in /proc/net/stat/nf_conntrack.

nf_conntrack_standalone.c, ct_cpu_seq_show: a line of names, then hexadecimal numbers. Which
columns there are depends on the kernel's version.
"""

from __future__ import annotations

from pathlib import Path

# The namespace of the calling thread, whatever that of its process.
STATISTICS = Path("/proc/thread-self/net/stat/nf_conntrack")
# nf_conntrack_core.c, nf_ct_resolve_clash; since Linux 5.10.
CLASHES = b"clashres"


def sum_column(content: bytes, name: bytes) -> int | None:
    """One counter's sum over the CPUs; None: this kernel does not count it."""
    heading, *rows = content.splitlines()
    names = heading.split()
    if name not in names:
        return None
    place = names.index(name)
    try:
        return sum(int(row.split(None, place + 1)[place], 16) for row in rows)
    except (ValueError, IndexError):
        return None


def count_clashes() -> int | None:
    """How often two packets of one socket, on two CPUs, began the same connection at once.

    None: this kernel does not count them, or this user may not read it.
    """
    try:
        return sum_column(STATISTICS.read_bytes(), CLASHES)
    except OSError:
        return None
