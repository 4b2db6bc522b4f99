"""The configuration: the example file says all there is, and what is wrong is named."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from ctaudit.config import (
    Config,
    JournalSection,
    OutputSection,
    ScopeSection,
    check_node,
    load_config,
)
from ctaudit.config.readers import format_size
from ctaudit.errors import UsageError

EXAMPLE = Path(__file__).parents[2] / "docs" / "ctaudit.toml"
# Their defaults are no constants: the host's name, the mode's procedure, libpq's environment.
COMMENTED = {"web.dsn",
    "node", "pair", "procedure", "database.dsn", "scope.public", "scope.internal", "output",
    "canary.interval", "filter.accept_src_filter", "filter.accept_dst_filter",
    "filter.accept_proto_filter",
}  # fmt: skip


def keys_of(section: Any, path: str = "") -> dict[str, Any]:
    """Each key by its path with its default, None where it is computed."""
    found: dict[str, Any] = {}
    for item in fields(section):
        here = f"{path}{item.name}"
        if item.default_factory is not MISSING and is_dataclass(item.default_factory):
            found |= keys_of(item.default_factory, f"{here}.")
        else:
            found[here] = None if item.default is MISSING else item.default
    return found


def read(config: Config, path: str) -> Any:
    value: Any = config
    for part in path.split("."):
        value = getattr(value, part)
    return value


def refuse(tmp_path: Path, text: str) -> str:
    file = tmp_path / "ctaudit.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_config(file)
    assert caught.value.exit_status == 2
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


def test_example_gives_the_defaults() -> None:
    config = load_config(EXAMPLE)
    for path, default in keys_of(Config).items():
        if path not in COMMENTED:
            assert read(config, path) == default, path
    assert config == Config()


def test_example_holds_every_key_and_no_other() -> None:
    table = tomllib.loads(EXAMPLE.read_text())
    set_keys = {
        f"{name}.{key}" if isinstance(value, dict) else name
        for name, value in table.items()
        for key in (value if isinstance(value, dict) else [""])
    }
    assert set_keys | COMMENTED == set(keys_of(Config))
    assert not set_keys & COMMENTED


def test_every_commented_key_is_valid_when_uncommented(tmp_path: Path) -> None:
    text = re.sub(
        r"^# ((?:node|pair|procedure|dsn|public|internal) = .*)$",
        r"\1",
        EXAMPLE.read_text(),
        flags=re.MULTILINE,
    )
    file = tmp_path / "ctaudit.toml"
    file.write_text(text)
    config = load_config(file)
    assert (config.node, config.pair, config.record_procedure) == ("gw1", "gw2", "site.record")
    assert config.database.dsn == "host=/var/run/postgresql dbname=ctaudit"
    assert config.scope == ScopeSection(("1.2.3.0/28",), ("192.168.0.0/16",))


def test_the_output_of_the_example_is_valid_when_uncommented(tmp_path: Path) -> None:
    """It has every key, with its default."""
    _, mark, block = EXAMPLE.read_text().partition("# [output.siem]\n")
    lines = [line[2:] for line in block.splitlines() if re.match(r"# \w+ = ", line)]
    file = tmp_path / "ctaudit.toml"
    file.write_text(mark[2:] + "\n".join(lines))
    assert [line.split(" = ")[0] for line in lines] == [item.name for item in fields(OutputSection)]
    assert load_config(file).output == {"siem": OutputSection("/var/log/ctaudit/nfct.json")}


@pytest.mark.parametrize(
    "to", ["/a", "unix:/run/x", "tcp:192.0.2.5:514", "tcp:[2001:db8::1]:514", "tcp:siem.example:1"]
)
def test_destinations_of_an_output(tmp_path: Path, to: str) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text(f'[output.a]\nto = "{to}"\nform = "log"\nevents = "nat"\nsync = true\n')
    assert load_config(file).output == {"a": OutputSection(to, "log", "nat", True)}


def test_every_key_of_the_example_is_explained() -> None:
    """A comment stands right above each key, or above the key before it in the same block."""
    for block in re.split(r"\n\s*\n", EXAMPLE.read_text()):
        lines = [line for line in block.splitlines() if not line.startswith("[")]
        assert not lines or lines[0].startswith("#"), block


def test_scope_takes_addresses_and_networks(tmp_path: Path) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text('[scope]\npublic = ["1.2.3.4", "2001:DB8::/48"]\ninternal = []\n')
    assert load_config(file).scope == ScopeSection(("1.2.3.4/32", "2001:db8::/48"), ())


@pytest.mark.parametrize("mode", ["live", "nat", "history"])
def test_mode_chooses_the_procedure(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text(f'mode = "{mode}"\n')
    assert load_config(file).record_procedure == f"ctaudit.record_{mode}"


def test_the_least_configuration(tmp_path: Path) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text(
        'node = "gw1"\nmode = "live"\n[database]\ndsn = "host=/var/run/postgresql dbname=ctaudit"\n'
        '[spool]\ndirectory = "/var/lib/ctaudit/spool"\nmax_bytes = "2GiB"\n'
        "[journal]\nrate = 10\n[retention]\ndays = 365\n"
    )
    config = load_config(file)
    assert (config.node, config.spool.max_bytes, config.journal) == (
        "gw1", 2 << 30, JournalSection("all", 10, 200)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('nodes = "a"', ["nodes: unknown key", "allowed at the top level: node, mode"]),
        (
            "[journal]\nrates = 1",
            ["journal.rates: unknown key", "allowed in [journal]: events, rate, burst"],
        ),
        ("[nothing]", ["nothing: unknown key"]),
        ("journal = 5", ["journal = 5", "must be a section, [journal]"]),
        ('[scope]\npublic = "1.2.3.4"', ["scope.public = '1.2.3.4'", "must be a list"]),
        ("[scope]\npublic = [7]", ["scope.public = [7]", "must be a list"]),
        ('[scope]\npublic = ["gw1"]', ["'gw1' is not an address", "must be a list", "1.2.3.0/28"]),
        (
            '[scope]\ninternal = ["10.0.0.1/8"]',
            ["scope.internal = ", "write the network as", '"10.0.0.0/8"', '"10.0.0.1"'],
        ),
        ('node = ""', ["node = ''", "1 to 63"]),
        ('node = "a b"', ["node = 'a b'", "letters"]),
        ("node = 7", ["node = 7", "letters"]),
        ('mode = "all"', ["mode = 'all'", '"live", "nat", "history"']),
        ("mode = true", ["mode = True", '"live", "nat", "history"']),
        ('procedure = "record"', ["procedure = 'record'", "with its schema"]),
        ('procedure = "a.b; drop"', ["procedure = ", "with its schema"]),
        ("[socket]\nupdates = 1", ["socket.updates = 1", "true or false"]),
        ('[socket]\nreceive_buffer = "1GB"', ["socket.receive_buffer = '1GB'", "4KiB", "1GiB"]),
        ("[socket]\nreceive_buffer = 65536", ["socket.receive_buffer = 65536", "such as"]),
        ('[socket]\nreceive_buffer_max = "2GiB"', ["socket.receive_buffer_max", '"1GiB"']),
        (
            '[socket]\nreceive_buffer = "2MiB"\nreceive_buffer_max = "1MiB"',
            ["socket.receive_buffer_max = 1MiB", "must be at least socket.receive_buffer = 2MiB"],
        ),
        ('[dumps]\ninterval = "500ms"', ["dumps.interval = '500ms'", 'from "1s" to "7d"']),
        ("[dumps]\ninterval = 60", ["dumps.interval = 60", '"10min"']),
        ("[database]\ndsn = 5", ["database.dsn = 5", "non-empty string"]),
        ('[database]\ndsn = ""', ["database.dsn = ''", "non-empty string"]),
        ("[batch]\nevents = 0", ["batch.events = 0", "from 1 to 100000"]),
        ("[batch]\nevents = true", ["batch.events = True", "whole number"]),
        ("[batch]\nevents = 2.0", ["batch.events = 2.0", "whole number"]),
        ('[batch]\nwait = "2 weeks"', ["batch.wait = '2 weeks'", 'from "1ms" to "60s"']),
        ('[spool]\ndirectory = "spool"', ["spool.directory = 'spool'", "absolute path"]),
        ('[spool]\nmax_bytes = "-1"', ["spool.max_bytes = '-1'", "1MiB"]),
        ('[spool]\nmax_bytes = "16MiB"', ["spool.max_bytes = 16MiB", "at least 3 segments"]),
        ('[spool]\nsegment_bytes = "1KiB"', ["spool.segment_bytes = '1KiB'", "256KiB"]),
        ('[spool]\nkeep = "8d"', ["spool.keep = '8d'", 'from "0s" to "7d"']),
        ('[spool]\nkeep_bytes = "1.5GiB"', ["spool.keep_bytes = '1.5GiB'", "size"]),
        ('[journal]\nevents = "snat"', ["journal.events = 'snat'", '"all", "nat", "new", "none"']),
        ("[journal]\nrate = -1", ["journal.rate = -1", "from 0 to 100000"]),
        ("[retention]\ndays = 0", ["retention.days = 0", "from 1 to 36500"]),
        ("[retention]\ndays = 'x'", ["retention.days = 'x'", "whole number"]),
        ("output = 5", ["output = 5", "must be sections", "[output.NAME]"]),
        ("[output]\nto = '/a'", ["to must be a section, [output.to]"]),
        ("[output.a]", ["output.a.to: is missing in [output.a]"]),
        ("[output.'a/b']\nto = '/a'", ["'a/b'", "1 to 32 letters"]),
        ("[output.a]\nto = 'a'", ["output.a.to = 'a'", "must be a file", "tcp:192.0.2.5:514"]),
        ("[output.a]\nto = 7", ["output.a.to = 7", "must be a file"]),
        ("[output.a]\nto = 'tcp:x:65536'", ["output.a.to = 'tcp:x:65536'"]),
        ("[output.a]\nto = 'tcp:2001:db8::1:514'", ["output.a.to = 'tcp:2001"]),
        (f"[output.a]\nto = 'unix:/{'a' * 107}'", ["more than 107 bytes"]),
        ("[output.a]\nto = '/a'\nform = 'xml'", ["output.a.form = 'xml'", '"json", "log"']),
        ("[output.a]\nto = '/a'\n[output.b]\nto = '/a'", ["2 outputs have to = '/a'"]),
        ("[database]\nenabled = false", ["database.enabled = false needs an [output.NAME]"]),
        ('pair = "gw 2"', ["pair = 'gw 2'", "as a host's name is"]),
        ('node = "gw1"\npair = "gw1"', ['pair = "gw1"', "own name", "name the other one"]),
        ("node = ", ["not valid TOML", "line 1"]),
        ('node = "a"\nnode = "b"', ["not valid TOML"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: list[str]) -> None:
    message = refuse(tmp_path, text + "\n")
    for words in says:
        assert words in message


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"^/nowhere/x\.toml: no such configuration file$"):
        load_config(Path("/nowhere/x.toml"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load_config(tmp_path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_bytes(b'node = "\xff"\n')
    with pytest.raises(UsageError, match="not valid TOML"):
        load_config(file)


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 16 << 20, 3 << 40, (1 << 30) + 1])
def test_sizes_are_written_as_they_are_read(size: int) -> None:
    units = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
    number, unit = re.fullmatch(r"(\d+)(\w+)", format_size(size)).groups()  # type: ignore[union-attr]
    assert int(number) * units[unit] == size


@pytest.mark.parametrize(
    ("text", "value"),
    [("64KiB", 65536), ("65536", 65536), ("65536 B", 65536), ("1GiB", 1 << 30), ("4KiB", 4096)],
)
def test_sizes(tmp_path: Path, text: str, value: int) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text(f'[socket]\nreceive_buffer = "{text}"\nreceive_buffer_max = "1GiB"\n')
    assert load_config(file).socket.receive_buffer == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("250ms", 0.25), ("30 s", 30), ("10min", 600), ("2h", 7200), ("7d", 604800)],
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text(f'[spool]\nkeep = "{text}"\n')
    assert load_config(file).spool.keep == seconds


def test_another_gateways_name() -> None:
    assert check_node("gw2", "--node") == "gw2"
    with pytest.raises(UsageError, match=r"^--node 'a b': must be 1 to 63 letters"):
        check_node("a b", "--node")


def test_without_remote_ends_the_internal_networks_are_needed(tmp_path: Path) -> None:
    file = tmp_path / "ctaudit.toml"
    for scope in ("", "[scope]\ninternal = []\n", '[scope]\npublic = ["1.2.3.4"]\n'):
        file.write_text(f"[privacy]\nremote = false\n{scope}")
        with pytest.raises(UsageError, match=r"privacy\.remote = false needs scope\.internal"):
            load_config(file)
    file.write_text('[privacy]\nremote = false\n[scope]\ninternal = ["192.168.0.0/16"]\n')
    assert load_config(file).privacy.remote is False
