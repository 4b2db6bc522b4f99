"""Many questions at once are answered as each of them alone."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit.database.connection import connect
from ctaudit.database.schema import install
from ctaudit.query.batch import ask_batch
from ctaudit.query.inquiries import WantedInquiries, ask_inquiries
from ctaudit.query.lookup import ask_who
from ctaudit.query.question import WhoQuestion, read_who
from ctaudit.query.reply import Reply
from lab.cluster import Cluster
from tests.store.gateway import ASSURED, SEEN, Gateway, opened, tuples
from tests.store.histories.questions import make_questions
from tests.store.histories.recording import record
from tests.store.histories.sending import Store, open_store
from tests.store.histories.world import make_history
from tests.store.scenario import ARTICLE, OUT, after, refuse, run

HISTORIES = 15


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "batches") as opened:
        yield opened


def by_themselves(
    connection: psycopg.Connection[Any], questions: Sequence[WhoQuestion]
) -> list[Reply]:
    return [replace(ask_who(connection, one), hints=()) for one in questions]


def test_random_questions_both_ways(store: Store) -> None:
    """Of every kind: with and without port, remote end, protocol, gateway and zone."""
    asked, names = 0, set()
    for seed in range(HISTORIES):
        history = make_history(seed)
        chance = random.Random(seed)
        last = len(history.stages) - 1
        questions = [one.as_who() for one in make_questions(history) if one.stage == last]
        questions += [vary(one, chance) for one in questions]
        store.begin()
        store.send(record(history))
        at_once = list(ask_batch(store.connection, questions))
        alone = by_themselves(store.connection, questions)
        for question, one, other in zip(questions, at_once, alone, strict=True):
            assert one == other, f"seed {seed}: {question}"
        asked += len(questions)
        names |= {one.verdict.name for one in at_once}
        store.forget()
    assert asked > 10 * HISTORIES
    assert names == {"one", "none", "several", "unknown"}


def vary(question: WhoQuestion, chance: random.Random) -> WhoQuestion:
    """Less or more of what may be said, and another span."""
    public = question.public
    return replace(
        question,
        public=replace(public, port=chance.choice([public.port, public.port, None])),
        remote=chance.choice([question.remote, None]),
        proto=chance.choice([question.proto, None]),
        node=chance.choice([question.node, None, "gw1"]),
        zone=chance.choice([question.zone, None, 0]),
        span=question.span.widen(chance.choice([0, 1, 600])),
    )


FILE = """ID,Public,At,To,Proto,Remark
a,1.2.3.4:53500,{article},,,the article
b,1.2.3.4:53600,{article},,,two hosts
c,1.2.3.4:99999,{article},,,no port
d,1.2.3.4:53500,yesterday at noon,,,no time
e,1.2.3.4:53600,{article},19.1.16.7:443,tcp,one of the two
f,5.6.7.8:1,{article},,,nobody
g,1.2.3.4:53700,{gap},,,in a gap
h,1.2.3.4:53700
"i,1.2.3.4:53700
"""


def write_file(folder: Path, text: str = FILE) -> Path:
    path = folder / "cases.csv"
    path.write_text(text.format(article=after(60).isoformat(), gap=after(1005).isoformat()))
    return path


def read_answers(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_file_is_answered_line_by_line(cluster: Cluster, dsn: str, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    words = ("who", "--batch", str(write_file(tmp_path)), "--dsn", dsn)
    done = run(*words, "-o", str(answers), "--case", "2026-21", "--reason", "a list")
    assert (done.status, done.out) == (2, "")
    assert "answers.csv: 9 questions: 1 none, 4 not read, 2 one, 1 several, 1 unknown" in done.err
    assert answers.stat().st_mode & 0o777 == 0o600
    told = read_answers(answers.read_text())
    assert [one["id"] for one in told] == [*"abcdefgh", ""]
    assert [one["verdict"] for one in told] == [
        "one", "several", "", "", "one", "none", "unknown", "", "",
    ]  # fmt: skip
    article, several, _, _, narrowed, *_ = told
    assert (article["host"], article["host_port"], article["gateway"]) == (
        "192.168.1.129", "53400", "gw1",
    )  # fmt: skip
    assert (article["remark"], article["connections"], article["protocol"]) == (
        "the article", "1", "tcp",
    )  # fmt: skip
    assert (several["host"], several["hosts"]) == ("", "192.168.1.129 192.168.1.131")
    assert narrowed["host"] == "192.168.1.129"
    assert "gw1: " in told[6]["reasons"]
    assert told[6]["host"] == "", "a candidate is no answer"
    assert "99999" in told[2]["error"]
    assert "yesterday at noon" in told[3]["error"]
    assert told[7]["error"] == "has 2 cells, and the header has 6"
    assert told[8]["error"].startswith("is not CSV")
    assert run(*words).out == answers.read_text()

    with connect(cluster.dsn(user="audrey")) as connection:
        wanted = WantedInquiries(case="2026-21")
        asked = ask_inquiries(connection, wanted)
        assert [(one.question, one.answers) for one in asked] == [
            ("who", 1), ("who", 2), ("who", 1), ("who", 0), ("who", 1),
        ]  # fmt: skip
        public = replace(wanted, address=IPv4Network("5.6.7.8"))
        (found,) = ask_inquiries(connection, public)
        assert found.arguments["address"] == "5.6.7.8"


@pytest.mark.parametrize(
    ("lines", "status"),
    [("1.2.3.4:53500,{article}", 0), ("1.2.3.4:53600,{article}", 0), ("1.2.3.4:1,{gap}", 4),
     ("1.2.3.4:1,{gap}\nx,{gap}", 2), ("", 0)],
)  # fmt: skip
def test_the_status(dsn: str, tmp_path: Path, lines: str, status: int) -> None:
    path = write_file(tmp_path, f"public,at\n{lines}\n")
    done = run("who", "--batch", str(path), "--dsn", dsn)
    assert done.status == status, done
    assert len(read_answers(done.out)) == lines.count(",")


def test_the_zone_of_times_without_one_is_said(dsn: str, tmp_path: Path) -> None:
    local = after(60).astimezone().strftime("%F %T")
    path = write_file(tmp_path, f"public,at\n1.2.3.4:1,{local}\n1.2.3.4:1,{{article}}\n")
    said = "1 time without a zone read as "
    assert said in run("who", "--batch", str(path), "--dsn", dsn).err
    assert said not in run("who", "--batch", str(path), "--dsn", dsn, "--utc").err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "give ADDRESS:PORT and --at, or a file of questions"),
        (["1.2.3.4:1"], "give ADDRESS:PORT and --at, or a file of questions"),
        (["1.2.3.4:1", "--at", "2026-02-22 11:59:43", "-o", "x"], "-o x: goes with --report"),
        (["--batch", "{file}", "1.2.3.4:1"], "ADDRESS:PORT beside --batch: each line"),
        (["--batch", "{file}", "--at", "2026-02-22 11:59:43"], "--at beside --batch"),
        (["--batch", "{file}", "--json"], "--json beside --batch"),
        (["--batch", "/nowhere.csv"], "--batch /nowhere.csv: No such file"),
    ],
)
def test_a_wrong_call(dsn: str, tmp_path: Path, words: list[str], sentence: str) -> None:
    path = write_file(tmp_path)
    said = refuse(2, "who", *(word.replace("{file}", str(path)) for word in words), "--dsn", dsn)
    assert sentence in said


def test_an_output_that_cannot_be_written(dsn: str, tmp_path: Path) -> None:
    path, there = write_file(tmp_path), tmp_path / "nowhere" / "answers.csv"
    assert "answers.csv" in refuse(74, "who", "--batch", str(path), "-o", str(there), "--dsn", dsn)
    kept = tmp_path / "answers.csv"
    kept.write_text("kept")
    refuse(5, "who", "--batch", str(path), "-o", str(kept), "--dsn", "host=/nowhere")
    assert kept.read_text() == "kept"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["answers.csv", "cases.csv"]


def test_portions_are_taken_one_by_one(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more questions are read than are answered next."""
    monkeypatch.setattr("ctaudit.query.batch.PORTION", 3)
    taken = 0

    def questions() -> Iterator[WhoQuestion]:
        nonlocal taken
        for second in range(10):
            taken += 1
            yield read_who("1.2.3.4:53500", after(second).isoformat())

    with connect(dsn) as connection:
        for number, reply in enumerate(ask_batch(connection, questions())):
            assert taken == min((number // 3 + 1) * 3, 10)
            assert reply.question.span.begin == after(number)


def test_more_answers_than_are_kept(cluster: Cluster) -> None:
    """A question with thousands of rows beside one with few, and equal ones."""
    cluster.create_database("crowded")
    install(cluster.dsn("crowded"))
    gateway = Gateway(cluster.dsn("crowded", user="rex"), "gw1")
    gateway.listen(after(-600))
    flow = tuples("192.168.1.129 1000 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 2000")
    gateway.record(
        [
            opened(
                {
                    **flow, "orig_src": f"10.0.{number // 250}.{number % 250}",
                    "reply_src": f"19.2.{number // 250}.{number % 250}",
                    "orig_dst": f"19.2.{number // 250}.{number % 250}",
                    "proto": 6, "ct_id": number, "status": OUT,
                },
                after(number / 1000),
            )
            for number in range(2300)
        ]
        + [opened({**ARTICLE, "ct_id": 9999}, after(0))],
        after(600),
    )  # fmt: skip
    gateway.close()
    with connect(cluster.dsn("crowded", user="audrey")) as connection:
        crowded = read_who("1.2.3.4:2000", after(60).isoformat())
        article = read_who("1.2.3.4:53500", after(60).isoformat())
        questions = [article, crowded, article, crowded]
        at_once = list(ask_batch(connection, questions))
        assert at_once == by_themselves(connection, questions)
        assert at_once[1].cut
        assert len(at_once[1].hosts) == 2300


def test_what_was_not_translated_is_found_among_many(cluster: Cluster) -> None:
    """Whether an address has such connections is looked up once for all of its questions."""
    cluster.create_database("untranslated")
    install(cluster.dsn("untranslated"))
    gateway = Gateway(cluster.dsn("untranslated", user="rex"), "gw1")
    gateway.listen(after(-600))
    plain = tuples("19.1.16.9 5000 > 1.2.3.4 443", "1.2.3.4 443 > 19.1.16.9 5000")
    ping = tuples("19.1.16.9 77 > 1.2.3.4 2048", "1.2.3.4 0 > 19.1.16.9 77")
    gateway.record(
        [
            opened({**ARTICLE, "ct_id": 1}, after(0)),
            opened({**plain, "proto": 6, "ct_id": 2, "status": SEEN | ASSURED}, after(0)),
            opened({**ping, "proto": 1, "ct_id": 3, "status": SEEN | ASSURED}, after(0)),
        ],
        after(600),
    )
    gateway.close()
    ports = (*range(40000, 40012), 443, 77, 2048, 53500)
    questions = [
        read_who(f"{address}:{port}", after(60).isoformat())
        for address in ("1.2.3.4", "5.6.7.8")
        for port in ports
    ]
    with connect(cluster.dsn("untranslated", user="audrey")) as connection:
        at_once = list(ask_batch(connection, questions))
        assert at_once == by_themselves(connection, questions)
    found = {
        str(reply.question.public): [str(answer.host) for answer in reply.answers]
        for reply in at_once
        if reply.answers
    }
    assert found == {
        "1.2.3.4:443": ["1.2.3.4"], "1.2.3.4:77": ["1.2.3.4"],
        "1.2.3.4:53500": ["192.168.1.129"],
    }  # fmt: skip
