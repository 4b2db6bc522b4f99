"""ctaudit_config of the role as ctaudit.toml, and the outputs in it."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ctaudit.config import OutputSection, load_config
from tests.unit.role_filters import ROLE, load_role_file

yaml = pytest.importorskip("yaml")
values = load_role_file("filter_plugins/ctaudit_values.py")
toml = load_role_file("filter_plugins/ctaudit_toml.py")

SITE: dict[str, Any] = {
    "node": "gw1",
    "filter": {"rules": ["deny orig_dst 10.0.0.0/8", "accept proto udp"]},
    "canary": {"interval": "5min"},
    "privacy": {"remote": False},
    "scope": {"internal": ["192.168.0.0/16"]},
    "journal": {},
    "output": {
        "siem": {"to": "tcp:siem.example.net:5140"},
        "nat-log_2": {"to": "/var/log/ctaudit/nat.log", "form": "log", "events": "nat",
                      "sync": True},
    },
}  # fmt: skip


def test_what_a_site_writes_is_what_the_program_reads(tmp_path: Path) -> None:
    read = values.read_variable(SITE, "ctaudit_config")
    text = toml.format_toml(read)
    assert tomllib.loads(text) == {key: value for key, value in SITE.items() if value}
    file = tmp_path / "ctaudit.toml"
    file.write_text(text)
    config = load_config(file)
    assert config.output["nat-log_2"] == OutputSection(
        to="/var/log/ctaudit/nat.log", form="log", events="nat", sync=True
    )
    assert config.filter.rules == tuple(SITE["filter"]["rules"])
    assert config.canary.interval == 300


@pytest.mark.parametrize(
    "text", ['a "quoted" \\ one', "größe", "a\nb\tc", "\x7f\x01", "# no", "[x]"]
)
def test_each_text_comes_back(text: str) -> None:
    settings = {"node": text, "filter": {"rules": [text, text]}}
    assert tomllib.loads(toml.format_toml(settings)) == settings


def test_the_forwarders_condition_finds_a_section() -> None:
    """ExecCondition of ctaudit-forward.service greps for a line that begins so."""
    assert "\n[output.siem]\n" in toml.format_toml(SITE)
    assert "output" not in toml.format_toml({**SITE, "output": {}})


def test_keys_of_an_output_are_the_programs() -> None:
    ours = set(values._OUTPUT["options"])
    assert ours == {item.name for item in dataclasses.fields(OutputSection)}


@pytest.mark.parametrize(
    "written",
    [
        {"siem": {"to": "/x", "sync": "yes"}, "left_out": None},
        '{"siem": {"to": "/x", "sync": true}}',
        {"siem": '{"to": "/x", "sync": 1}'},
    ],
)
def test_outputs(written: Any) -> None:
    read = values.read_variable({"output": written}, "ctaudit_config")
    assert read == {"output": {"siem": {"to": "/x", "sync": True}}}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"a.b": {"to": "/x"}}, 'ctaudit_config.output: "a.b" is no name of an output; write 1 to'),
        ({"": {"to": "/x"}}, 'ctaudit_config.output: "" is no name'),
        ({"_a": {"to": "/x"}}, 'ctaudit_config.output: "_a" is no name'),
        ({"a" * 33: {"to": "/x"}}, "ctaudit_config.output: "),
        ({"a\n": {"to": "/x"}}, "ctaudit_config.output: "),
        ({"siem": {"form": "log"}}, "ctaudit_config.output.siem.to is missing; write a file"),
        ({"siem": {"to": "/x", "form": "xml"}}, 'ctaudit_config.output.siem.form is "xml"; write'),
        ({"siem": {"path": "/x"}}, "ctaudit_config.output.siem.path: there is no such key"),
        ({"siem": "/x"}, "ctaudit_config.output.siem is "),
        (["siem"], "ctaudit_config.output is "),
    ],
)
def test_outputs_refused(written: Any, words: str) -> None:
    [fault] = values.find_faults({"ctaudit_config": {"output": written}})
    assert fault.startswith(words)
    assert len(fault) < 200


def test_the_forwarder_is_one_of_the_units() -> None:
    known = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    assert "ctaudit-forward.service" in known["ctaudit_units"]
    tasks = yaml.safe_load((ROLE / "tasks/service.yml").read_text())
    loops = {task["name"]: task.get("loop") for task in tasks}
    assert loops["Ask when the services began"] == "{{ ctaudit_units }}"
    assert loops["Enable and start the services"] == "{{ ctaudit_units_wanted }}"


def test_without_a_database_no_task_asks_for_one() -> None:
    """What reaches for PostgreSQL is imported where the role manages one, or others do."""
    main = yaml.safe_load((ROLE / "tasks/main.yml").read_text())
    [installation] = [task for task in main if task["name"] == "Installation"]
    conditions = {task["name"]: task.get("when") for task in installation["block"]}
    assert conditions["Database"] == "ctaudit_is_managing"
    assert conditions["Database of others"] == "ctaudit_has_database and not ctaudit_is_managing"
    assert conditions["No database"] == "not ctaudit_has_database"
    known = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    assert "ctaudit_has_database" in known["ctaudit_is_managing"]
    assert "ctaudit_has_database" in known["ctaudit_settings"]
