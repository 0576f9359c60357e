"""Files of other formats become JSON Lines of messages that `sftc dataset check` accepts; nothing is lost."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, ipc, parquet

from sftc.dataset.convert.convert_files import Conversion, NotConvertedError
from sftc.dataset.convert.convert_options import ConvertOptions
from sftc.findings.finding import Severity
from support.conversions import Converted
from support.training_files import compressed

Row = dict[str, Any]
TALK: list[Row] = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": 'Say "é",\n or \\ this.'},
    {"role": "assistant", "content": "é\t\U0001f642"},
    {"role": "user", "content": "And?"},
    {"role": "assistant", "content": "No."},
]
PAIR = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
ROWS: list[Row] = [{"messages": TALK}, {"messages": PAIR}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
NAMES = {"system": "system", "user": "human", "assistant": "gpt"}


def to_sharegpt(talk: list[Row]) -> Row:
    return {"conversations": [{"from": NAMES[each["role"]], "value": each["content"]} for each in talk]}


def to_gemini(talk: list[Row]) -> Row:
    roles = {"user": "user", "assistant": "model"}
    turns = [
        {"role": roles[m["role"]], "parts": [{"text": m["content"]}]} for m in talk if m["role"] in roles
    ]
    system = {"systemInstruction": {"parts": [{"text": m["content"]} for m in talk if m["role"] == "system"]}}
    return {"contents": turns, **(system if talk[0]["role"] == "system" else {})}


FORMS: dict[str, Callable[[list[Row]], Any]] = {
    "messages": lambda talk: {"messages": talk},
    "messages in a string": lambda talk: json.dumps({"messages": talk}),
    "messages under another name": lambda talk: {"Messages": talk},
    "a batch request": lambda talk: {"custom_id": "1", "body": {"model": "m", "messages": talk}},
    "a bare list": lambda talk: talk,
    "ShareGPT": to_sharegpt,
    "ShareGPT in messages": lambda talk: {"messages": to_sharegpt(talk)["conversations"]},
    "roles as keys": lambda talk: {"messages": [{each["role"]: each["content"]} for each in talk]},
    "other names": lambda talk: {"dialogue": [{"speaker": m["role"], "text": m["content"]} for m in talk]},
    "Gemini": to_gemini,
    "preferences": lambda talk: {"chosen": talk, "rejected": talk},
    "nulls": lambda talk: {
        "messages": [{**m, "name": None, "function_call": None, "tool_calls": None} for m in talk]
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_messages_gives_the_messages(form: str, tmp_path: Path) -> None:
    data = "".join(json.dumps(FORMS[form](row["messages"])) + "\n" for row in ROWS)
    done = Converted(tmp_path, data.encode())
    assert done.rows == ROWS
    assert done.ids.count("converted-from") >= 1
    assert "sftc dataset convert" in (done.findings[0].help or "")
    assert (done.report["rows_in"], done.report["rows_out"]) == (2, 2)


PAIRS: dict[str, Row] = {
    "prompt-completion": {"prompt": "2 + 2?", "completion": "4"},
    "questions": {"question": "2 + 2?", "answer": "4"},
    "inputs": {"input": "2 + 2?", "output": "4"},
    "responses": {"instruction": "2 + 2?", "response": "4"},
    "alpaca": {"instruction": "2 + 2?", "input": "", "output": "4"},
    "preferences": {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"},
}


@pytest.mark.parametrize("form", PAIRS)
def test_a_prompt_and_its_answer_are_two_messages(form: str, tmp_path: Path) -> None:
    row = {"id": 7, **PAIRS[form]}
    done = Converted(tmp_path, json.dumps(row).encode())
    assert done.rows == [{"messages": PAIR}]
    assert "id" in done.report["files"][0]["not_taken_over"]


def test_the_input_of_alpaca_is_part_of_the_question(tmp_path: Path) -> None:
    row = {"instruction": "Add.", "input": "2, 2", "output": "4", "history": [["Hi.", "Hello."]]}
    [made] = Converted(tmp_path, json.dumps(row).encode()).rows
    assert [each["content"] for each in made["messages"]] == ["Hi.", "Hello.", "Add.\n\n2, 2", "4"]


def in_zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", data)
    return file.getvalue()


def in_table(write: Callable[[pa.Table, io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(pa.Table.from_pylist(ROWS), file)
    return file.getvalue()


def in_stream(table: pa.Table, file: io.BytesIO) -> None:
    with ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(LINES.encode()),
    "zstd": lambda: compressed(LINES.encode()),
    "bz2": lambda: bz2.compress(LINES.encode()),
    "xz": lambda: lzma.compress(LINES.encode()),
    "zip": lambda: in_zip(LINES.encode()),
    "utf-16": lambda: LINES.encode("utf-16"),
    "utf-16 without a mark": lambda: LINES.encode("utf-16-be"),
    "utf-32": lambda: LINES.encode("utf-32"),
    "utf-8 with a mark": lambda: LINES.encode("utf-8-sig"),
    "a list": lambda: json.dumps(ROWS).encode(),
    "an indented list": lambda: json.dumps(ROWS, indent=2).encode(),
    "a list with a row a line": lambda: b"[\n" + LINES.strip().replace("\n", ",\n").encode() + b"\n]\n",
    "indented rows": lambda: "\n".join(json.dumps(row, indent=1) for row in ROWS).encode(),
    "rows without line breaks": lambda: "".join(map(json.dumps, ROWS)).encode(),
    "parquet": lambda: in_table(parquet.write_table),
    "arrow": lambda: in_table(feather.write_feather),
    "an arrow stream": lambda: in_table(in_stream),
    "indented in gzip": lambda: gzip.compress(json.dumps(ROWS, indent=2).encode()),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_is_read(container: str, tmp_path: Path) -> None:
    assert Converted(tmp_path, CONTAINERS[container]()).rows == ROWS


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_text_is_read(delimiter: str, tmp_path: Path) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([["question", "answer"], [TALK[1]["content"], "a, b"], ["x", "y"]])
    done = Converted(tmp_path, file.getvalue().encode(), "in.csv")
    assert [[m["content"] for m in row["messages"]] for row in done.rows] == [
        [TALK[1]["content"], "a, b"],
        ["x", "y"],
    ]


def test_a_folder_of_hugging_face_files_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(2):
        parquet.write_table(pa.Table.from_pylist(ROWS), folder / f"train-0000{number}.parquet")
    conversion = Conversion([str(folder)], "out.jsonl", ConvertOptions())
    assert [json.loads(line) for line in b"".join(conversion.pieces()).splitlines()] == ROWS * 2


def test_old_calls_become_tool_calls(tmp_path: Path) -> None:
    row = {
        "messages": [
            {"role": "user", "content": "Tide?"},
            {"role": "assistant", "content": None, "function_call": {"name": "tide", "arguments": "{}"}},
            {"role": "function", "name": "tide", "content": "low"},
            {"role": "assistant", "content": "Low."},
        ],
        "functions": [{"name": "tide"}],
    }
    [made] = Converted(tmp_path, json.dumps(row).encode()).rows
    call = {"id": "call_1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
    assert made["messages"][1] == {"role": "assistant", "tool_calls": [call]}
    assert made["messages"][2] == {"role": "tool", "name": "tide", "content": "low", "tool_call_id": "call_1"}
    assert made["tools"] == [{"type": "function", "function": {"name": "tide"}}]


BAD = json.dumps({"a": 1}) + "\n" + json.dumps({"messages": PAIR}) + "\n{cut\n"


def test_what_cannot_be_converted_is_listed_and_nothing_is_written(tmp_path: Path) -> None:
    done = Converted(tmp_path, BAD.encode())
    assert not done.is_written
    assert done.ids.count("unconvertible-row") == 2
    text = " ".join(found.message for found in done.findings)
    assert "line 1: " in text
    assert "line 3: " in text
    assert done.report["rows_skipped"] == 2


def test_bad_rows_are_left_out_and_counted_if_asked(tmp_path: Path) -> None:
    done = Converted(tmp_path, BAD.encode(), skip_bad=True)
    assert done.rows == [{"messages": PAIR}]
    assert (done.report["rows_in"], done.report["rows_out"], done.report["rows_skipped"]) == (3, 1, 2)
    assert all(found.severity is not Severity.ERROR for found in done.findings)


def test_columns_are_mapped_and_a_system_message_is_added(tmp_path: Path) -> None:
    row = {"frage": "2 + 2?", "antwort": "4", "quelle": "a.md"}
    mapped = {"frage": "user", "antwort": "assistant", "quelle": "metadata"}
    done = Converted(tmp_path, json.dumps(row).encode(), mapped=mapped, system="Be short.")
    system = {"role": "system", "content": "Be short."}
    assert done.rows == [{"messages": [system, *PAIR], "metadata": {"quelle": "a.md"}}]
    assert not done.report["files"][0]["not_taken_over"]


def test_a_name_of_map_that_no_row_has_is_an_error(tmp_path: Path) -> None:
    done = Converted(tmp_path, LINES.encode(), mapped={"qestion": "user"})
    assert not done.is_written
    assert "`qestion`" in done.findings[-1].message


@pytest.mark.parametrize(
    "data",
    [
        b"PAR1 but no table PAR1",
        gzip.compress(LINES.encode())[:-9],
        b"\xfd7zXZ\0 cut",
        b"ARROW1\0\0 cut",
        b"%PDF-1.7",
        b"",
        b"\n\n",
        b"\xff\xfe\x00",
        b'[{"messages": [',
        b"one line of text",
        b'a,b\n"cut,1\n',
        b"{" * 2000,
        b"[" * 200_000,
    ],
)
def test_what_is_no_training_file_is_an_error(data: bytes, tmp_path: Path) -> None:
    done = Converted(tmp_path, data)
    assert not done.is_written
    assert any(found.is_error for found in done.findings)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda text: f"a{text}")


@st.composite
def talks(draw: st.DrawFn) -> list[Row]:
    turns = [
        {"role": role, "content": draw(texts)}
        for _ in range(draw(st.integers(1, 3)))
        for role in ("user", "assistant")
    ]
    return [*([{"role": "system", "content": draw(texts)}] if draw(st.booleans()) else []), *turns]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "a batch request"])
@settings(max_examples=25)
@given(talk=talks())
def test_there_and_back_is_the_same(
    form: str, talk: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("there")
    data = json.dumps(FORMS[form](talk)).encode()
    conversion = Conversion([str(folder / "in.jsonl")], "out.jsonl", ConvertOptions())
    (folder / "in.jsonl").write_bytes(data)
    try:
        made = [json.loads(line)["messages"] for line in b"".join(conversion.pieces()).splitlines()]
    except NotConvertedError:
        # A text with a special token or NUL is a finding of the check, and so of the conversion.
        errors = [found.message for found in conversion.findings if found.is_error]
        assert all(message.endswith(("(special-token)", "(nul-in-text)")) for message in errors)
        return
    assert made == [talk]
