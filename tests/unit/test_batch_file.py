"""The file of questions: its header, its lines, and what cannot be read."""

from __future__ import annotations

import pytest

from ctaudit.errors import UsageError
from ctaudit.query.batch_file import ANSWERED, format_header, format_line, read_batch

AT = "2026-02-22T11:59:43+01:00"


def test_columns_are_options() -> None:
    file = read_batch(
        ["address,port,at,to,proto,node,within,zone,case\n",
         f"1.2.3.4,53500,{AT},19.1.16.7:443,tcp,gw1,2.5,7,x\n",
         f" 2001:db8::1 ,443,{AT},,,,,,\n", f"1.2.3.4,,{AT},,,,,,\n", "\n"],
        "cases.csv",
    )  # fmt: skip
    first, six, portless = (line.question for line in file.lines)
    assert first is not None and six is not None and portless is not None
    assert (str(first.public), str(first.remote)) == ("1.2.3.4:53500", "19.1.16.7:443")
    assert (first.proto, first.node, first.within, first.zone) == (6, "gw1", 2.5, 7)
    assert str(six.public) == "[2001:db8::1]:443"
    assert (six.remote, six.proto, six.node, six.within, six.zone) == (None, None, None, 0, None)
    assert portless.public.port is None


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("", "the first line must name the columns"),
        (f"1.2.3.4:5,{AT}", "the first line must name the columns"),
        ("public,time", "public (or address and port) and at are needed"),
        ("public,address,at", "has both columns public and address"),
        ("public,at,to,to", "column 'to' is there twice"),
        ("public,at,host", "column 'host' is a column of the answers"),
    ],
)
def test_a_header_that_is_none(header: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_batch([header], "cases.csv")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (f",{AT},", "column public: is empty"),
        ("1.2.3.4:5,,", "column at: is empty"),
        (f"1.2.3.4:70000,{AT},", "70000"),
        ("1.2.3.4:5,2026-02-22 11:59:43 nowhere,", "nowhere"),
        (f"1.2.3.4:5,{AT},a,b", "has 4 cells, and the header has 3"),
        (f"1.2.3.4:5,{AT},gw\udcff", "column node: is not UTF-8"),
        ('"1.2.3.4:5"x,y,', "is not CSV"),
    ],
)
def test_a_line_that_cannot_be_read(line: str, error: str) -> None:
    text = ["public,at,node\n", line + "\n", f"1.2.3.4:5,{AT},\n"]
    bad, good = read_batch(text, "cases.csv").lines
    assert bad.question is None
    assert error in bad.error
    assert format_line(bad, None).count(",") >= 2 + len(ANSWERED)
    assert good.question is not None


def test_header_of_the_answers() -> None:
    assert format_header(["id", "public", "at"]) == (
        "id,public,at,verdict,connections,hosts,gateway,host,host_port,remote,remote_port,protocol,"
        "started_at,ended_at,holder,reasons,error"
    )
