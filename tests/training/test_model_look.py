"""Rows looked at through chat templates: what is trained on, and one finding for each cause in a file."""

import datetime as dt
import json
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from transformers import ByT5Tokenizer

from sftc.dataset.check_files import Checked, CheckOptions, check_files
from sftc.dataset.chunks import Bounds
from sftc.service.executor import FailedError
from sftc.training.base_model import BaseModel
from sftc.training.conversation import UnspeakableError
from sftc.training.model_look import ModelLook, Reading
from sftc.training.tokens import write_tokens
from support.chat_models import TEMPLATE, write_chat_model
from support.chat_templates import FAMILIES, tokenizer

PLAIN = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
CALL = {"id": "x", "type": "function", "function": {"name": "add", "arguments": '{"x": "1"}'}}
CALLING = [PLAIN[0], {"role": "assistant", "content": "", "tool_calls": [CALL]}]
SYSTEM = [{"role": "system", "content": "s"}, *PLAIN]
DATE = dt.date(2020, 2, 1)


def look_at(
    folder: Path,
    *rows: Any,
    model: dict[str, Any] | None = None,
    jobs: int = 1,
    bounds: Bounds = Bounds(),  # noqa: B008  it cannot be changed
    **reading: Any,
) -> tuple[Checked, ModelLook, str]:
    """Return the check of a file with these rows, and the look at it."""
    path = folder / "rows.jsonl"
    lines = [row if isinstance(row, str) else json.dumps({"messages": row}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    place = Path(mkdtemp(dir=folder)) / "model"  # a process loads a model once
    base = BaseModel(str(write_chat_model(place, **(model or {}))), None)
    look = ModelLook(Reading("model", base, date=DATE, **reading))
    look.check_model()
    [checked] = check_files([str(path)], CheckOptions(second=look, jobs=jobs, bounds=bounds, stops=False))
    return checked, look, str(path)


def told(checked: Checked) -> list[tuple[str, int, str]]:
    """Return rule, line and message of each finding, but for repeated rows."""
    found = [each for each in checked.findings if each.id != "duplicate-rows"]
    return [(each.id, each.span.line, each.message) for each in found]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_numbers_are_those_of_the_trainer(family: str, tmp_path: Path) -> None:
    long = [PLAIN[0], {"role": "assistant", "content": "b" * 300}]
    rows = [PLAIN, "", [*PLAIN, *PLAIN], long]
    _, look, path = look_at(tmp_path, *rows, model={"family": family}, sequence_length=200)
    words = tokenizer(FAMILIES[family])
    counts = write_tokens(Path(path), tmp_path / "training", words, 200, date=DATE)
    tally = look.tally(path)
    assert tally.trained == counts.trained_tokens
    assert tally.trained_rows == counts.rows
    assert tally.tokens - tally.cut == counts.tokens
    assert tally.cut > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_pieces_of_a_row_are_its_text(family: str, tmp_path: Path) -> None:
    rows = [[{"role": "user", "content": "¿Qué?"}, {"role": "assistant", "content": " 你好 🦊\n"}]]
    _, look, path = look_at(tmp_path, *rows, model={"family": family}, lines=frozenset([1]))
    [row] = look.tally(path).shown
    pieces = [piece for _, run in row.runs() for piece in run]
    added = [token for token in row.tokens if token.start == token.end]
    assert "".join(piece.text for piece in pieces) == row.text + "".join(token.token for token in added)
    assert [token for piece in pieces for token in piece.tokens] == row.tokens
    assert len(added) <= 1


def test_one_cause_is_one_finding_with_its_lines(tmp_path: Path) -> None:
    checked, *_ = look_at(tmp_path, PLAIN, *[SYSTEM] * 30, model={"family": "gemma-1"})
    reason = "the model's chat template refuses it: no system messages"
    lines = "lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ..."
    assert told(checked) == [("template-refuses-row", 2, f"{reason} (30 rows: {lines})")]
    [found] = [each for each in checked.findings if each.id == "template-refuses-row"]
    assert found.path == ("messages", 0)
    row = json.dumps({"messages": SYSTEM})
    assert found.span.source.byte == len(json.dumps({"messages": PLAIN})) + 1 + row.index("{", 1)


def test_the_message_at_fault_is_found(tmp_path: Path) -> None:
    row = [*PLAIN, *PLAIN, PLAIN[0], PLAIN[0], PLAIN[1]]
    checked, *_ = look_at(tmp_path, row, model={"family": "gemma-3"})
    assert [(each.id, each.path) for each in checked.findings] == [("template-refuses-row", ("messages", 5))]


def test_nothing_is_trained_on_has_one_finding_with_its_cause(tmp_path: Path) -> None:
    silent = [PLAIN[0], {**PLAIN[1], "weight": 0}]
    blank = [PLAIN[0], {**PLAIN[1], "content": " "}]
    late = [{"role": "user", "content": "a" * 300}, PLAIN[1]]
    rows = [CALLING, silent, blank, PLAIN[:1], late]
    checked, look, path = look_at(tmp_path, *rows, model={"family": "llama-3"}, sequence_length=100)
    said = {line: (id, message) for id, line, message in told(checked)}
    assert len(told(checked)) == len(rows)
    assert said[1][0] == said[2][0] == said[5][0] == "nothing-trained"
    assert "does not render the tool calls" in said[1][1]
    assert "each answer has `weight: 0`" in said[2][1]
    assert (said[3][0], said[4][0]) == ("blank-assistant", "no-assistant-message")
    assert "`sequence_length` is 100" in said[5][1]
    assert look.tally(path).trained == 0


def test_a_cut_answer_says_how_many_tokens_are_needed(tmp_path: Path) -> None:
    rows = [[PLAIN[0], {"role": "assistant", "content": "b" * number}] for number in (1, 100, 200)]
    checked, look, path = look_at(tmp_path, *rows, sequence_length=60)
    longest = look.tally(path).longest
    [found] = checked.findings
    assert (found.id, found.span.line, found.path) == ("answer-cut", 2, ("messages", 1, "content"))
    assert f"the longest row has {longest:,} tokens, and `sequence_length` is 60 (2 rows" in found.message
    assert found.help == f"write `sequence_length = {longest}`"
    checked, *_ = look_at(tmp_path, *rows, sequence_length=longest)
    assert not checked.findings


def test_an_answer_that_ends_at_the_limit_is_whole(tmp_path: Path) -> None:
    _, look, path = look_at(tmp_path, PLAIN, model={"family": "phi-4"})
    length = look.tally(path).tokens
    for limit, ids in ((length, []), (length - 1, ["answer-cut"])):
        checked, *_ = look_at(tmp_path, PLAIN, model={"family": "phi-4"}, sequence_length=limit)
        assert [found.id for found in checked.findings] == ids


def test_an_answer_without_an_end_is_found(tmp_path: Path) -> None:
    checked, *_ = look_at(tmp_path, [*PLAIN, *PLAIN], model={"family": "alpaca"})
    [found] = [each for each in checked.findings if each.id != "padding-is-end"]
    assert (found.id, found.path) == ("end-token-not-trained", ("messages", 1, "content"))


def test_two_beginnings_are_found_and_their_cause_is_named(tmp_path: Path) -> None:
    bos = "<|begin_of_text|>"
    model = {"family": "llama-3", "bos_token": bos}
    checked, *_ = look_at(tmp_path, PLAIN, model=model)
    assert not checked.findings
    twice = "{{- bos_token }}{{- bos_token }}" + TEMPLATE
    checked, *_ = look_at(tmp_path, PLAIN, model={**model, "template": twice})
    assert [found.id for found in checked.findings if found.id == "double-bos"]
    assert "because the model's chat template writes it twice" in str(told(checked))


def test_a_padding_token_that_ends_answers_is_a_note(tmp_path: Path) -> None:
    checked, *_ = look_at(tmp_path, PLAIN, PLAIN, model={"pad_token": "<|im_end|>"})
    assert ("padding-is-end", 1) in [(id, line) for id, line, _ in told(checked)]


def test_lost_parts_are_notes_and_lost_answers_warnings(tmp_path: Path) -> None:
    thinking = [PLAIN[0], {**PLAIN[1], "reasoning_content": "hm"}]
    result = {"role": "tool", "tool_call_id": "x", "content": "1"}
    checked, *_ = look_at(tmp_path, thinking, [*CALLING, result, PLAIN[1]], model={"family": "llama-3"})
    assert [(found.id, found.severity) for found in checked.findings] == [
        ("part-left-out", "note"),
        ("answer-left-out", "warning"),
    ]


def test_marked_answers_are_those_of_the_template(tmp_path: Path) -> None:
    model = {"family": "qwen-3, training"}
    _, look, path = look_at(tmp_path, [*PLAIN, *PLAIN], model=model, lines=frozenset([1]))
    [row] = look.tally(path).shown
    trained = ["".join(piece.text for piece in run) for state, run in row.runs() if state == "trained"]
    assert trained == ["b<|im_end|>\n", "b<|im_end|>\n"]


def test_processes_do_not_change_what_is_found(tmp_path: Path) -> None:
    rows = [[{"role": "user", "content": str(at)}, PLAIN[1]] for at in range(3000)]
    rows[100] = rows[2900] = SYSTEM
    bounds = Bounds(chunk=10_000, alone=1)
    made = []
    for jobs in (1, 3):
        checked, look, path = look_at(
            tmp_path, *rows, model={"family": "gemma-1"}, jobs=jobs, bounds=bounds, lines=frozenset([5, 2901])
        )
        tally = look.tally(path)
        made.append((told(checked), tally.tokens, tally.trained, [row.line for row in tally.shown]))
    assert made[0] == made[1]
    assert made[0][3] == [5, 2901]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("tokenizer.json", '{"version": ', "cannot be loaded"),
        ("tokenizer.json", "[]", "cannot be loaded"),
        ("tokenizer_config.json", "{", "cannot be loaded"),
        ("config.json", '{"model_type": "no-such-model"}', "cannot be loaded"),
        ("config.json", "\0\0", "cannot be loaded"),
        ("chat_template.jinja", "", "has no chat template"),
    ],
)
def test_a_damaged_model_is_refused(file: str, text: str, said: str, tmp_path: Path) -> None:
    folder = write_chat_model(tmp_path / "model")
    (folder / file).write_text(text)
    with pytest.raises(FailedError, match=said):
        Reading("model", BaseModel(str(folder), None)).load()


