"""From nothing to an answer: apt install, ctaudit setup --local, ctaudit who."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from lab import addresses
from lab.machines.gateway import RECEIVER, RECORDER
from tests.package.installation import Installation, is_here


def test_installed_package_says_what_is_missing(installed: Installation) -> None:
    findings = installed.before["findings"]
    assert (installed.before["status"], installed.before["verdict"]) == (3, "not fit")
    assert findings["database"]["level"] == "not fit"
    assert findings["database"]["remedy"].startswith("ctaudit setup --local")
    # It receives already.
    for name in ("connection tracking", "receiver", "spool", "receive buffer", "timer"):
        assert findings[name]["level"] == "good", findings[name]
    # It waits, and says what for.
    assert "database unreachable" in findings["recorder"]["found"]


def test_setup_makes_what_was_missing(installed: Installation) -> None:
    assert "Created database ctaudit." in installed.setup
    assert "is being recorded." in installed.setup.splitlines()[-1]
    again = installed.machine.run(["ctaudit", "setup", "--local"]).stdout
    assert "Database ctaudit exists already, with encoding UTF8." in again
    after = installed.check()
    left = {name for name, item in after["findings"].items() if item["level"] != "good"}
    # The machine's clock is its host's; nothing is tracked before there is traffic.
    assert left <= {"clock", "table"}, after
    assert after["status"] == (1 if left else 0)
    timer = installed.machine.show("ctaudit-maintain.timer", "ActiveState")
    assert timer == "active"
    installed.machine.systemctl("start", "ctaudit-maintain.service")
    assert installed.machine.show("ctaudit-maintain.service", "Result") == "success"


def test_who_answers(installed: Installation) -> None:
    gateway = installed.gateway
    time.sleep(1.1 - time.time() % 1)
    gateway.traffic("article")
    gateway.wait_until(lambda: bool(gateway.query("SELECT FROM ctaudit.opening")))
    started = gateway.query("SELECT max(started_at) AS at FROM ctaudit.opening")[0]["at"]
    second = datetime.fromisoformat(started).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    public = f"{addresses.GATEWAY}:{addresses.ARTICLE_NAT_SPORT}"
    time.sleep(2)  # until that second is over and covered
    words = ["ctaudit", "who", public, "--at", second, "--to", f"{addresses.SERVER}:443"]
    answer = installed.machine.run(words, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{addresses.CLIENT}:{addresses.ARTICLE_SPORT} was behind {public}" in answer.stdout


@pytest.mark.parametrize(
    "setting", ["PYTHONHOME=/nowhere", "PYTHONIOENCODING=nonsense", "PYTHONHASHSEED=x"]
)
def test_settings_of_the_interpreter(installed: Installation, setting: str) -> None:
    """With them the interpreter would not start and end with 1, which is who's word for nobody."""
    words = ["env", setting, "ctaudit", "who", "1.2.3.4", "--at", "never"]
    done = installed.machine.run(words, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--at 'never': not a time" in done.stderr


def test_what_comes_with_it(installed: Installation) -> None:
    machine = installed.machine
    for name in ("acct", "timestamp", "events"):
        value = machine.run(["sysctl", "-n", f"net.netfilter.nf_conntrack_{name}"]).stdout
        assert value.strip() == "1", name
    explained = machine.run(["journalctl", "-x", "--no-pager", "-u", RECORDER]).stdout
    assert "Subject: The database is unreachable, events wait in the spool" in explained
    for section, page in ((1, "ctaudit"), (5, "ctaudit.toml"), (8, "ctaudit.service")):
        machine.run(["man", "--pager=cat", str(section), page])
    news = machine.run(["zcat", "/usr/share/doc/ctaudit/NEWS.Debian.gz"]).stdout
    assert news.startswith("ctaudit (")
    assert "personal data" in news
    shell = "source /usr/share/bash-completion/completions/ctaudit && complete -p ctaudit"
    listed = machine.run(["bash", "-c", shell]).stdout
    assert "_ctaudit" in listed


@pytest.mark.skipif(is_here(), reason="autopkgtest has installed it")
def test_apt_brings_a_database_by_itself(installed: Installation) -> None:
    assert "Inst postgresql " in installed.foreseen


def test_services_are_enabled_and_never_failed(installed: Installation) -> None:
    for unit in (RECEIVER, RECORDER):
        assert installed.machine.show(unit, "UnitFileState") == "enabled"
        said = installed.machine.run(["journalctl", "--no-pager", "-u", unit]).stdout
        assert "Traceback" not in said
        assert "Failed with result" not in said
    failed = installed.machine.systemctl("list-units", "--failed", "--no-legend", "ctaudit*")
    assert failed == ""
