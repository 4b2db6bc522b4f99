"""How the role's modules run a command as PostgreSQL's superuser."""

from __future__ import annotations

import importlib.util
import subprocess
import time
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[2] / "roles/ctaudit/module_utils/ctaudit_psql.py"
_SPEC = importlib.util.spec_from_file_location("ctaudit_psql", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
psql = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(psql)


class SlowModule:
    """AnsibleModule on a busy host: a command that ends at once has ended before it writes."""

    def run_command(self, words: list[str], data: str, **_: object) -> tuple[int, str, str]:
        assert words[:4] == ["runuser", "-u", "postgres", "--"]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(words[4:], text=True, **pipes) as process:  # type: ignore[call-overload]
            assert process.stdin is not None
            if data:
                time.sleep(0.2)
                process.stdin.write(data + "\n")
                process.stdin.flush()
            said, complaint = process.communicate()
            return process.returncode, said, complaint


@pytest.mark.parametrize("text", ["SELECT 1;", ""])
def test_a_command_that_ends_at_once_is_heard(text: str) -> None:
    words = ["sh", "-c", "echo FATAL: no database >&2; exit 2"]
    assert psql.as_superuser(SlowModule(), words, text) == (2, "", "FATAL: no database\n")


def test_the_input_is_not_in_the_process_list() -> None:
    text = "ALTER ROLE a PASSWORD '$x `y` \\\\n \"z\"';\nSELECT 2;"
    words = ["sh", "-c", "cat; cat /proc/$$/cmdline /proc/$PPID/cmdline >&2"]
    status, said, processes = psql.as_superuser(SlowModule(), words, text)
    assert (status, said) == (0, text + "\n")
    assert "PPID" in processes
    assert "ALTER" not in processes
