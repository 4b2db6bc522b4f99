"""site.yml, played on booted machines as a site would play it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import ROOT
from lab.waiting import wait_until

# Ends only what hangs: beside other programs a play takes several minutes.
PATIENCE = 900.0
_VENV = Path(os.environ.get("CTAUDIT_ANSIBLE", ROOT / ".venv-ansible"))
_SETTINGS = {
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "PATH": f"{_VENV}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
    "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "molecule/shared/connection"),
    "ANSIBLE_RETRY_FILES_ENABLED": "0",
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_NOCOLOR": "1",
}


@dataclass(frozen=True)
class Played:
    """How a run went: Ansible's exit status, and all that it said."""

    status: int
    text: str

    @property
    def failed(self) -> str:
        """The task that failed first."""
        task = ""
        for line in self.text.splitlines():
            if found := re.match(r"TASK \[(?:ctaudit : )?(.*)\] \*+$", line):
                task = found[1]
            if line.startswith(("fatal:", "failed:")):
                return task
        return ""

    @property
    def sentence(self) -> str:
        """What the failed task said."""
        for line in self.text.splitlines():
            if line.startswith(("fatal:", "failed:")):
                # A failed item repeats what was registered, its own message comes last.
                said = re.findall(r'"msg": "((?:[^"\\]|\\.)*)"', line)
                return re.sub(r"\s+", " ", said[-1].replace('\\"', '"')) if said else ""
        return ""

    def changed(self, host: str) -> int:
        found = re.search(rf"^{host} +: .*changed=(\d+)", self.text, re.MULTILINE)
        return int(found[1]) if found else 0

    def touched(self, host: str) -> bool:
        return (
            re.search(rf"^(ok|changed|fatal|failed): \[{host}\]", self.text, re.MULTILINE)
            is not None
        )


def play(inventory: Path, *words: str, book: Path = ROOT / "site.yml") -> Played:
    done = subprocess.run(
        _command(inventory, words, book), cwd=ROOT, env=_SETTINGS, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return Played(done.returncode, done.stdout + done.stderr)


def assert_stopped(run: Played, task: str, *words: str) -> None:
    assert run.status != 0, run.text
    assert run.failed == task, run.text
    for word in words:
        assert word in run.sentence, run.sentence
    assert "Traceback" not in run.text


def assert_done(run: Played) -> None:
    assert run.status == 0, run.text


def break_off(inventory: Path, seconds: float, *words: str) -> bool:
    """Plays and kills it all after so long, what it runs in the machines included.

    False when it had come to its end before.
    """
    with subprocess.Popen(
        _command(inventory, words), cwd=ROOT, env=_SETTINGS, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            _kill_session(process.pid)
            return True
    return False


def _command(inventory: Path, words: Sequence[str], book: Path = ROOT / "site.yml") -> list[str]:
    return [str(_VENV / "bin/ansible-playbook"), "-i", str(inventory), str(book), *words]


def _kill_session(leader: int) -> None:
    """Ansible's workers have process groups of their own, and one session."""

    def kill_all() -> bool:
        left = [process for process in _processes() if _session_of(process) == leader]
        for process in left:
            os.kill(process, signal.SIGKILL)
        return not left

    wait_until(kill_all, patience=10)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _session_of(process: int) -> int:
    """0 for one that is gone, or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] == "Z" else int(fields[3])
