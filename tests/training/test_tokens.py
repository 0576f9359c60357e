"""Training files become tokens, and what is lost on the way is counted by line."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from sftc.service.executor import FailedError
from sftc.training.conversation import UnspeakableError, read_row
from sftc.training.run_job import told
from sftc.training.tokens import IGNORED, Counts, TokenRows, write_tokens
from support.chat_templates import FAMILIES, tokenizer

CALL = {"type": "function", "function": {"name": "add", "arguments": '{"x": "1"}'}}
PLAIN = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
CALLING = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [CALL]}]
THINKING = [PLAIN[0], {**PLAIN[1], "reasoning_content": "hm"}]


def written(folder: Path, family: str, *rows: Any, **options: Any) -> Counts:
    path = folder / "rows.jsonl"
    lines = [row if isinstance(row, str) else json.dumps({"messages": row}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return write_tokens(path, folder / "training", tokenizer(FAMILIES[family]), 10_000, **options)


def test_answers_that_a_template_loses_are_listed_by_line_and_left_out(tmp_path: Path) -> None:
    counts = written(tmp_path, "llama-3", PLAIN, "", CALLING, THINKING, CALLING)
    assert (counts.read, counts.rows, counts.empty) == (4, 2, 2)
    assert counts.lost == {"calls": 2, "thoughts": 1}
    assert counts.lines == {"calls": [3, 5], "thoughts": [4]}
    assert told(counts).split("; ")[1:] == [
        "2 rows have no tokens to train on and are left out",
        "2 answers lose their tool calls by the model's chat template, and are left out (lines 3, 5)",
        "1 answers lose their thoughts by the model's chat template (line 4)",
    ]


def test_at_most_ten_lines_are_listed(tmp_path: Path) -> None:
    counts = written(tmp_path, "phi-4", *[THINKING] * 12)
    assert told(counts).endswith("(lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...)")
    counts = written(tmp_path, "phi-4", *[[*THINKING, *THINKING]] * 10)
    assert "; 20 answers lose" in told(counts)
    assert told(counts).endswith("(lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)")


def test_a_row_that_the_template_refuses_is_named_by_its_line(tmp_path: Path) -> None:
    rows = [PLAIN, "", [{"role": "system", "content": "s"}, *PLAIN]]
    message = "line 3 of the training file: the model's chat template refuses it: no system messages"
    with pytest.raises(FailedError, match=message):
        written(tmp_path, "gemma-1", *rows)


def test_a_file_without_a_rendered_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="no answer in the training file is rendered"):
        written(tmp_path, "llama-3", CALLING)


def test_the_ends_of_turn_are_counted_the_most_frequent_first(tmp_path: Path) -> None:
    words = tokenizer(FAMILIES["llama-3.1"])
    counts = written(tmp_path, "llama-3.1", PLAIN, PLAIN, CALLING)
    assert words.convert_ids_to_tokens(counts.ends) == ["<|eot_id|>", "<|eom_id|>"]


def test_the_end_of_turn_is_a_label_in_every_turn(tmp_path: Path) -> None:
    words = tokenizer(FAMILIES["gpt-oss"])
    written(tmp_path, "gpt-oss", [*PLAIN, *PLAIN, *PLAIN])
    [row] = [TokenRows(tmp_path / "training")[0]]
    labels = [label for label in row["labels"].tolist() if label != IGNORED]
    assert words.decode(labels) == "b<|return|>" * 3


def test_the_same_date_gives_the_same_tokens(tmp_path: Path) -> None:
    made = []
    for day in (1, 1, 2):
        written(tmp_path, "gpt-oss", PLAIN, date=dt.date(2020, 1, day))
        made.append((tmp_path / "training/tokens.npy").read_bytes())
    assert made[0] == made[1] != made[2]


def test_rows_are_labelled_as_the_job_asks(tmp_path: Path) -> None:
    trained = [
        written(tmp_path, "phi-4", [*PLAIN, *PLAIN], train_on=which).trained_tokens
        for which in ("last", "assistant", "all")
    ]
    assert trained[0] * 2 == trained[1] < trained[2]


def test_a_number_that_no_reader_takes_is_named_in_plain_words() -> None:
    with pytest.raises(UnspeakableError, match="a number is beyond the range of JSON readers"):
        read_row(b'{"messages": [], "metadata": {"x": 1e400}}')
