"""ctaudit ask as a process, on the store of the other commands' tests: from letter to answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psycopg

from lab.cluster import Cluster
from tests.store.scenario import SOURCES, after, refuse, run


def stamp(seconds: float) -> str:
    return after(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def syslog(seconds: float) -> str:
    return after(seconds).strftime("%b %e %H:%M:%S")


def mail(body: str) -> bytes:
    date = after(3600).strftime("%a, %d %b %Y %H:%M:%S +0000")
    head = f"Date: {date}\nFrom: Desk <desk@example.org>\nSubject: Attacks\nMIME-Version: 1.0\n"
    return f"{head}\n{body}".encode()


def several_questions() -> bytes:
    return mail(
        "All times are in UTC.\n"
        f"{syslog(10)} host7 sshd[1]: Failed password for root from 1.2.3.4 port 53500 ssh2\n"
        f"{syslog(10)} host7 sshd[1]: Failed password for bob from 1.2.3.4 port 53500 ssh2\n\n"
        "src_ip,src_port,dst_ip,dst_port,protocol,timestamp\n"
        f"1.2.3.4,53600,19.1.16.7,443,tcp,{stamp(60)}\n"
        f"1.2.3.4,53600,,,tcp,{stamp(60)}\n"
        f"1.2.3.4,53999,19.1.16.7,443,tcp,{stamp(60)}\n"
        f"1.2.3.4,,,,,{stamp(100)}\n"
    )


def write(folder: Path, data: bytes) -> str:
    path = folder / "letter.eml"
    path.write_bytes(data)
    return str(path)


def test_a_mail_with_several_questions(dsn: str, tmp_path: Path) -> None:
    done = run("ask", write(tmp_path, several_questions()), "--dsn", dsn)
    assert (done.status, done.err) == (0, "")
    first, second, third, fourth, fifth = done.out.split("\n\n")[:5]
    assert first.startswith("1. body, line 2 (sshd): ")
    assert "  also       body, line 3\n" in first
    assert "  public     1.2.3.4:53500 (port)\n" in first
    assert "  service    not named (sshd)\n" in first
    assert f"year {after(10).year} by the mail's Date header; zone UTC: the letter says" in first
    assert "192.168.1.129:53400 was behind 1.2.3.4:53500 (tcp to 19.1.16.7:443)" in first
    assert "  service    19.1.16.7:443 (dst_ip, dst_port)\n" in second
    assert "192.168.1.129:1111 was behind 1.2.3.4:53600" in second
    assert "Careful" not in first + second
    assert third.startswith("3. body, line 7 (CSV): ")
    assert "2 candidates for 1.2.3.4:53600, tcp:" in third
    rest = "\n\n".join([third, fourth, fifth, *done.out.split("\n\n")[5:]])
    assert "Careful: several.\n" in rest
    assert "4. body, line 8 (CSV): " in rest
    assert "No connection is recorded for 1.2.3.4:53999, tcp, to 19.1.16.7:443." in rest
    assert "Careful: none.\n" in rest
    assert "             without a port\n" in rest
    assert "Careful: no port.\n" in rest
    assert "\n5 questions: 1 none, 2 one, 2 several; 1 line asked the same again.\n" in rest
    assert "- no port (5): The letter names no port of the public address." in rest
    assert "- Each time is that of the sender's clock." in rest


def test_json(dsn: str, tmp_path: Path) -> None:
    done = run("ask", write(tmp_path, several_questions()), "--json", "--dsn", dsn)
    *answers, end = map(json.loads, done.out.splitlines())
    assert [each["letter"]["number"] for each in answers] == [1, 2, 3, 4, 5]
    assert [each["verdict"] for each in answers] == ["one", "one", "several", "none", "several"]
    assert [each["letter"]["cautions"] for each in answers] == [
        [], [], ["several"], ["none"], ["no port", "several"],
    ]  # fmt: skip
    assert answers[0]["hosts"] == ["192.168.1.129"]
    assert [origin["line"] for origin in answers[0]["letter"]["origins"]] == [2, 3]
    assert end == {
        "summary": {
            "questions": 5, "merged": 1, "unread": 0,
            "verdicts": {"none": 1, "one": 2, "several": 2}, "exit_status": 0,
        }
    }  # fmt: skip


def test_unknown_is_4_and_an_unread_line_is_2(dsn: str, tmp_path: Path) -> None:
    unknown = f"1.2.3.4:53500 {stamp(1005)}\n"
    done = run("ask", write(tmp_path, unknown.encode()), "--dsn", dsn)
    assert done.status == 4
    assert "Careful: unknown.\n" in done.out
    assert "- unknown (1): Unknown is not no" in done.out
    zoneless = after(10).strftime("%Y-%m-%d %H:%M:%S")
    letter = write(tmp_path, f"{unknown}1.2.3.4:53500 {zoneless}\n".encode())
    done = run("ask", letter, "--dsn", dsn)
    assert done.status == 2
    assert "Careful: unknown.\n" in done.out, "the answers are printed all the same"
    assert "1 line could not be read:\n  line 2: time " in done.out
    assert "no time zone; give --tz\n" in done.out
    done = run("ask", letter, "--utc", "--dsn", dsn)
    assert done.status == 4
    assert "zone by --utc\n" in done.out


def test_within_is_a_part_of_the_question(dsn: str, tmp_path: Path) -> None:
    letter = write(tmp_path, f"1.2.3.4:53800 -> 19.1.16.7:443 {stamp(28)}\n".encode())
    assert "192.168.1.131" not in run("ask", letter, "--dsn", dsn).out
    done = run("ask", letter, "--within", "3", "--json", "--dsn", dsn)
    answer = json.loads(done.out.splitlines()[0])
    assert answer["verdict"] == "several"
    assert answer["question"]["within"] == 3


def test_standard_input(dsn: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ctaudit", "ask", "-", "--dsn", dsn],
        input=f"1.2.3.4:53500 {stamp(10)}\n".encode(),
        capture_output=True,
        check=False,
        env={"PYTHONPATH": str(SOURCES)},
    )
    assert done.returncode == 0
    assert b"192.168.1.129:53400 was behind" in done.stdout


def test_each_question_is_on_record(cluster: Cluster, dsn: str, tmp_path: Path) -> None:
    count = "SELECT count(*) FROM ctaudit.inquiry WHERE question = 'who'"
    with psycopg.connect(cluster.dsn()) as owner:
        [before] = owner.execute(count).fetchone() or [0]
        owner.commit()
        run("ask", write(tmp_path, several_questions()), "--dsn", dsn)
        [later] = owner.execute(count).fetchone() or [0]
    assert later - before >= 5


def test_what_holds_no_question_asks_no_database(tmp_path: Path) -> None:
    letter = write(tmp_path, mail("Somebody of your network attacks us.\n"))
    words = ("--dsn", "host=/nowhere")
    assert refuse(2, "ask", letter, *words) == (
        f"{letter}: no question is in it; a question is an address, best with its port, and a time"
    )
    done = run("ask", write(tmp_path, b"192.0.2.44 attacks us\n"), *words)
    assert done.status == 2
    assert done.out.startswith("1 line could not be read:\n  line 1: has an address and no time\n")


def test_wrong_calls(tmp_path: Path) -> None:
    assert "cannot be read: No such file or directory" in refuse(2, "ask", str(tmp_path / "none"))
    assert "cannot be read: Is a directory" in refuse(2, "ask", str(tmp_path))
    letter = write(tmp_path, b"")
    assert "--date '22.2.2026': not a date" in refuse(2, "ask", letter, "--date", "22.2.2026")
    assert "--within 'x'" in refuse(2, "ask", letter, "--within", "x")
