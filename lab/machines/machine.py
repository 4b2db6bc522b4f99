"""A booted machine: commands in it, files in it, its units."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.namespaces import LabError

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0"}


class MachineError(LabError):
    """A machine or its tree cannot be made or used; the text is one sentence for a person."""


@dataclass(frozen=True)
class Machine:
    """A booted machine; ``leader`` is its PID 1 as this host counts."""

    name: str
    root: Path
    leader: int

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        check: bool = True,
        timeout: float = 60,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in the machine; its output is text. The options are subprocess.run's."""
        done = subprocess.run(
            self.enter(argv, user=user),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **options,
        )
        if check and done.returncode:
            said = (done.stdout + done.stderr).strip()[-2000:]
            raise MachineError(f"{' '.join(argv)} failed in {self.name}: {said}")
        return done

    def start(self, argv: Sequence[str], *, user: str = "root") -> subprocess.Popen[str]:
        """Starts a command in the machine, its output piped."""
        return subprocess.Popen(
            self.enter(argv, user=user), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def enter(self, argv: Sequence[str], *, user: str = "root") -> list[str]:
        """The command line that runs ``argv`` in the machine with a clean environment."""
        variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        as_user = [] if user == "root" else ["runuser", "-u", user, "--"]
        words = ["nsenter", f"--target={self.leader}", "--all", "env", "-i"]
        return [*words, *variables, *as_user, *argv]

    def path(self, inside: str) -> Path:
        """Where this host sees a file of the machine, its mounts included."""
        return Path(f"/proc/{self.leader}/root", inside.lstrip("/"))

    def put(self, source: Path, inside: str) -> None:
        """Copies a file or a folder into the machine, readable for everybody there."""
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(source, target)
        subprocess.run(["chmod", "-R", "u=rwX,go=rX", str(target)], check=True)

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def systemctl(self, *arguments: str, timeout: float = 120) -> str:
        return self.run(["systemctl", *arguments], timeout=timeout).stdout

    def is_up(self) -> bool:
        """Whether it has booted; a unit may have failed."""
        said = self.run(["systemctl", "is-system-running"], check=False).stdout
        return said.strip() in ("running", "degraded")

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.systemctl("show", "--value", f"--property={name}", unit).strip()

    def processes(self, unit: str) -> list[int]:
        """The processes of a service, as this host counts them."""
        template = unit.partition("@")[0]
        below = f"system-{template}.slice/{unit}" if "@" in unit else unit
        listed = self.path(f"/sys/fs/cgroup/system.slice/{below}/cgroup.procs")
        with suppress(OSError):
            return [int(line) for line in listed.read_text().split()]
        return []
