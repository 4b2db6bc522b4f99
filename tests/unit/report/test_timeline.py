"""The time line: which bars there are, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from xml.etree import ElementTree

import pytest

from ctaudit.query.reply import make_reply
from ctaudit.query.time_notation import TimeSpan
from ctaudit.query.uncovered import Uncovered
from ctaudit.report import report_text
from ctaudit.report.page import make_section
from ctaudit.report.surroundings import Surroundings, widen
from ctaudit.report.timeline import LANES_MAX, Timeline, choose_window, end_by, make_timeline
from ctaudit.report.timeline_svg import Words, draw
from tests.unit.answers import COMPLETE, END, OPEN, OUTWARD, START, local_zone, other
from tests.unit.report.examples import ASKED as EXAMPLE
from tests.unit.report.examples import EXAMPLES, QUESTION, around, reply

SVG = "{http://www.w3.org/2000/svg}"
WORDS = Words("title", "description", "asked", "another", "nobody", "yes", "no", "doubtful")
ASKED = QUESTION.span


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def timeline(verdict: str) -> Timeline:
    return make_timeline(*EXAMPLES[verdict])


def picture(verdict: str) -> ElementTree.Element:
    return ElementTree.fromstring(draw(timeline(verdict), WORDS, "x"))


@pytest.mark.parametrize(("now", "end"), [(400, 300), (300, 300), (40, 40), (0, 0), (-5, 0)])
def test_the_window_ends_now_and_not_before_the_asked_time(now: float, end: float) -> None:
    window = TimeSpan(ASKED.begin - seconds(300), ASKED.end + seconds(300))
    cut = end_by(ASKED.end + seconds(now), ASKED, window)
    assert cut == TimeSpan(window.begin, ASKED.end + seconds(end))


def test_a_report_about_the_last_seconds_has_no_future() -> None:
    answered, near = EXAMPLES["one"]
    now = answered.question.span.end + seconds(2)
    assert make_timeline(answered, replace(near, looked_at=now)).window.end == now


@pytest.mark.parametrize(
    ("before", "after", "side"),
    [(5, 5, 15), (5, 40, 60), (40, 200, 300), (5, 5000, 300), (5000, 5000, 300)],
)
def test_the_window_is_the_narrowest_with_a_change_on_each_side(
    before: float, after: float, side: float
) -> None:
    one = replace(
        OUTWARD, started_at=ASKED.begin - seconds(before), ended_at=ASKED.end + seconds(after)
    )
    window = choose_window(ASKED, [one])
    assert window == TimeSpan(ASKED.begin - seconds(side), ASKED.end + seconds(side))


def test_a_gap_is_a_change_too() -> None:
    gap = Uncovered("gw1", ASKED.begin - seconds(5), ASKED.end + seconds(4), "why")
    long = replace(OUTWARD, started_at=ASKED.begin - seconds(5000), ended_at=None)
    assert choose_window(ASKED, [long], [gap]).end == ASKED.end + seconds(15)
    assert choose_window(ASKED, [long]).end == ASKED.end + seconds(300)
    section = make_section(1, EXAMPLE, reply(OUTWARD), around(QUESTION, OUTWARD, gaps=(gap,)))
    assert report_text.TIMELINE_CUT in section.timeline_notes
    section = make_section(1, EXAMPLE, reply(OUTWARD), around(QUESTION, OUTWARD))
    assert report_text.TIMELINE_CUT not in section.timeline_notes


def test_hosts_of_the_answer_come_first_and_others_have_no_name() -> None:
    made = timeline("one")
    assert [lane.host for lane in made.lanes] == [OUTWARD.host, None, None]
    assert [bar.is_answer for lane in made.lanes for bar in lane.bars] == [True, False, False]
    assert made.others == 2


def test_a_connection_that_ended_since_the_first_look_is_the_same() -> None:
    made = make_timeline(reply(OPEN), around(QUESTION, OUTWARD))
    [lane] = made.lanes
    assert len(lane.bars) == 1


def test_what_is_not_known_is_not_sure() -> None:
    unseen = replace(OPEN, state="unobserved", ended_after=START, ended_before=END)
    dumped = replace(OUTWARD, started_source="dump")
    for answer, sure in ((OUTWARD, True), (OPEN, True), (unseen, False), (dumped, False)):
        [lane] = make_timeline(reply(answer), around(QUESTION, answer)).lanes
        assert [bar.is_sure for bar in lane.bars] == [sure], answer.state


def test_doubtful_parts_are_joined_and_cut() -> None:
    def part(begin: float, end: float) -> Uncovered:
        return Uncovered("gw1", ASKED.begin + seconds(begin), ASKED.begin + seconds(end), "why")

    gaps = (part(-9000, -40), part(-50, -30), part(20, 30), Uncovered("gw1", None, None, "x"))
    made = make_timeline(reply(OUTWARD), around(QUESTION, OUTWARD, gaps=gaps[:3]))
    window = made.window
    assert made.doubtful == (
        TimeSpan(window.begin, ASKED.begin - seconds(30)),
        TimeSpan(ASKED.begin + seconds(20), ASKED.begin + seconds(30)),
    )
    made = make_timeline(reply(OUTWARD), around(QUESTION, OUTWARD, gaps=gaps))
    assert made.doubtful == (window,)


def test_where_nobody_had_a_record_all_of_it_is_doubtful() -> None:
    """Nothing is known then, so nothing is known to be complete, and the key says no more."""
    nobody, near = make_reply(QUESTION, (), ()), make_reply(widen(QUESTION), (), ())
    for port in (near, None):
        made = make_timeline(nobody, Surroundings(port, (), ()))
        assert made.doubtful == (made.window,)
    section = make_section(1, EXAMPLE, nobody, Surroundings(near, (), ()))
    assert report_text.TIMELINE_UNSURE in section.timeline
    assert report_text.TIMELINE_SURE not in section.timeline
    for word in (report_text.TIMELINE_UNPROVEN, report_text.TIMELINE_OTHER):
        assert f">{word}</text>" not in section.timeline
    assert not section.timeline_notes
    # One that began to record soon after the asked time names what it lacks.
    later = make_reply(widen(QUESTION), (), (COMPLETE,))
    gap = Uncovered("gw1", None, ASKED.end + seconds(5), "before the first record")
    made = make_timeline(nobody, Surroundings(later, (gap,), ()))
    assert made.doubtful == (TimeSpan(made.window.begin, ASKED.end + seconds(5)),)


def test_many_hosts_are_counted() -> None:
    near = [other(host=ip_address(f"10.0.0.{n}"), ct_id=n) for n in range(1, 20)]
    made = make_timeline(reply(OUTWARD), around(QUESTION, OUTWARD, *near))
    assert (len(made.lanes), made.hidden, made.others) == (LANES_MAX, 20 - LANES_MAX, 19)


def test_without_a_port_the_answers_alone_are_drawn() -> None:
    made = make_timeline(reply(OUTWARD), Surroundings(None, (), ()))
    assert [lane.host for lane in made.lanes] == [OUTWARD.host]


@pytest.mark.parametrize("verdict", EXAMPLES)
def test_a_picture_is_told_to_screen_readers_and_styles_nothing(verdict: str) -> None:
    svg = picture(verdict)
    ids = str(svg.get("aria-labelledby")).split()
    assert [svg.find(f"{SVG}{tag}").get("id") for tag in ("title", "desc")] == ids  # type: ignore[union-attr]
    assert svg.get("role") == "img"
    assert not [each for each in svg.iter() if each.get("style")]
    texts = [each.text for each in svg.iter(f"{SVG}text")]
    assert any(str(text).endswith(", CET (UTC+01:00)") for text in texts)
    assert any(str(text).startswith("2026-02-22 12:") for text in texts)
    assert ("nobody" in texts) == (verdict == "none" and not timeline("none").lanes)
    assert ("doubtful" in texts) == (verdict == "unknown")


def test_all_is_drawn_within_the_picture() -> None:
    for verdict in EXAMPLES:
        svg = picture(verdict)
        for most, names in (("width", ("x", "x1", "x2")), ("height", ("y", "y1", "y2"))):
            places = [float(each.get(name, "0")) for each in svg.iter() for name in names]
            assert 0 <= min(places) <= max(places) <= float(str(svg.get(most)))


def test_a_long_address_has_room() -> None:
    host = ip_address("2a01:e35:1394:5ad0:da50:e6ff:fe3c:1250")
    answer = replace(OUTWARD, host=host)
    made = make_timeline(reply(answer), around(QUESTION, answer))
    svg = ElementTree.fromstring(draw(made, WORDS, "x"))
    ends = [each for each in svg.iter(f"{SVG}text") if each.get("text-anchor") == "end"]
    assert "2a01:e35:1394:5ad0:da50:e6ff:fe3c:1250" in "".join(str(each.text) for each in ends)
    for each in ends:
        width = 0.68 * float(each.get("font-size", "12")) * len(str(each.text))
        assert float(str(each.get("x"))) - width > 0, each.text


def test_an_answer_that_is_not_proven_is_drawn_otherwise() -> None:
    kinds = {each.get("class") for each in picture("unknown").iter(f"{SVG}rect")}
    assert {"bar-unproven", "bar-other", "asked"} <= kinds
    assert "bar-answer" not in kinds
    assert "bar-answer" in {each.get("class") for each in picture("one").iter(f"{SVG}rect")}


def test_hostile_words_are_text() -> None:
    words = replace(WORDS, title="<script>\x1b\u202e", asked="</svg>&")
    drawn = draw(timeline("one"), words, "x")
    assert "<script" not in drawn
    assert drawn.count("</svg>") == 1
    assert ElementTree.fromstring(drawn).find(f"{SVG}title").text == "<script>\\x1b\\u202e"  # type: ignore[union-attr]


def test_a_reply_that_was_imported_is_no_lane() -> None:
    imported = replace(OUTWARD, provenance="imported")
    told = make_reply(QUESTION, [imported], [COMPLETE])
    assert make_timeline(told, Surroundings(told, (), ())).lanes == ()
