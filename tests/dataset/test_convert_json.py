"""JSON in any layout: every broken row is listed with its place, and all others come through."""

import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftc.dataset.convert.json_rows import json_rows
from sftc.dataset.convert.records import RowRecord
from support.conversions import Converted, ConvertedRow, pair


def read(data: str | bytes) -> list[RowRecord]:
    return [*json_rows(io.BytesIO(data.encode() if isinstance(data, str) else data))]


Layout = Callable[[list[str]], str]


class Trickle(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = most

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._most if size in {None, -1} else min(size or 0, self._most))


GOOD = [pair(str(number)) for number in range(9)]
LAYOUTS: dict[str, Layout] = {
    "lines": "\n".join,
    "lines with commas": lambda rows: ",\n".join(rows) + ",\n",
    "lines with commas and brackets": lambda rows: "[\n" + ",\n".join(rows) + "\n]\n",
    "lines with commas, the last too, and brackets": lambda rows: "[\n" + ",\n".join(rows) + ",\n]",
    "lines with commas first": lambda rows: "[\n" + "\n,".join(rows) + "]",
    "a list on one line": lambda rows: "[" + ", ".join(rows) + "]",
    "a list without spaces": lambda rows: "[" + ",".join(rows) + "]",
    "an indented list": lambda rows: "[\n  " + ",\n  ".join(rows) + "\n]",
    "lines that end in CR LF": lambda rows: "\r\n".join(rows) + "\r\n",
    "lines that end in CR": lambda rows: "\r".join(rows) + "\r",
    "lines with blank ones": "\n\n  \n".join,
    "several marks": "\n\ufeff".join,
}
"""Layouts of rows, each of which has no line break."""

