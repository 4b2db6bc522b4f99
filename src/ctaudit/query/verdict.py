"""The verdict on who's answers: one, none, several or unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ctaudit.errors import WHO_NONE, WHO_ONE, WHO_SEVERAL, WHO_UNKNOWN
from ctaudit.query.answer import IMPORTED, Answer, Coverage, Import
from ctaudit.query.behind import FOLLOWED_MAX, find_holders

EXIT_STATUS = {
    "one": WHO_ONE,
    "none": WHO_NONE,
    "several": WHO_SEVERAL,
    "unknown": WHO_UNKNOWN,
}


@dataclass(frozen=True)
class Verdict:
    """``name`` is a key of EXIT_STATUS; ``complete``: no connection is missing from the answers.

    ``reasons`` say why the verdict is unknown, in sentences without a full stop.
    """

    name: str
    complete: bool
    reasons: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        return EXIT_STATUS[self.name]


def judge(
    answers: Sequence[Answer],
    coverage: Sequence[Coverage],
    node: str | None = None,
    imports: Sequence[Import] = (),
) -> Verdict:
    """The verdict on the answers of the gateways in ``coverage``; ``node``: the one asked for.

    Unknown comes first: while the record of a gateway that the question concerns is incomplete,
    the connection asked for may be none of the answers, however many there are.
    Imported answers are not judged: they only keep none from being said.
    """
    imported = [answer for answer in answers if answer.provenance == IMPORTED]
    answers = [answer for answer in answers if answer.provenance != IMPORTED]
    if not coverage and imports:
        return Verdict("unknown", False, tuple(item.why for item in imports))
    if not coverage:
        reason = "no gateway had a record then"
        if node is not None:
            reason = f"no gateway named {node or '(empty)'} is known"
        return Verdict("unknown", False, (reason,))
    missing = tuple(
        item.why or f"{item.node}: incomplete"
        for item in _concerned(answers, coverage)
        if not item.complete
    )
    unsaid = () if answers else tuple(_find_unsaid(coverage))
    if missing:
        return Verdict("unknown", False, missing + unsaid)
    if unsaid:
        return Verdict("unknown", True, unsaid)
    if imported and not answers:
        found = {answer.node for answer in imported}
        reasons = tuple(item.why for item in imports if item.node in found)
        return Verdict("unknown", False, reasons)
    if not answers:
        return Verdict("none", True)
    if len(held := list(find_holders(answers, coverage))) > FOLLOWED_MAX:
        answer, item = held[0]
        few = f"who was behind it is looked up for at most {FOLLOWED_MAX} connections"
        return Verdict("unknown", True, (f"{item.node}: {answer.host} is its address, and {few}",))
    if not any(answer.exact for answer in answers):
        subject = "this connection" if len(answers) == 1 else "any of these connections"
        # All of them: which is the first of those that began at one time, no store says.
        nodes = ", ".join(sorted({answer.node for answer in answers}))
        reason = f"{nodes}: whether {subject} was alive then was not observed"
        return Verdict("unknown", True, (reason,))
    return Verdict("one" if len(answers) == 1 else "several", True)


def doubt_remotes(answers: Sequence[Answer], verdict: Verdict) -> Verdict:
    """The verdict of a question for a remote end, where answers have none that is stored."""
    nodes = sorted({answer.node for answer in answers if not answer.is_remote_stored})
    reasons = tuple(
        f"{node}: stores no remote ends (privacy.remote = false), so --to cannot be compared"
        for node in nodes
    )
    if not reasons:
        return verdict
    return Verdict("unknown", verdict.complete, verdict.reasons + reasons)


def _concerned(answers: Sequence[Answer], coverage: Sequence[Coverage]) -> Iterator[Coverage]:
    """All but those of which the address is known not to be, and which have no answer.

    One that has the address of an answer's host would have named who was behind it.
    """
    found = {answer.node for answer in answers}
    found |= {item.node for _, item in find_holders(answers, coverage)}
    return (item for item in coverage if item.in_scope is not False or item.node in found)


def _find_unsaid(coverage: Sequence[Coverage]) -> Iterator[str]:
    """Why nothing found is not none. Where the address is one gateway's, the others do not count.

    Where no gateway's scope is known, only what hides connections counts.
    """
    is_held = any(item.in_scope for item in coverage)
    for item in coverage:
        if item.none_why and (item.in_scope is not False or not is_held):
            yield item.none_why


def find_outside(answers: Sequence[Answer], coverage: Sequence[Coverage]) -> tuple[str, ...]:
    """Of each gateway with an answer although the address is outside of its scope, none_why."""
    found = {answer.node for answer in answers}
    return tuple(
        item.none_why
        for item in coverage
        if item.in_scope is False and item.node in found and item.none_why
    )


@dataclass(frozen=True)
class ProtocolVerdict:
    """The verdict on the answers of one protocol; ``proto`` None: of all that are not named."""

    proto: int | None
    verdict: Verdict


def judge_protocols(
    answers: Sequence[Answer],
    coverage: Mapping[int | None, Sequence[Coverage]],
    node: str | None = None,
    imports: Sequence[Import] = (),
) -> tuple[ProtocolVerdict, ...]:
    """A verdict for each protocol that has gaps of its own or answers, then one for the others.

    ``coverage``: of each protocol that has gaps of its own, and under None of all others.
    Empty where there is no such protocol, or where the record is complete for none.
    """
    apart = {proto for proto in coverage if proto is not None}
    if not apart or not any(_is_complete(items) for items in coverage.values()):
        return ()
    named = sorted(apart | {answer.proto for answer in answers})
    return tuple(
        ProtocolVerdict(
            proto,
            judge(
                [answer for answer in answers if answer.proto == proto],
                coverage.get(proto, coverage[None]),
                node,
                imports,
            ),
        )
        for proto in (*named, None)
    )


def _is_complete(coverage: Sequence[Coverage]) -> bool:
    return bool(coverage) and all(item.complete for item in coverage)
