"""ctaudit forward as a process: its outputs, a rotation, a kill, its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ctaudit.spool.lock import spool_lock
from tests.unit.forwarding import numbers_in, spooling


def write_config(folder: Path) -> Path:
    file = folder / "ctaudit.toml"
    file.write_text(
        f'node = "gw1"\n[spool]\ndirectory = "{folder}/spool"\n'
        f'[output.a]\nto = "{folder}/a"\nsync = true\n[output.b]\nto = "{folder}/b"\n'
        f'[output.c]\nto = "unix:{folder}/nobody"\n'
    )
    (folder / "spool").mkdir()
    return file


@contextmanager
def forwarding(config: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ctaudit", "forward", "--config", str(config)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_its_life(tmp_path: Path) -> None:
    """One output whose collector is not there holds up no other."""
    config, a, b = write_config(tmp_path), tmp_path / "a", tmp_path / "b"
    with spooling(tmp_path / "spool") as spool:
        spool.send(5)
        with forwarding(config) as process:
            wait_for(lambda: b.exists() and numbers_in(b) == spool.sent)
            wait_for(lambda: numbers_in(a) == spool.sent)
            a.rename(tmp_path / "a.1")
            process.send_signal(signal.SIGHUP)
            wait_for(a.exists)
            spool.send(5)
            wait_for(lambda: numbers_in(a) == [6, 7, 8, 9, 10])
            process.kill()
            process.wait()
        spool.send(5)
        with forwarding(config) as process:
            wait_for(lambda: len(numbers_in(b)) == 15)
            process.terminate()
            _, said = process.communicate(timeout=20)
            assert process.returncode == 0
        assert f"ctaudit-forward: forwarding from {tmp_path}/spool to a, b, c\n" in said
        assert f"output c: unix:{tmp_path}/nobody: No such file or directory" in said
        assert numbers_in(tmp_path / "a.1", a) == numbers_in(b) == spool.sent


def test_wrong_calls(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with spool_lock(tmp_path / "spool", "forwarder"), forwarding(config) as second:
        _, said = second.communicate(timeout=20)
        assert second.returncode == 2
        assert "another forwarder is using this spool" in said
    config.write_text(f'[spool]\ndirectory = "{tmp_path}/spool"\n')
    with forwarding(config) as process:
        _, said = process.communicate(timeout=20)
        assert process.returncode == 2
        sentence = "no output is configured: add an [output.NAME], or stop this service"
        assert said == f"ctaudit: {sentence}\n"