BROKEN = {
    "a comma is missing": '{"question": "a" "answer": "b"}',
    "a bracket is missing": '{"question": "a", "answer": "b"',
    "a bracket too many": '{"question": "a", "answer": "b"}}',
    "a quote is missing": '{"question": "a, "answer": "b"}',
    "the last quote is missing": '{"question": "a", "answer": "b}',
    "single quotes": "{'question': 'a', 'answer': 'b'}",
    "a list is open": '{"question": [{"role": "user", "content": "a"}, "answer": "b"}',
    "cut": '{"question": "a", "ans',
    "no value": '{"question": "a", "answer": }',
    "NaN": '{"question": NaN, "answer": "b"}',
    "a name twice": '{"question": "a", "question": "b", "answer": "c"}',
    "a word": "null1",
    "a bad escape": '{"question": "a\\x", "answer": "b"}',
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_row_costs_no_other(layout: str, fault: str) -> None:
    for at in (0, 4, 8):
        rows = [json.dumps(row) for row in GOOD]
        rows[at] = BROKEN[fault]
        records = read(LAYOUTS[layout](rows))
        assert [record.value for record in records if not record.fault] == GOOD[:at] + GOOD[at + 1 :]
        assert [record.number for record in records if record.fault] == [at + 1]


@pytest.mark.parametrize("indent", [1, 2, 4, "\t"])
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_row_of_an_indented_list_costs_no_other(indent: int | str, fault: str) -> None:
    text = json.dumps([GOOD[0], {"mark": 1}, *GOOD[2:]], indent=indent)
    row = json.dumps({"mark": 1}, indent=indent).replace(
        "\n", "\n" + (indent if isinstance(indent, str) else " " * indent)
    )
    broken = BROKEN[fault].replace(", ", ",\n" + (indent if isinstance(indent, str) else " " * indent) * 2)
    assert row in text
    records = read(text.replace(row, broken))
    assert [record.value for record in records if not record.fault] == [GOOD[0], *GOOD[2:]]
    [bad] = [record for record in records if record.fault]
    assert 6 <= bad.line <= 6 + broken.count("\n")


def test_every_broken_row_is_listed_with_its_line(tmp_path: Path) -> None:
    lines = [json.dumps(pair(str(number))) for number in range(12)]
    lines[2] = '{"question": "a", "answer": "b'
    lines[5] = '{"a": 1}'
    lines[9] = '{"question": "a"'
    data = ("[\n" + ",\n".join(lines) + "\n]").encode()
    done = Converted(tmp_path, data)
    assert [each.partition(":")[0] for each in done.faults] == ["line 4", "line 7", "line 11"]
    done = Converted(tmp_path, data, skip_bad=True)
    assert done.answers == [str(number) for number in range(12) if number not in {2, 5, 9}]


def test_rows_on_one_line_are_listed_by_their_number(tmp_path: Path) -> None:
    rows = [json.dumps(pair(str(number))) for number in range(5)]
    rows[1], rows[3] = '{"question": "a"}', '{"question": "a" "b"}'
    done = Converted(tmp_path, f"[{','.join(rows)}]".encode())
    assert [each.partition(":")[0] for each in done.faults] == ["row 2", "row 4"]


def test_an_object_inside_a_broken_row_is_no_row() -> None:
    row = '{"id": %d, "messages": [{"id": "a", "type": "b"}, {"id": "c", "type": "d"}%s]}'
    rows = [row % (0, ""), row % (1, ' "broken"'), row % (2, ""), row % (3, "")]
    for text in (f"[{', '.join(rows)}]", "[" + ",\n".join(rows) + "]"):
        records = read(text)
        assert [record.value and record.value["id"] for record in records] == [0, None, 2, 3]


def test_a_broken_row_whose_lines_begin_like_rows_costs_no_other() -> None:
    row = '{"messages": [\n{"role": "user"},\n{"role": "assistant"%s\n]}'
    broken = [row % each for each in ("}", "", "}", "}", ' "broken"}', "}")]
    records = read("[\n" + ",\n".join(broken) + "\n]")
    assert [bool(record.fault) for record in records] == [False, True, False, False, True, False]
    assert [record.line for record in records] == [2, 9, 10, 14, 20, 22]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ('{"a": 1e999}', "the row has a number beyond the range of JSON readers"),
        ('{"a": "' + "x" * (5 << 20) + '" 1}', "the row is not valid JSON: "),
        ('{"a": ' + "9" * (5 << 20) + "}", "the row has a number beyond the range of JSON readers"),
        ('{"a": 1,\n"b": 2,\n"a": 3}', "`a` occurs twice in this object"),
        ("\ufeff", None),
        ("]", "expected a value, found `]`"),
    ],
)
def test_a_fault_is_explained(data: str, fault: str | None) -> None:
    assert [(record.fault or "")[: len(fault or "")] for record in read(data)] == ([fault] if fault else [])


def test_lines_may_end_in_different_ways() -> None:
    rows = [json.dumps(row) for row in GOOD[:4]]
    text = f"{rows[0]}\r{rows[1]}\n{rows[2]}\r\n{rows[3]}"
    assert [record.value for record in read(text)] == GOOD[:4]
    assert [record.line for record in read(text)] == [1, 2, 3, 4]


def test_a_list_that_is_not_closed_is_told() -> None:
    [*_, last] = read("[\n" + json.dumps(GOOD[0]) + ",\n")
    assert last.fault
    assert "not closed" in last.fault


LONG = "x" * 300_000 + "\\" * 3 + '"' + "é" * 300_000 + "\\\\"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_row_may_be_longer_than_a_read(layout: str) -> None:
    rows = [pair(LONG), pair("4", LONG * 3), pair("5"), pair(["a", {"b": LONG}])]
    records = read(LAYOUTS[layout]([json.dumps(row, ensure_ascii=False) for row in rows]))
    assert [record.value for record in records] == rows