def test_a_broken_template_is_found_before_any_row(tmp_path: Path) -> None:
    folder = write_chat_model(tmp_path / "model")
    (folder / "chat_template.jinja").write_text("{% for %}")
    with pytest.raises(UnspeakableError, match="the model's chat template is broken"):
        ModelLook(Reading("model", BaseModel(str(folder), None))).check_model()


def test_a_tokenizer_without_offsets_is_refused(tmp_path: Path) -> None:
    words = ByT5Tokenizer(chat_template=TEMPLATE)
    words.save_pretrained(tmp_path / "model")
    config = {"model_type": "t5", "vocab_size": len(words)}
    (tmp_path / "model/config.json").write_text(json.dumps(config))
    folder = tmp_path / "model"
    with pytest.raises(FailedError, match="does not say where its tokens are"):
        Reading("model", BaseModel(str(folder), None)).load()


def test_several_named_templates_are_chosen_as_the_trainer_does(tmp_path: Path) -> None:
    folder = write_chat_model(tmp_path / "model")
    words = tokenizer(FAMILIES["chatml"])
    words.chat_template = {"default": TEMPLATE, "tool_use": "{{ raise_exception('tools') }}"}
    words.save_pretrained(folder)
    path = tmp_path / "rows.jsonl"
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    rows = [{"messages": PLAIN}, {"messages": PLAIN, "tools": [tool]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    look = ModelLook(Reading("model", BaseModel(str(folder), None)))
    look.check_model()
    [checked] = check_files([str(path)], CheckOptions(second=look))
    assert [(each.id, each.span.line) for each in checked.findings] == [("template-refuses-row", 2)]
