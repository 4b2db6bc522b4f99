"""What would distinguish several candidates: the options of who to add."""

from __future__ import annotations

from ctaudit.conntrack.event import name_protocol
from ctaudit.query.answer import Answer
from ctaudit.query.question import WhoQuestion


def find_differences(answers: tuple[Answer, ...]) -> tuple[str, ...]:
    """How the candidates differ: port, proto, remote, node, time."""
    kinds = {
        "port": len({(answer.public, answer.public_port) for answer in answers}) > 1,
        "proto": len({answer.proto for answer in answers}) > 1,
        "remote": len({(answer.remote, answer.remote_port) for answer in answers}) > 1,
        "node": len({answer.node for answer in answers}) > 1,
        "time": _is_reused(answers),
    }
    return tuple(kind for kind, differs in kinds.items() if differs)


def format_filters(question: WhoQuestion, answers: tuple[Answer, ...]) -> str:
    """The options that would distinguish the candidates, given how these differ."""
    filters, differences = [], find_differences(answers)
    if "port" in differences:
        filters.append("the port")
    if question.proto is None and "proto" in differences:
        names = sorted({name_protocol(answer.proto) for answer in answers})
        filters.append(f"--proto ({', '.join(names)})")
    if "remote" in differences:
        filters.append("--to with the remote address" + _and_port(answers))
    if question.node is None and "node" in differences:
        filters.append(f"--node ({', '.join(sorted({answer.node for answer in answers}))})")
    if question.within:
        filters.append("a smaller --within")
    elif "time" in differences:
        filters.append("a more exact --at, with a fraction of the second")
    if not filters:
        return "No further filter can distinguish them."
    return f"To distinguish them, add: {'; '.join(filters)}."


def _and_port(answers: tuple[Answer, ...]) -> str:
    pairs = {(answer.remote, answer.remote_port) for answer in answers}
    return " and port" if len({address for address, _ in pairs}) < len(pairs) else ""


def _is_reused(answers: tuple[Answer, ...]) -> bool:
    """Whether one candidate had ended when another began."""
    ends = [answer.ended_at for answer in answers if answer.ended_at]
    starts = [answer.started_at for answer in answers if answer.started_at]
    return bool(ends and starts) and min(ends) <= max(starts)
