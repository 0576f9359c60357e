"""`sftc train` tries the chat template of a model that is on this machine before anything is sent."""

import json
from pathlib import Path

import pytest

from sftc.training.check_rows import refusals
from support import tiny_model
from support.chat_templates import FAMILIES, tokenizer
from support.program import Program
from support.training_files import GOOD

CONFIG = '[job]\nmodel = "strict"\ndata = "good.jsonl"\n\n[compute]\ngpu_type = "CPU"\n'
SYSTEM = [{"role": "system", "content": "s"}, *json.loads(GOOD.splitlines()[0])["messages"]]
ROW = json.dumps({"messages": SYSTEM}) + "\n"
TRAIN = ("train", "--type", "sft", "--config", "job.toml", "--backend", "local", "--models-dir", "models")
REASON = "the model's chat template refuses it: no system messages"


@pytest.mark.slow
@pytest.mark.measured
def test_a_refused_row_is_named_before_anything_is_sent(own_folder: Path, sftc_program: str) -> None:
    tiny_model.write(own_folder / "models/strict")
    tokenizer(FAMILIES["gemma-1"]).save_pretrained("models/strict")
    config = Path("models/strict/config.json")
    config.write_text(
        json.dumps(json.loads(config.read_text()) | {"vocab_size": 1024})
    )  # as many as the words
    Path("job.toml").write_text(CONFIG)
    Path("good.jsonl").write_text(GOOD + "\n" + ROW * 12)
    sftc = Program(sftc_program)
    code, out, said = sftc(*TRAIN)
    assert (code, out) == (1, "")
    assert f"good.jsonl:12: {REASON}\n" in said
    assert "and 2 more\n" in said
    assert said.endswith("sftc: nothing was sent (--no-preflight sends it)\n")
    assert sftc("jobs", "list", "--backend", "local")[1] == "no jobs\n"


def test_only_the_rows_that_the_template_refuses_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(GOOD + ROW + "\n" + GOOD + ROW)
    strict, mild = (tokenizer(FAMILIES[family]) for family in ("gemma-1", "gemma-3"))
    assert [*refusals(path, strict)] == [f"11: {REASON}", f"23: {REASON}"]
    assert not [*refusals(path, mild)]
