"""Tables: CSV whatever its separators, quotes and line ends; Parquet and Arrow whatever their types."""

import csv
import datetime as dt
import decimal
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sftc.dataset.convert.records import RowRecord
from sftc.dataset.convert.table_rows import csv_rows, delimiter_of
from support.conversions import Converted


def table(rows: list[list[str]], **options: object) -> bytes:
    file = io.StringIO()
    csv.writer(file, **options).writerows(rows)  # type: ignore[arg-type]
    return file.getvalue().encode()


def read(data: bytes, delimiter: str = ",") -> list[RowRecord]:
    return [*csv_rows(io.BytesIO(data), delimiter)]


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("header", ["messages", "Dialogue", "conversation"])
def test_a_table_of_one_column_is_a_table(
    name: str, quoting: int, end: str, header: str, tmp_path: Path
) -> None:
    talk = '[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "%s"}]'
    data = table([[header], [talk % 4], [talk % 5]], quoting=quoting, lineterminator=end)
    assert Converted(tmp_path, data, name).answers == ["4", "5"]


@pytest.mark.parametrize("name", ["in.tsv", "in.CSV", "in.csv.gz"])
def test_a_table_of_one_column_with_a_name_of_its_own_is_known_by_its_file(name: str, tmp_path: Path) -> None:
    done = Converted(tmp_path, b'"talk of today"\n"a"\n', name)
    assert done.faults == ["line 2: the row has no columns that are known: it has `talk of today`"]
    talk = """[{""role"": ""user"", ""content"": ""a""}, {""role"": ""assistant"", ""content"": ""b""}]"""
    done = Converted(tmp_path, f'"talk"\n"{talk}"\n'.encode(), "in.txt", mapped={"talk": "messages"})
    assert done.answers == ["b"]


LONG = 'x"\n' * 200_000


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_row_of_a_table_may_be_longer_than_a_read(delimiter: str, at: int, tmp_path: Path) -> None:
    rows = [["id", "question", "answer"], *([str(n), "2 + 2?", str(n)] for n in range(3))]
    rows[at][1] = LONG
    done = Converted(tmp_path, table(rows, delimiter=delimiter), "in.csv")
    assert done.answers == ["0", "1", "2"]
    assert done.rows[at - 1]["messages"][0]["content"] == LONG.replace("\r\n", "\n")


def test_a_broken_row_of_a_table_costs_no_other(tmp_path: Path) -> None:
    data = b'question,answer\na,"1\nb,2\nc,3,x\nd,"4"4\n"e\nf",5\ng,\xe4\nh,6\n"i,7\n'
    done = Converted(tmp_path, data, "in.csv", skip_bad=True)
    assert done.answers == ["2", "5", "6"]
    assert [each.partition(":")[0] for each in done.faults] == [
        "lines 2, 5 (2 rows)",
        "line 4",
        "line 8",
        "line 10",
    ]


def test_blank_lines_and_marks_of_a_table_are_no_rows(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf\r\nquestion;answer\r\n\r\na;1\r\n\r\nb;2"
    assert Converted(tmp_path, data, "in.csv").answers == ["1", "2"]


def test_a_header_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    for data in (
        b"question,question,answer\na,b,c\n",
        b"question,answer,\xff\na,b,c\n",
        b'question,answer,"x\na,b,c\n',
    ):
        [fault] = Converted(tmp_path, data, "in.csv", container="csv").faults
        assert "table" in fault


def test_the_rows_of_a_table_are_read_in_linear_time() -> None:
    data = b"question,answer\n" + b'"a,1\n' + b"b,2\n" * 20_000 + b'"c,3\n' * 5_001
    records = read(data)
    assert sum(not record.fault for record in records) == 20_000
    assert sum(bool(record.fault) for record in records) == 5_002


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=60)
@given(
    rows=st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_any_table_is_read(rows: list[list[str]], delimiter: str, end: str, quoting: int) -> None:
    data = table([["question", "answer"], *rows], delimiter=delimiter, lineterminator=end, quoting=quoting)
    assert delimiter_of(data, "question".__eq__) == delimiter
    made = [record.value for record in read(data, delimiter)]
    assert made == [{"question": a or None, "answer": b or None} for a, b in rows]


def in_parquet(columns: dict[str, object]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def test_values_that_json_lacks_are_kept_and_named(tmp_path: Path) -> None:
    odd = {
        "day": [dt.date(2026, 1, 2)],
        "time": [dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)],
        "price": [decimal.Decimal("1.50")],
        "data": [b"\xff"],
        "score": [float("nan")],
        "scores": [[1.5, float("inf")]],
        "nested": [{"at": dt.time(1, 2), "n": 7}],
        "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    }
    data = in_parquet({"question": ["2 + 2?"], "answer": ["4"], "left": [b"\0"], **odd})
    done = Converted(tmp_path, data, mapped=dict.fromkeys(odd, "metadata"))
    assert done.rows[0]["metadata"] == {
        "day": "2026-01-02",
        "time": "2026-01-02T03:04:00+00:00",
        "price": "1.50",
        "data": "/w==",
        "scores": [1.5, None],
        "nested": {"at": "01:02:00", "n": 7},
        "map": [["a", 1]],
    }
    [file] = done.report["files"]
    assert file["not_taken_over"] == {"left": 1}
    assert file["nulls"] == {"score": 1}
    assert {name.partition(":")[0] for name in file["changed"]} == {*odd, "nested.at", "scores[]"} - {
        "nested",
        "scores",
        "map",
    }


def test_rows_of_a_table_are_listed_by_their_number(tmp_path: Path) -> None:
    data = in_parquet({"question": ["a", "b", "c"], "answer": ["1", None, ""]})
    done = Converted(tmp_path, data)
    assert [each.partition(":")[0] for each in done.faults] == ["row 2", "row 3"]
