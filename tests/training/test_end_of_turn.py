"""A trained model ends its answers, also if the end of turn is not the end token of its base."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from sftc.training.artifacts import set_end_of_turn
from sftc.training.inference import TrainedModel
from sftc.training.trained_tokenizer import TrainedTokenizer
from support.training_jobs import Bench, payload

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

TURN, TEXT = "<|im_end|>", "<|endoftext|>"


def test_the_trained_model_stops_at_the_end_of_turn_of_the_template(tmp_path: Path, models: Path) -> None:
    base = tmp_path / "models/tiny"
    shutil.copytree(models / "tiny", base)
    words = AutoTokenizer.from_pretrained(base)
    turn, text = (words.get_vocab()[each] for each in (TURN, TEXT))
    words.eos_token = TEXT
    words.save_pretrained(base)
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": text, "top_k": 7}))
    model = Bench(tmp_path / "job", base.parent, payload(n_epochs=5)).train()
    assert json.loads((model / "generation_config.json").read_bytes()) == {
        "eos_token_id": [turn, text],
        "top_k": 7,
    }
    assert AutoTokenizer.from_pretrained(model).eos_token == TURN
    tokenizer = TrainedTokenizer(model)
    trained = TrainedModel(tokenizer)
    answer = trained.answer(tokenizer.encode({"messages": [{"role": "user", "content": "1 + 1?"}]}), 60)
    assert len(answer) < 10
    assert json.loads((base / "generation_config.json").read_bytes())["eos_token_id"] == text


def test_a_template_that_prints_the_end_token_keeps_it(tmp_path: Path, models: Path) -> None:
    words = AutoTokenizer.from_pretrained(models / "tiny")
    words.chat_template = "{{ eos_token }}"
    other = words.get_vocab()[TEXT]
    set_end_of_turn(tmp_path, models / "tiny", words, [other])
    assert words.eos_token == TURN
    stops = json.loads((tmp_path / "generation_config.json").read_bytes())["eos_token_id"]
    assert stops == [other, words.eos_token_id]


def test_without_a_known_end_nothing_changes(tmp_path: Path, models: Path) -> None:
    set_end_of_turn(tmp_path, tmp_path, AutoTokenizer.from_pretrained(models / "tiny"), [])
    assert not [*tmp_path.iterdir()]
