"""Models of many architectures train, and their adapters are what plain PEFT reads and merges.

By default, one of each shape that needs care; `make test-architectures` tries all of them.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import architectures
from support.architectures import ARCHITECTURES
from support.training_jobs import Bench, Told, settings

pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = {
    "bloom": "no maximum of positions",
    "gpt2": "Conv1D layers",
    "gpt_oss": "experts without an adapter",
    "mamba": "no attention",
    "mixtral": "experts in one tensor",
}
NAMES = [*ARCHITECTURES] if os.environ.get("ARCHITECTURES") == "all" else [*SHAPES]

_CHECK = """
import json, sys
from pathlib import Path
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from sftc.training.tokens import TokenRows
from support.training_jobs import token_loss
root, *names = map(Path, sys.argv[1:])
found = {}
for name in map(str, names):
    base = AutoModelForCausalLM.from_pretrained(root / "models" / name)
    model = PeftModel.from_pretrained(base, root / name / "model").eval()
    rows = TokenRows(root / name / "validation")
    loss = token_loss(model, rows)
    ids = rows[0]["input_ids"][None]
    with torch.no_grad():
        before = model(input_ids=ids).logits
        merged = model.merge_and_unload()
        after = merged(input_ids=ids).logits
    found[name] = [loss, float((before - after).abs().max()), float(before.abs().max())]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("architectures")


@pytest.fixture(scope="module")
def told(root: Path) -> dict[str, Told]:
    """Return what each architecture's job reported."""
    made: dict[str, Told] = {}
    for name in NAMES:
        architectures.write(name, root / "models" / name)
        evaluates = {"evaluation_strategy": "steps", "eval_steps": 12}
        job = settings(hyperparameters={"max_steps": 12}, **{"training.validation": evaluates})
        made[name] = Told()
        Bench(root / name, root / "models", {**job, "model": name}, validation=4).train(made[name])
    return made


@pytest.fixture(scope="module")
def plain(root: Path, told: dict[str, Told]) -> dict[str, Any]:
    """Return what another process finds with plain PEFT: the loss, and the difference of merged weights."""
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", _CHECK, root, *told],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_architecture_learns_and_is_read_by_plain_peft(
    name: str, told: dict[str, Told], plain: dict[str, Any]
) -> None:
    losses = [*told[name].metrics["train.loss"].values()]
    assert losses[-1] < losses[0]
    loss, difference, size = plain[name]
    assert told[name].metrics["val.loss"][12] == pytest.approx(loss, rel=1e-4)
    assert difference < 1e-3 * size
    assert told[name].messages("warning") == []
    assert sum(told[name].data("adapter")["adapted"].values()) > 1


def test_experts_of_one_tensor_are_trained_without_dropout_and_said_so(told: dict[str, Told]) -> None:
    [deviation] = told["mixtral"].messages("deviation")[-1:]
    assert deviation == (
        "`training.lora.dropout`: the experts of this model are one tensor, for which PEFT has no dropout; "
        "trained with 0"
    )
    assert {"gate_up_proj", "down_proj"} <= told["mixtral"].data("adapter")["adapted"].keys()


def test_layers_without_an_adapter_are_reported(told: dict[str, Told]) -> None:
    assert {"gate_up_proj", "down_proj", "lm_head"} <= told["gpt_oss"].data("adapter")["others"].keys()
    assert "lm_head" in told["gpt2"].data("adapter")["others"]
    assert "out_proj" in told["mamba"].data("adapter")["others"]


def test_a_dropout_that_the_config_asks_for_is_refused_by_name(root: Path, told: dict[str, Told]) -> None:
    from sftc.service.executor import FailedError

    assert told
    job = settings(**{"training.lora": {"dropout": 0.1}})
    bench = Bench(root / "refused", root / "models", {**job, "model": "mixtral"}, substitutes=False)
    with pytest.raises(FailedError, match=r"`training.lora.dropout`: it is 0.1, but .*; set it to 0"):
        bench.train(Told())


def test_the_docs_list_the_architectures_that_are_tested() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/train-locally.md").read_text(encoding="utf-8")
    listed = page.partition("## Which models\n")[2].partition(".\n\n")[0].partition("weights:")[2]
    assert re.findall(r"`(\w+)`", listed) == [*ARCHITECTURES]
