"""What an answer allows to be concluded, what it does not, and what its verdict rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ctaudit.conntrack.endpoint import Address
from ctaudit.query.answer import IMPORTED
from ctaudit.query.filter_text import find_differences
from ctaudit.query.path import Connection
from ctaudit.query.reply import ANSWERS_MAX, Reply
from ctaudit.query.value_text import localise_times
from ctaudit.query.who_text import format_verdicts
from ctaudit.report import report_text as text
from ctaudit.report.surroundings import list_nodes

# What the gateway's owner may do about it is no matter of who reads the page.
_COMMAND = re.compile(r"; if it is gone: .*$", re.DOTALL)
_CAUSE = re.compile(r"\bgap \(([^)]+)\)")
_LOST = re.compile(r", ([\d,]+) lost\b")


def list_recorded(reply: Reply) -> tuple[Connection, ...]:
    """Without what another program had recorded, which is not judged."""
    return tuple(each for each in reply.connections if each.answer.provenance != IMPORTED)


def find_hosts(reply: Reply) -> frozenset[Address]:
    """Those of the answers; of more than ANSWERS_MAX, those of all."""
    if reply.cut:
        return reply.hosts
    return frozenset(each.answer.host for each in list_recorded(reply))


def count_found(reply: Reply) -> str:
    return f"more than {ANSWERS_MAX:,}" if reply.cut else f"{len(list_recorded(reply)):,}"


def format_headline(reply: Reply) -> str:
    return text.HEADLINES[reply.verdict.name].format(count=count_found(reply))


def find_basis(reply: Reply) -> Iterator[str]:
    """What the verdict rests on, in sentences; the reasons of *unknown* are apart."""
    verdict = reply.verdict
    if verdict.name != "unknown":
        names = list_nodes(reply)
        nodes = (text.ONE_GATEWAY if len(names) == 1 else text.GATEWAYS).format(", ".join(names))
        rests = text.RESTS_CUT.format(most=ANSWERS_MAX) if reply.cut else text.RESTS[verdict.name]
        yield f"{text.COMPLETE.format(nodes=nodes)} {rests}"
    else:
        found = bool(list_recorded(reply))
        if verdict.complete:
            yield text.UNSURE_FOUND if found else text.UNSURE_NONE
        else:
            yield text.LACKING_FOUND if found else text.LACKING_NONE
    for item in reply.coverage:
        if item.by_pair:
            yield f"{localise_times(item.by_pair)}."
    if reply.protocols:
        yield text.BY_PROTOCOL.format(verdicts=format_verdicts(reply))


def explain_reasons(reply: Reply) -> Iterator[str]:
    """The store's begin with a gateway's name."""
    names = tuple(f"{item.node}: " for item in reply.coverage)
    for reason in map(explain, reply.verdict.reasons):
        yield text.OF_A_GATEWAY.format(reason) if reason.startswith(names) else reason


def explain(reason: str) -> str:
    """A sentence of the store for who does not know it: with what a gap's cause means."""
    sentence = localise_times(_COMMAND.sub("", reason))
    sentence = _LOST.sub(lambda found: text.LOST.format(count=found[1]), sentence)
    found = _CAUSE.search(sentence)
    cause = found[1].partition(":")[0] if found else ""
    if cause in text.CAUSES:
        sentence += f" ({text.CAUSE.format(meaning=text.CAUSES[cause])})"
    return sentence


def list_may(reply: Reply) -> Iterator[str]:
    verdict, public, hosts = reply.verdict.name, reply.question.public, find_hosts(reply)
    count = count_found(reply)
    if verdict == "one":
        [host] = hosts
        form = text.MAY_ONE if public.port is not None else text.MAY_ONE_ANY_PORT
        yield form.format(host=host, public=public)
    elif verdict == "several" and len(hosts) == 1:
        [host] = hosts
        yield text.MAY_ONE_HOST.format(count=count, host=host, public=public)
    elif verdict == "several":
        yield text.MAY_SEVERAL.format(count=count, hosts=f"{len(hosts):,}")
        yield _tell_apart(reply)
    elif verdict == "none":
        yield text.MAY_NONE
    else:
        yield text.MAY_UNKNOWN
        yield text.MAY_ASK_AGAIN


def _tell_apart(reply: Reply) -> str:
    """What differs between the connections that fit, as far as they were read."""
    named = {
        "port": text.TELLS_PORT,
        "proto": text.TELLS_PROTOCOL,
        "remote": text.TELLS_REMOTE,
        "time": text.TELLS_TIME,
    }
    kinds = find_differences(tuple(each.answer for each in list_recorded(reply)))
    known = [named[kind] for kind in kinds if kind in named]
    return text.MAY_ASK.format(what="; ".join(known)) if known else text.MAY_ASK_NOTHING


def list_must_not(reply: Reply) -> Iterator[str]:
    """The verdict's own first."""
    verdict, found = reply.verdict.name, list_recorded(reply)
    if verdict == "unknown":
        yield text.NOT_NO
        if found:
            yield text.NOT_THE_FOUND
    if verdict == "several":
        yield text.NOT_ONE_OF_SEVERAL
    if verdict == "none":
        yield text.NOT_FALSE
    if reply.question.public.port is None and found:
        yield text.NOT_NO_PORT
    if found:
        yield text.NOT_A_PERSON
    yield text.NOT_ANOTHER_TIME
