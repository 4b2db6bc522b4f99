"""The kernel's counters, by the names that its version gives them."""

from __future__ import annotations

from ctaudit.conntrack.statistics import sum_column

# Linux 6.18 on two CPUs.
NEW = """\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop
00000102  0000000a 00000000 00000000 0000000f 00000000 00000000 00000003 00000000 00000000 00000000
00000102  00000001 00000000 00000000 00000001 00000000 00000000 00000004 00000000 00000000 00000000
"""
# Before 5.10 the second column was another one.
OLD = NEW.replace("clashres", "searched")


def test_sum_over_the_cpus() -> None:
    content = NEW.encode()
    counted = [sum_column(content, name) for name in (b"clashres", b"invalid", b"chainlength")]
    assert counted == [11, 16, 7]
    assert sum_column(OLD.encode(), b"clashres") is None
