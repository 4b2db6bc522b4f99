"""Keys that a file gives and that have no effect there, because of what others say."""

from __future__ import annotations

from collections.abc import Iterator

from ctaudit.config import Config, Reading
from ctaudit.config.key import list_values
from ctaudit.config.readers import format_size, format_toml
from ctaudit.conntrack.filter import Rule, RuleSet
from ctaudit.spool.segment import HEADER_SIZE

_OF_DATABASE = ("procedure", "database.", "batch.", "journal.", "canary.", "retention.")
_OWN_PROCEDURES = "ctaudit."


def find_without_effect(reading: Reading, rules: RuleSet | None) -> Iterator[str]:
    """A sentence for each; a key that has its default anyway is passed over."""
    given = {
        path: format_toml(key.form.write(value))
        for path, key, value in list_values(reading.config)
        if path in reading.given and key.form.write(value) != key.default
    }
    said = set()
    for path, sentence in _list_idle(reading.config, tuple(given)):
        if path in given and path not in said:
            said.add(path)
            yield f"{path} = {given[path]} {sentence}"
    if rules is not None and reading.config.filter.rules:
        yield from _find_unreached(rules)


def _list_idle(config: Config, given: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Keys by their paths, and what is to be said of them if they are given."""
    if not config.database.enabled:
        for path in given:
            if path.startswith(_OF_DATABASE) and path != "database.enabled":
                yield path, "has no effect: database.enabled = false, so nothing is recorded"
    elif config.record_procedure.startswith(_OWN_PROCEDURES):
        why = f"{config.record_procedure} stores no change of state"
        yield "socket.updates", f"has no effect on the record: {why}"
    if config.mode != "live":
        yield "database.live_copy", f'has no effect: mode = "{config.mode}" has no such copy'
    yield from _list_journal(config)
    yield from _list_spool(config)
    for name, output in config.output.items():
        if not output.to.startswith("/"):
            yield f"output.{name}.sync", f'has no effect: to = "{output.to}" is no file'
        if why := _explain_silence(config, output.events):
            yield f"output.{name}.events", f"writes no event: {why}"


def _list_journal(config: Config) -> Iterator[tuple[str, str]]:
    journal = config.journal
    if journal.events == "none":
        for name in ("rate", "burst"):
            yield f"journal.{name}", 'has no effect: journal.events = "none"'
    elif not journal.rate:
        for name in ("events", "burst"):
            yield f"journal.{name}", "has no effect: journal.rate = 0, so no event has a line"
    elif journal.burst < journal.rate:
        yield "journal.burst", f"has no effect: journal.rate = {journal.rate} is more"
    if why := _explain_silence(config, journal.events):
        yield "journal.events", f"writes no event: {why}"


def _explain_silence(config: Config, events: str) -> str:
    """Why none of these events is received; "": they are."""
    if events == "new" and config.mode == "history":
        return 'mode = "history" receives no openings'
    if events == "destroy" and config.mode == "nat" and not config.socket.reliable:
        return 'mode = "nat" receives no ends'
    return ""


def _list_spool(config: Config) -> Iterator[tuple[str, str]]:
    spool = config.spool
    segment = HEADER_SIZE + spool.segment_bytes
    if spool.keep_bytes < segment:
        most = format_size(spool.keep_bytes)
        why = f'no file of {format_size(segment)} is within spool.keep_bytes = "{most}"'
        yield "spool.keep", f"has no effect: {why}"
        if spool.keep_bytes:
            yield "spool.keep_bytes", f"keeps nothing: a file of the spool has {segment:,} bytes"


def _find_unreached(rules: RuleSet) -> Iterator[str]:
    """Rules behind one without a condition."""
    for number, rule in enumerate(rules.rules, 1):
        if rule == Rule(rule.action):
            for later, unreached in enumerate(rules.rules[number:], number + 1):
                yield (
                    f'filter.rules: rule {later}, "{unreached}", has no effect: '
                    f'rule {number}, "{rule}", matches every connection'
                )
            return
