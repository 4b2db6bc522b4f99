"""The filter rules and a rule's decision, for people and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ctaudit.admin.filter_rules import Decision
from ctaudit.capture.event_filter import EventFilter
from ctaudit.conntrack.filter import plain_rules


def format_rules(chosen: EventFilter) -> Iterator[str]:
    if chosen.rules is None:
        yield "No filter rules: every connection is recorded."
        return
    width = len(str(len(chosen.rules.rules)))
    for number, rule in enumerate(chosen.rules.rules, 1):
        yield f"{number:>{width}}  {rule}"
    yield f"{'':{width}}  What no rule matches is recorded."
    yield ""
    if chosen.program is None:
        yield f"Evaluated in the recorder, since {chosen.why}."
        yield "What they deny is counted as filtered in ctaudit status."
    else:
        yield f"Evaluated in the kernel, {chosen.length:,} instructions; of dumps in the recorder."
        yield "What they deny in the kernel is never received, and is counted by nobody."
    yield "For what they may exclude, who answers unknown."


def plain_filter(chosen: EventFilter) -> dict[str, Any]:
    if chosen.rules is None:
        return {"rules": [], "digest": None, "where": None, "instructions": 0, "why": None}
    return {
        "rules": [
            {"text": str(rule)} | plain
            for rule, plain in zip(chosen.rules.rules, plain_rules(chosen.rules), strict=True)
        ],
        "digest": chosen.rules.digest,
        "where": chosen.where,
        "instructions": chosen.length,
        "why": chosen.why or None,
    }


def format_decision(decision: Decision) -> Iterator[str]:
    yield str(decision.connection)
    outcome = "recorded" if decision.is_recorded else "not recorded"
    if decision.rule is None:
        yield f"No rule matches: {outcome}."
    else:
        yield f"Rule {decision.number} decides, {decision.rule}: {outcome}."


def plain_decision(decision: Decision) -> dict[str, Any]:
    return {
        "connection": str(decision.connection),
        "rule": decision.number,
        "text": None if decision.rule is None else str(decision.rule),
        "recorded": decision.is_recorded,
    }
