"""`sftc dataset convert`: its output is whole or not there, and what it says."""

import gzip
import json
from pathlib import Path

import pytest

from cli.test_dataset_packages import without
from support.program import Dataset

pytestmark = pytest.mark.measured

ROW = {"question": "2 + 2?", "answer": "4"}
FILES = {"in.json": json.dumps([ROW, ROW | {"answer": "four"}]), "bad.jsonl": '{"a": 1}\n'}
MADE = (
    '{"messages":[{"role":"user","content":"2 + 2?"},{"role":"assistant","content":"4"}]}\n'
    '{"messages":[{"role":"user","content":"2 + 2?"},{"role":"assistant","content":"four"}]}\n'
)


def test_the_format_is_detected_and_the_command_repeats_it(dataset: Dataset) -> None:
    code, out, errors = dataset("convert", "in.json", "--output", "out.jsonl")
    assert (code, out) == (0, "")
    assert Path("out.jsonl").read_text() == MADE
    flags = "--from prompt-completion --map question=user --map answer=assistant"
    assert f"`sftc dataset convert in.json --output out.jsonl {flags}`" in errors
    assert errors.endswith("out.jsonl: 2 rows read, 2 rows written\n")
    assert dataset("convert", "in.json", "--output", "again.jsonl", *flags.split())[0] == 0
    assert Path("again.jsonl").read_text() == MADE
    assert dataset("check", "out.jsonl")[0] == 0


def test_the_output_is_compressed_by_its_name(dataset: Dataset) -> None:
    assert dataset("convert", "in.json", "-o", "out.jsonl.gz")[0] == 0
    assert gzip.decompress(Path("out.jsonl.gz").read_bytes()).decode() == MADE
    assert dataset("convert", "in.json", "-o", "out.jsonl.zst")[0] == 0
    assert dataset("head", "out.jsonl.zst") == (0, MADE, "")


def test_standard_input_and_several_files_are_read_in_order(dataset: Dataset) -> None:
    assert dataset("convert", "-", "in.json", "-o", "out.jsonl", stdin=json.dumps(ROW).encode())[0] == 0
    assert Path("out.jsonl").read_text() == MADE.splitlines(keepends=True)[0] + MADE


def test_a_row_that_cannot_be_converted_leaves_the_output_as_it_was(dataset: Dataset) -> None:
    Path("out.jsonl").write_text("before")
    code, out, errors = dataset("convert", "in.json", "bad.jsonl", "-o", "out.jsonl", "--report", "r.json")
    assert (code, out) == (1, "")
    assert "bad.jsonl: error[unconvertible-row]: line 1: the row has no columns that are known" in errors
    assert errors.endswith("sftc: nothing was written\n")
    assert Path("out.jsonl").read_text() == "before"
    assert not Path("r.json").exists()
    code, _, errors = dataset(
        "convert", "in.json", "bad.jsonl", "-o", "out.jsonl", "--skip-bad", "--report", "r.json"
    )
    assert code == 0
    assert errors.endswith("out.jsonl: 3 rows read, 2 rows written, 1 row skipped\n")
    assert Path("out.jsonl").read_text() == MADE
    assert json.loads(Path("r.json").read_text())["rows_skipped"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.json", "-o", "in.json"], "would be overwritten"),
        (["in.json", "-o", "-"], "name a file to write"),
        (["in.json", "-o", "o", "--map", "question"], "FIELD=ROLE"),
        (["in.json", "-o", "o", "--map", "question=cat"], "FIELD=ROLE"),
        (["in.json", "-o", "o", "--from", "csv", "--from", "json"], "at once"),
        (["in.json"], "--output"),
        (["absent.json", "-o", "o"], "absent.json"),
    ],
)
def test_wrong_usage(dataset: Dataset, arguments: list[str], said: str) -> None:
    code, out, errors = dataset("convert", *arguments)
    assert code in {1, 2}
    assert out == ""
    assert said in errors
    assert not Path("o").exists()


def test_a_missing_package_is_named_with_its_extra(dataset: Dataset) -> None:
    Path("a.parquet").write_bytes(b"PAR1" + bytes(8) + b"PAR1")
    code, out, errors = without(["pyarrow"], "dataset", "convert", "a.parquet", "-o", "out.jsonl")
    assert (code, out) == (1, "")
    assert "pip install 'sftc[convert]'" in errors
    assert not Path("out.jsonl").exists()
    assert without(["pyarrow"], "dataset", "convert", "in.json", "-o", "out.jsonl")[0] == 0
