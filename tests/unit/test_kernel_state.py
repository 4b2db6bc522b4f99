"""What the kernel shows, read again and again through the same descriptors."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctaudit.conntrack.kernel_state import KernelState, Reading, Settings
from ctaudit.conntrack.netlink import read_sysctl
from tests.unit.test_statistics import NEW, OLD


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Files as in /proc, with values that no kernel has by default."""
    for name, value in (("events", 1), ("acct", 0), ("timestamp", 2)):
        (tmp_path / f"nf_conntrack_{name}").write_text(f"{value}\n")
    (tmp_path / "statistics").write_text(NEW)
    return tmp_path


def test_each_reading_is_a_fresh_one(proc: Path) -> None:
    state = KernelState(proc, proc / "statistics")
    assert state.read() == Reading(Settings(events=1, acct=0, timestamp=2), clashes=11)
    with (proc / "nf_conntrack_events").open("r+") as file:
        file.write("0")
    with (proc / "statistics").open("r+") as file:
        file.write(NEW.replace("0000000a", "0000000b"))
    assert state.read() == Reading(Settings(events=0, acct=0, timestamp=2), clashes=12)
    state.close()


def test_rows_of_many_cpus_are_read_to_the_end(proc: Path) -> None:
    heading, *rows = NEW.splitlines(keepends=True)
    (proc / "statistics").write_text(heading + "".join(rows * 200))
    state = KernelState(proc, proc / "statistics")
    assert state.read().clashes == 200 * 11
    state.close()


def test_what_cannot_be_read_is_unknown_until_it_can(tmp_path: Path) -> None:
    state = KernelState(tmp_path, tmp_path / "statistics")
    assert state.read() == Reading(Settings(), None)
    (tmp_path / "nf_conntrack_acct").write_text("1\n")
    (tmp_path / "nf_conntrack_events").write_text("\n")
    (tmp_path / "statistics").write_text(OLD)
    assert state.read() == Reading(Settings(acct=1), None)
    state.close()


def test_a_file_is_opened_again_after_an_error(tmp_path: Path) -> None:
    """As after the module was removed and loaded again: the old descriptor reads nothing more."""
    setting = tmp_path / "nf_conntrack_events"
    setting.mkdir()
    state = KernelState(tmp_path, tmp_path / "statistics")
    assert state.read().settings.events is None
    setting.rmdir()
    setting.write_text("1\n")
    assert state.read().settings.events == 1
    state.close()


def test_an_unknown_value_stays_as_it_was() -> None:
    known = Reading(Settings(1, 1, 0), 7)
    assert Reading(Settings(None, 0, None), None).else_from(known) == Reading(Settings(1, 0, 0), 7)
    assert Reading(Settings(0, 0, 1), 0).else_from(known) == Reading(Settings(0, 0, 1), 0)


def test_the_kernel_of_this_machine() -> None:
    state = KernelState()
    shown, _ = state.read()
    assert shown == Settings(*(read_sysctl(f"nf_conntrack_{name}") for name in Settings._fields))
    assert state.read_udp_timeout() == max(
        read_sysctl("nf_conntrack_udp_timeout") or 0,
        read_sysctl("nf_conntrack_udp_timeout_stream") or 0,
    )
    state.close()
