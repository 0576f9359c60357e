"""Conversations with a trained model, and answered files."""

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from transformers import AutoTokenizer

from sftc.training.answer_file import answer_questions, read_questions
from sftc.training.chat import Chat
from sftc.training.conversation import UnspeakableError
from sftc.training.inference import Pieces, TrainedModel
from sftc.training.trained_tokenizer import TooLongError, TrainedTokenizer
from support.training_jobs import Bench, settings

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def tokenizer(models: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedTokenizer:
    """Return the tokenizer of a model that has learnt to answer sums."""
    job = settings(hyperparameters={"n_epochs": 5})
    return TrainedTokenizer(Bench(tmp_path_factory.mktemp("chat") / "job", models, job).train())


@pytest.fixture(scope="module")
def model(tokenizer: TrainedTokenizer) -> TrainedModel:
    """Return the model."""
    return TrainedModel(tokenizer)


class Voice:
    """Collects the pieces of an answer."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def __call__(self, text: str) -> None:
        self.pieces.append(text)

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def test_the_conversation_continues_with_the_answers_of_the_trained_model(
    model: TrainedModel, tokenizer: TrainedTokenizer
) -> None:
    chat, base, first, second = Chat(tokenizer, 12, "Add."), Voice(), Voice(), Voice()
    chat.ask("3 + 4?")
    chat.answer_of_base(model, base)
    chat.answer(model, first)
    chat.ask("1 + 1?")
    chat.answer(model, second)
    said: list[dict[str, Any]] = [{"role": "system", "content": "Add."}, user("3 + 4?")]
    assert first.text == model.answer(tokenizer.encode({"messages": said}), 12)
    assert base.text == model.answer(tokenizer.encode({"messages": said}), 12, of_base=True) != first.text
    said += [{"role": "assistant", "content": first.text}, user("1 + 1?")]
    assert second.text == model.answer(tokenizer.encode({"messages": said}), 12)
    chat.begin("")
    chat.ask("3 + 4?")
    chat.answer(model, again := Voice())
    assert again.text == model.answer(tokenizer.encode({"messages": [user("3 + 4?")]}), 12)


def test_an_answer_comes_in_pieces(models: Path) -> None:
    voice, tokenizer = Voice(), AutoTokenizer.from_pretrained(models / "tiny")
    pieces: Any = Pieces(tokenizer, voice)
    pieces.put(torch.tensor([[1, 2, 3]]))  # the question
    for token in tokenizer("  Grüße, 世界: one\ntwo")["input_ids"]:
        pieces.put(torch.tensor([token]))
    pieces.end()
    assert "".join(voice.pieces) == "Grüße, 世界: one\ntwo"
    assert len(voice.pieces) > 5
    assert not any("\ufffd" in piece for piece in voice.pieces)  # no half characters


def test_a_question_that_was_not_answered_is_not_a_part_of_the_conversation(
    model: TrainedModel, tokenizer: TrainedTokenizer
) -> None:
    def interrupts(text: str) -> None:
        raise KeyboardInterrupt

    chat, plain = Chat(tokenizer, 8), Voice()
    chat.ask("5 + 1?")
    with pytest.raises(KeyboardInterrupt):
        chat.answer(model, interrupts)
    with pytest.raises(TooLongError, match=r"has 5\d\d tokens, and the model reads 256, its answer included"):
        chat.ask("long " * 100)
    chat.ask("3 + 4?")
    chat.answer(model, plain)
    assert plain.text == model.answer(tokenizer.encode({"messages": [user("3 + 4?")]}), 8)


def test_an_answer_ends_where_the_model_ends_to_read(
    model: TrainedModel, tokenizer: TrainedTokenizer
) -> None:
    question = tokenizer.encode({"messages": [user("a" * 200)]})
    answer = model.answer(question, 10_000, of_base=True)
    assert len(answer) <= 256 - len(question)


TOOL = {"name": "add", "parameters": {"type": "object", "properties": {}}}
ROWS: list[dict[str, Any]] = [
    {"messages": [user("3 + 4?"), {"role": "assistant", "content": "seven"}], "id": 1},
    {"messages": [{"role": "system", "content": "Add."}, user("1 + 1?")], "tools": [TOOL]},
]


def lines(*rows: Any) -> bytes:
    return b"\n".join(orjson.dumps(row) for row in rows) + b"\n"


def test_rows_of_a_file_are_answered(
    model: TrainedModel, tokenizer: TrainedTokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "prompts.jsonl.gz"
    path.write_bytes(gzip.compress(lines(*ROWS)))
    questions, errors = read_questions(str(path), tokenizer)
    assert not errors
    one, two = map(json.loads, answer_questions(questions, model, 8, with_base=True))
    asked = ROWS[0]["messages"][:1]
    made = model.answer(tokenizer.encode({"messages": asked}), 8)
    assert one == {
        "id": 1,
        "messages": [*asked, {"role": "assistant", "content": made}],
        "expected": "seven",
        "base": model.answer(tokenizer.encode({"messages": asked}), 8, of_base=True),
    }
    assert two["messages"][:2] == ROWS[1]["messages"]
    assert two["tools"] == [TOOL]
    assert "expected" not in two
    [row] = map(json.loads, answer_questions(questions[:1], model, 8, with_base=False))
    assert "base" not in row


def test_rows_that_cannot_be_asked_are_errors(
    model: TrainedModel, tokenizer: TrainedTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(b'{"messages": []}\n{"messages"\n' + lines(ROWS[0], {"messages": [user("long " * 60)]}))
    questions, errors = read_questions(str(path), tokenizer)
    assert [(each.id, each.span.line) for each in errors] == [
        ("row-shape", 1),
        ("row-not-json", 2),
        ("no-room-for-answer", 4),
    ]
    assert len(questions) == 1

    def refuses(row: object) -> list[int]:
        raise UnspeakableError("the model's chat template refuses it: no")

    monkeypatch.setattr(tokenizer, "encode", refuses)
    path.write_bytes(lines(ROWS[0]))
    [error] = read_questions(str(path), tokenizer)[1]
    assert (error.id, error.message) == ("template-refuses-row", "the model's chat template refuses it: no")


def test_a_file_that_is_missing_is_an_error(tokenizer: TrainedTokenizer, tmp_path: Path) -> None:
    assert [each.id for each in read_questions(str(tmp_path / "none.jsonl"), tokenizer)[1]] == [
        "unreadable-data"
    ]
