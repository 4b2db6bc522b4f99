"""The receiver as root of a user namespace, as in a container: it may not exceed rmem_max."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ctaudit.config.readers import format_size
from ctaudit.spool.segment import list_segments, opened_segment
from lab.rig import COMMAND, environment
from tests.unit.spool_contents import read_bodies, read_notes

_UNSHARE = ("unshare", "--user", "--map-root-user", "--net")
_ASKED = 128 << 20
_RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
_MARK = b"\x30\x39"  # port 12345

# Connection tracking begins with a rule that needs it. The receiver ends with its first event.
_SCRIPT = """
set -e
ip link set lo up
nft -f - <<RULES
table inet t { chain c { type filter hook output priority 0; ct state new counter; }; }
RULES
echo 1 >/proc/sys/net/netfilter/nf_conntrack_events
"$@" 2>receiver.log &
until grep -q "receiving conntrack events" receiver.log; do
    kill -0 $! || { cat receiver.log >&2; exit 9; }
    sleep 0.05
done
bash -c 'echo >/dev/udp/127.0.0.1/12345'
sleep 1
kill $!
wait $!
"""


def test_events_are_received_with_the_buffer_that_is_allowed(tmp_path: Path) -> None:
    spool, config = tmp_path / "spool", tmp_path / "ctaudit.toml"
    config.write_text(f'node = "gw1"\n[spool]\ndirectory = "{spool}"\n')
    receive = [*COMMAND, "receive", "--config", str(config)]
    done = subprocess.run(
        [*_UNSHARE, "sh", "-c", _SCRIPT, "sh", *receive],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    given = min(_ASKED, 2 * int(_RMEM_MAX.read_text()))
    with opened_segment(list_segments(spool)[0][1]) as segment:
        [start, *_] = read_notes(segment)
        assert start.detail["receive_buffer"] == given
        assert any(_MARK in body for body in read_bodies(segment))
    said = (tmp_path / "receiver.log").read_text()
    assert (
        f"the receive buffer has {format_size(given)} of the 128MiB of socket.receive_buffer"
        in said
    )
    assert "sysctl -w net.core.rmem_max=67108864" in said
    assert "Traceback" not in said


def test_what_the_namespace_s_root_lacks_is_still_refused(tmp_path: Path) -> None:
    """Without a network namespace of its own it has no CAP_NET_ADMIN there."""
    config = tmp_path / "ctaudit.toml"
    config.write_text(f'[spool]\ndirectory = "{tmp_path}"\n')
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-m", "ctaudit", "receive",
         "--config", str(config)],
        env=environment(), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 7
    assert "CAP_NET_ADMIN" in done.stderr
