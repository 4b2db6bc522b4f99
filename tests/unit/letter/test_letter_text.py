"""What is said of a question of a letter, and what of all of them."""

from __future__ import annotations

from datetime import UTC, datetime

from ctaudit.letter.caution import CAUTIONS, find_cautions
from ctaudit.letter.letter import Letter, Options, read_letter
from ctaudit.letter.letter_text import Tally, format_end, format_found, plain_found, plain_unread
from ctaudit.query.reply import make_reply
from tests.unit.answers import COMPLETE, OUTWARD, OVERRUN, other

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = "2026-02-22T11:59:43Z"


def read(text: str) -> Letter:
    return read_letter(text.encode(), Options(now=NOW))


def test_a_question_with_all_that_may_be_said_of_it() -> None:
    text = "".join(f"{AT} tcp 192.0.2.44:53500 -> 198.51.100.7:22\n" for _ in range(8))
    [found] = read(text).found
    assert list(format_found(3, found)) == [
        f"3. line 1 (plain): {AT} tcp 192.0.2.44:53500 -> 198.51.100.7:22",
        "  also       line 2; line 3; line 4; line 5; line 6 and 2 more",
        "  public     192.0.2.44:53500",
        "  service    198.51.100.7:22 (target)",
        "  protocol   tcp",
        f"  time       {AT}",
    ]


def test_a_service_without_an_address_and_a_public_end_without_a_port() -> None:
    [found] = read(f"attacker,port,time\n192.0.2.44,22,{AT}\n").found
    lines = list(format_found(1, found))
    assert lines[1:4] == [
        "  public     192.0.2.44 (attacker)",
        "             without a port",
        "  service    port 22 (port); not asked for, the letter has no address of it",
    ]
    assert plain_found(1, found, ["no port"])["service_port"] == 22


def cautions(text: str, *answers: object, coverage: object = COMPLETE) -> list[str]:
    [found] = read(text).found
    reply = make_reply(found.question, list(answers), [coverage])  # type: ignore[arg-type, list-item]
    return list(find_cautions(found, reply))


def test_what_must_not_be_concluded() -> None:
    text = f"1.2.3.4:53500 {AT}"
    assert cautions(text, OUTWARD) == []
    assert cautions(text, OUTWARD, other()) == ["several"]
    assert cautions(text) == ["none"]
    assert cautions(text, OUTWARD, coverage=OVERRUN) == ["unknown"]
    assert cautions(f"1.2.3.4 {AT}", OUTWARD) == ["no port"]


def test_the_end_says_each_caution_once() -> None:
    letter = read(f"1.2.3.4 {AT}\n1.2.3.4 2026-02-22 11:59:43\n")
    tally = Tally()
    for number in range(1, 8):
        tally.add(number, "several", ["no port", "several"])
    assert list(format_end(letter, tally)) == [
        "1 line could not be read:",
        "  line 2: time '2026-02-22 11:59:43': no time zone; give --tz",
        "    1.2.3.4 2026-02-22 11:59:43",
        "",
        "1 question: 7 several.",
        "What must not be concluded:",
        f"- no port (1, 2, 3, 4, 5 and 2 more): {CAUTIONS['no port']}",
        f"- several (1, 2, 3, 4, 5 and 2 more): {CAUTIONS['several']}",
        f"- {CAUTIONS['clock']}",
    ]
    assert plain_unread(letter.unread[0])["unread"]["line"] == 2
