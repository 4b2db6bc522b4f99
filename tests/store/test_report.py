"""--report as a process, on the store of the other commands' tests: the page of real answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway, nanoseconds
from tests.store.scenario import COVERED, after, refuse, run, who
from tests.store.test_ask_command import several_questions, write


def write_page(dsn: str, file: Path, public: str, seconds: float, *words: str) -> str:
    """The page's text as a reader has it, without its markup; a line for each element."""
    done = who(dsn, public, seconds, "--report", "-o", str(file), *words)
    assert done.err == ""
    return text_of(file.read_text())


def text_of(html: str) -> str:
    body = html.partition("<body>")[2]
    return unescape(re.sub(r"\n\s*\n+", "\n", re.sub(r"<[^>]+>", "\n", body)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "case-42.html"


def test_a_connection_end_to_end(dsn: str, file: Path) -> None:
    page = write_page(dsn, file, "1.2.3.4:53500", 60)
    local = after(60).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert "\nOne: exactly one connection fits, of the internal host 192.168.1.129.\n" in page
    assert "the internal host 192.168.1.129 used the public address and port 1.2.3.4:53500" in page
    assert "\nInternal host\n192.168.1.129:53400\n" in page
    assert "\nConnected to\n19.1.16.7:443\n" in page
    assert "which includes the kernel's closing time-out" in page
    assert f"\nIn UTC\nthe whole second {after(60):%Y-%m-%d %H:%M:%S} (UTC)\n" in page
    assert "\ngw1\n: complete at the asked time." in page
    assert "Its clock is not known: nothing was noted of it before the asked time." in page
    assert "by the database login audrey" in page
    assert local[:10] in page
    assert list(file.parent.iterdir()) == [file], "no draft is left"


def test_the_printed_answer_and_the_status_stay(dsn: str, file: Path) -> None:
    plain = who(dsn, "1.2.3.4:53600", 60)
    with_page = who(dsn, "1.2.3.4:53600", 60, "--report", "-o", str(file))
    assert with_page == plain
    assert plain.status == 3


def test_several_and_unknown(dsn: str, file: Path) -> None:
    page = write_page(dsn, file, "1.2.3.4:53600", 60)
    assert "Several: 2 connections fit" in page
    assert "What tells them apart: the address and port of the service that was reached." in page
    page = write_page(dsn, file, "1.2.3.4:53900", 1005)
    assert "Unknown: the record cannot answer this question." in page
    assert "gateway gw1: gap (overrun) from " in page
    assert "123 messages about connections lost (that is: " in page
    assert "not proven to be what was asked for" in page
    assert "\nNot complete within an hour before and after:\n" in page


def test_the_time_line_names_no_other_host(dsn: str, file: Path) -> None:
    """The port was another host's in the second before."""
    page = write_page(dsn, file, "1.2.3.4:53800", 29)
    assert "192.168.1.129" in page
    assert "192.168.1.131" not in file.read_text()
    assert "within 15 s of the asked time 1 other host used it as well" in page


@pytest.fixture(scope="module")
def other_dsn(cluster: Cluster) -> Iterator[str]:
    """A store of its own: its gateway's UDP has a gap, and its clock was stepped."""
    cluster.create_database("report")
    schema.install(cluster.dsn("report"))
    gateway = Gateway(cluster.dsn("report", user="rex"), "gw1")
    good = {"synchronised": True, "estimated_error_us": 400, "maximum_error_us": 9000}
    gateway.listen(after(-600))
    gateway.note("clock", after(0), good)
    gateway.record([], after(100))
    clashes = {"count": 1, "since": nanoseconds(after(50)), "udp_timeout": 60}
    gateway.note("clashes", after(60), clashes)
    gateway.note("clock", after(1800), good)
    gateway.record([], after(2000))
    gateway.note("clock", after(2100), {**good, "step_seconds": 5.0})
    gateway.record([], COVERED)
    yield cluster.dsn("report", user="audrey")
    gateway.close()


def test_a_gap_of_another_protocol_does_not_count(other_dsn: str, file: Path) -> None:
    page = write_page(other_dsn, file, "9.9.9.9:1", 70, "--proto", "tcp")
    assert "None: no connection fits." in page
    assert "Nothing is known to be missing within an hour" not in page, "before the first record"
    assert "gap (clashes)" not in page
    assert "record not complete" not in page, "in the time line"
    page = write_page(other_dsn, file, "9.9.9.9:1", 70, "--proto", "udp")
    assert "gap (clashes) of udp" in page
    assert "Unknown: the record" in page
    assert "record not complete" in page


def test_the_clock_of_that_time(other_dsn: str, file: Path) -> None:
    page = write_page(other_dsn, file, "9.9.9.9:1", 1900, "--proto", "tcp")
    assert "Its clock was synchronized when last noted before, at " in page
    assert "its error estimated as 0.4 ms and at most 9.0 ms." in page
    assert "It was set by +5.000 s at " in page
    assert "Unknown: the record" in page
    page = write_page(other_dsn, file, "9.9.9.9:1", -10, "--proto", "tcp")
    assert "It was set by" not in page
    assert "nothing was noted of it before the asked time." in page
    with psycopg.connect(other_dsn) as audrey:
        rows = audrey.execute(
            "SELECT node FROM ctaudit.clocks(ARRAY['gw1', 'nobody'], %s, %s)", (after(1), after(2))
        ).fetchall()
    assert rows == [("gw1",)]


def test_a_letter_with_all_its_questions(dsn: str, file: Path, tmp_path: Path) -> None:
    letter = write(tmp_path, several_questions() + b"\n203.0.113.9:5 without a time\n")
    words = ("ask", letter, "--dsn", dsn)
    plain, done = run(*words), run(*words, "--report", "-o", str(file))
    assert done == plain
    page = text_of(file.read_text())
    verdicts = re.findall(r"\n\d\n1\.2\.3\.4(?::\d+)?\n[^\n]*\n(\w+)(?=\n)", page)
    assert verdicts == ["one", "one", "several", "none", "several"]
    assert "year " in page and "by the mail's Date header; zone UTC: the letter says" in page
    assert "the question names no port, and hosts share the address" in page
    assert "203.0.113.9:5 without a time" in page.partition("What could not be read")[2]


def test_pdf(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "case-42.pdf"
    who(dsn, "1.2.3.4:53500", 60, "--report", "-o", str(file))
    content = file.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")


def test_what_it_asks_is_on_record(cluster: Cluster, dsn: str, file: Path) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as owner:
        count = "SELECT count(*) FROM ctaudit.inquiry WHERE question = 'who'"
        [before] = owner.execute(count).fetchone() or [0]
        write_page(dsn, file, "1.2.3.4:53500", 60)
        [later] = owner.execute(count).fetchone() or [0]
    assert later - before == 2, "the question, and who used the port around that time"


def test_wrong_calls_ask_no_database(tmp_path: Path) -> None:
    asked = ("who", "1.2.3.4:5", "--at", "2026-02-22 11:59:43", "--dsn", "host=/nowhere")
    assert "--report needs a file: -o FILE.html" in refuse(2, *asked, "--report")
    assert "-o x.html: goes with --report" in refuse(2, *asked, "-o", "x.html")
    assert "-o x.doc: a report is HTML or PDF" in refuse(2, *asked, "--report", "-o", "x.doc")
    nowhere = str(tmp_path / "none" / "x.html")
    assert "cannot be written: No such file" in refuse(74, *asked, "--report", "-o", nowhere)
    letter = write(tmp_path, b"203.0.113.9:5 without a time\n")
    done = run("ask", letter, "--report", "-o", str(tmp_path / "x.html"), "--dsn", "host=/nowhere")
    assert done.status == 2
    assert "no question could be read, so " in done.err
    Path(letter).unlink()
    there = tmp_path / "there.html"
    there.write_text("kept")
    refuse(5, *asked, "--report", "-o", str(there))
    assert there.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [there]
