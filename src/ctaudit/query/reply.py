"""The reply to who's question: the connections that the store's answers are of, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ctaudit.conntrack.endpoint import Address
from ctaudit.query.answer import Answer, Coverage, Import
from ctaudit.query.hint import Hint
from ctaudit.query.path import Connection, join_sightings
from ctaudit.query.question import WhoQuestion
from ctaudit.query.verdict import (
    ProtocolVerdict,
    Verdict,
    doubt_remotes,
    judge,
    judge_protocols,
)

ANSWERS_MAX = 1000


@dataclass(frozen=True)
class Reply:
    """The reply to a WhoQuestion.

    ``cut``: there were more than ANSWERS_MAX answers; ``hosts`` are those of all of them.
    ``protocols``: the verdict on each, where the record is complete for some only.
    ``hints``: what may have been meant, where there is no answer.
    ``imports``: what was asked as well and is not judged. ``inquiry``: the question's number in
    the record of questions; None: it is in the server's log alone, or the number was not read.
    """

    question: WhoQuestion
    connections: tuple[Connection, ...]
    coverage: tuple[Coverage, ...]
    verdict: Verdict
    cut: bool
    hosts: frozenset[Address]
    protocols: tuple[ProtocolVerdict, ...] = ()
    imports: tuple[Import, ...] = ()
    hints: tuple[Hint, ...] = ()
    inquiry: int | None = None

    @property
    def of_the_address(self) -> tuple[Answer, ...]:
        """Every sighting that has the asked address on its public side."""
        return tuple(
            answer
            for connection in self.connections
            for answer in connection.seen_by
            if answer.public == self.question.public.address
        )

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Each connection as it was seen nearest to the host."""
        return tuple(connection.answer for connection in self.connections)


def make_reply(
    question: WhoQuestion,
    answers: Sequence[Answer],
    coverage: Sequence[Coverage],
    by_protocol: Mapping[int | None, Sequence[Coverage]] | None = None,
    hosts: Iterable[Address] = (),
    imports: Sequence[Import] = (),
) -> Reply:
    """The connections that the first ANSWERS_MAX answers are of, and the verdict on them.

    ``by_protocol``: as judge_protocols takes it. Where answers are cut, a protocol's may be.
    ``hosts``: of all answers; only needed where they are cut.
    """
    connections = join_sightings(answers[:ANSWERS_MAX])
    first = [connection.answer for connection in connections]
    is_cut = len(answers) > ANSWERS_MAX
    verdict = judge(first, coverage, question.node, imports)
    if question.remote:
        verdict = doubt_remotes(first, verdict)
    protocols: tuple[ProtocolVerdict, ...] = ()
    if not is_cut and not (question.remote and _lacks_remote(first)):
        protocols = judge_protocols(first, by_protocol or {}, question.node, imports)
    every = frozenset(answer.host for answer in first) | frozenset(hosts if is_cut else ())
    return Reply(
        question, connections, tuple(coverage), verdict, is_cut, every, protocols, tuple(imports)
    )


def _lacks_remote(answers: Sequence[Answer]) -> bool:
    return any(not answer.is_remote_stored for answer in answers)