@pytest.mark.parametrize("indent", [0, 2])
def test_an_indented_row_may_be_longer_than_a_read(indent: int) -> None:
    rows = [pair(LONG), pair(["short"] * 90_000), pair("5")]
    for text in (json.dumps(rows, indent=indent), "\n".join(json.dumps(row, indent=indent) for row in rows)):
        assert [record.value for record in read(text)] == rows


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_broken_row_may_be_longer_than_a_read(layout: str, fault: str) -> None:
    rows = [json.dumps(row) for row in GOOD]
    rows[4] = BROKEN[fault].replace("a", "a" * 400_000, 1)
    records = read(LAYOUTS[layout](rows))
    assert [record.value for record in records if not record.fault] == GOOD[:4] + GOOD[5:]


@pytest.mark.parametrize("layout", ["lines", "lines with commas and brackets", "a list on one line"])
def test_a_row_beyond_the_limit_costs_no_other(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sftc.dataset.convert.json_rows.MAX_ROW", 1 << 20)
    rows = [json.dumps(row) for row in GOOD]
    rows[4] = json.dumps(pair("x" * (5 << 20)))
    tracemalloc.start()
    records = read(LAYOUTS[layout](rows))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [record.value for record in records if not record.fault] == GOOD[:4] + GOOD[5:]
    [bad] = [record for record in records if record.fault]
    assert "larger than" in (bad.fault or "")
    assert most < 30 << 20


def test_the_cost_of_broken_rows_is_linear() -> None:
    """Each row swallows the rest of the file if brackets alone decide where it ends."""
    keys = [f'{{"k{number}": [' for number in range(5_000)]
    records = read("[\n" + ",\n".join(keys) + "\n]")
    assert sum(bool(record.fault) for record in records) == len(records) >= 4_999


@pytest.mark.parametrize("between", [", ", ",", ",\n", ",\n  "])
def test_a_broken_row_with_names_of_its_own_costs_no_other(between: str) -> None:
    rows = [json.dumps({f"k{number}": number, "messages": [{"a": 1}, {"b": 2}]}) for number in range(3000)]
    bad = range(7, 3000, 10)
    for number in bad:
        rows[number] = f'{{"k{number}" 5, "messages": []}}'
    records = read(f"[{between.join(rows)}]")
    assert [record.number - 1 for record in records if record.fault] == [*bad]
    assert [record.value for record in records if not record.fault] == [
        json.loads(row) for number, row in enumerate(rows) if number not in bad
    ]


def test_rows_of_other_kinds_are_rows() -> None:
    conversation = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    text = json.dumps(conversation)
    assert [record.value for record in read(f"{text}\n{text}\n")] == [conversation] * 2
    assert [record.value for record in read(f"[{text},{text}]")] == [conversation] * 2
    assert [record.value for record in read(f"[{json.dumps(text)}, 7, null]")] == [text, 7, None]
    assert [record.value for record in read('[{"a": 1}]\n[{"a": 2}, {"a": 3}]\n')] == [
        {"a": n} for n in (1, 2, 3)
    ]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), values, min_size=1, max_size=3)


@settings(max_examples=60)
@given(
    rows=st.lists(objects, min_size=1, max_size=6),
    layout=st.sampled_from([*LAYOUTS.values()]),
    ascii_=st.booleans(),
    piece=st.integers(1, 64),
)
def test_any_rows_are_read_in_any_layout(
    rows: list[ConvertedRow], layout: Layout, *, ascii_: bool, piece: int
) -> None:
    text = layout([json.dumps(row, ensure_ascii=ascii_) for row in rows])
    data = text.encode()
    made = [*json_rows(Trickle(data, piece))]
    assert [json.dumps(record.value) for record in made] == [json.dumps(row) for row in rows]
    for indent in (None, 0, 2):
        listed = [*json_rows(io.BytesIO(json.dumps(rows, indent=indent).encode()))]
        assert [json.dumps(record.value) for record in listed] == [json.dumps(row) for row in rows]


@settings(max_examples=200)
@given(data=st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ \n\taé1-', max_size=60).map(str.encode))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    numbers = [record.number for record in json_rows(Trickle(data, 7))]
    assert numbers == [*range(1, len(numbers) + 1)]
