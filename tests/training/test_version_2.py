"""Every key of version 2 has an effect, which is read back from what was trained."""

import json
import math
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from sftc.service.executor import FailedError
from sftc.training.tokens import TokenRows
from support.training_jobs import Bench, Told, contents, settings, token_loss

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

WHOLE: dict[str, dict[str, Any]] = {
    "job": {"name": "sums-1"},
    "tags": {"team": "a: b", "note": 'quoted "words"'},
    "training.lora": {
        "r": 4,
        "alpha": 6,
        "dropout": 0.25,
        "target_modules": ["q_proj", "down_proj"],
        "modules_to_save": ["lm_head"],
        "rslora": True,
    },
    "training.checkpoints": {"every_steps": 2, "keep": 3},
    "training.validation": {"eval_steps": 100},
    "hyperparameters": {
        "max_steps": 11,
        "optimizer": "adamw",
        "adam_beta1": 0.8,
        "adam_beta2": 0.95,
        "adam_epsilon": 1e-6,
        "weight_decay": 0.02,
        "lr_scheduler": "cosine",
        "min_lr_ratio": 0.1,
        "warmup_steps": 4,
        "seed": 7,
    },
}


class Trained:
    """A trained job: its folder, its model and what it reported."""

    def __init__(self, folder: Path, models: Path, rows: int = 0, /, **sections: dict[str, Any]) -> None:
        self.told = Told()
        self.folder = folder
        self.bench = Bench(folder, models, settings(**sections), validation=rows)
        self.model = self.bench.train(self.told)

    def steps(self, metric: str) -> list[float]:
        points = self.told.metrics[metric]
        assert [*points] == [*range(1, len(points) + 1)]
        return [*points.values()]

    def checkpoint(self, step: int) -> dict[str, torch.Tensor]:
        return load_file(self.folder / f"checkpoint-{step}/adapter_model.safetensors")

    def groups(self, step: int) -> list[dict[str, Any]]:
        groups: list[dict[str, Any]] = self._optimizer(step)["param_groups"]
        return groups

    def states(self, step: int) -> list[dict[str, Any]]:
        return [*self._optimizer(step)["state"].values()]

    def _optimizer(self, step: int) -> dict[str, Any]:
        found: dict[str, Any] = torch.load(self.folder / f"checkpoint-{step}/optimizer.pt", weights_only=True)
        return found


@pytest.fixture(scope="module")
def whole(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Return a job that sets most keys of version 2."""
    return Trained(tmp_path_factory.mktemp("whole") / "job", models, 9, **WHOLE)


def test_the_adapter_is_that_of_the_config(whole: Trained) -> None:
    config = json.loads((whole.model / "adapter_config.json").read_bytes())
    expected = {"r": 4, "lora_alpha": 6, "lora_dropout": 0.25, "use_rslora": True, "use_dora": False}
    assert {name: config[name] for name in expected} == expected
    assert {*config["target_modules"]} == {"q_proj", "down_proj"}
    weights = load_file(whole.model / "adapter_model.safetensors")
    layers = {name.split(".")[-3] for name in weights if ".lora_" in name}
    assert layers == {"q_proj", "down_proj"}
    assert {name for name in weights if ".lora_" not in name} == {"base_model.model.lm_head.weight"}
    assert {each.shape[0] for name, each in weights.items() if "lora_A" in name} == {4}


def test_the_adapter_has_the_measured_loss_in_plain_peft(whole: Trained, models: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(models / "tiny")
    loaded = PeftModel.from_pretrained(base, whole.model)
    truth = token_loss(loaded, TokenRows(whole.folder / "validation"))
    assert whole.told.metrics["val.loss"] == {11: pytest.approx(truth, rel=1e-5)}


def test_a_layer_that_is_trained_whole_changes(whole: Trained, models: Path) -> None:
    [head] = [each for name, each in whole.checkpoint(11).items() if "lm_head" in name]
    base = load_file(models / "tiny/model.safetensors")["model.embed_tokens.weight"]  # they are tied
    assert head.shape == base.shape
    assert not torch.equal(head, base)


def test_only_the_layers_of_that_name_are_trained_whole(models: Path, tmp_path: Path) -> None:
    lora: dict[str, Any] = {
        "target_modules": ["q_proj"],
        "modules_to_save": ["norm"],
    }  # not `q_norm`, not `input_layernorm`
    trained = Trained(tmp_path / "job", models, hyperparameters={"max_steps": 1}, **{"training.lora": lora})
    saved = {name for name in load_file(trained.model / "adapter_model.safetensors") if "lora" not in name}
    assert saved == {"base_model.model.model.norm.weight"}


@pytest.mark.parametrize("mode", ["lora", "qlora"])
def test_dora_trains_magnitudes(models: Path, tmp_path: Path, mode: str) -> None:
    sections: dict[str, dict[str, Any]] = {
        "training": {"mode": mode},
        "training.lora": {"dora": True},
        "hyperparameters": {"max_steps": 2},
    }
    trained = Trained(tmp_path / "job", models, **sections)
    assert json.loads((trained.model / "adapter_config.json").read_bytes())["use_dora"] is True
    names = load_file(trained.model / "adapter_model.safetensors")
    assert any("lora_magnitude_vector" in name for name in names)


def test_max_steps_ends_the_run(whole: Trained) -> None:
    assert len(whole.steps("train.loss")) == 11


def test_checkpoints_are_written_and_kept_as_configured(whole: Trained) -> None:
    assert {path.name for path in whole.folder.glob("checkpoint-*")} == {
        "checkpoint-8",
        "checkpoint-10",
        "checkpoint-11",
    }
    assert whole.told.messages("checkpoint") == [f"saved after step {at}" for at in (2, 4, 6, 8, 10, 11)]


def test_the_optimizer_has_the_configured_values(whole: Trained) -> None:
    groups = whole.groups(11)
    assert {group["betas"] for group in groups} == {(0.8, 0.95)}
    assert {group["eps"] for group in groups} == {1e-6}
    assert [group["weight_decay"] for group in groups if group["params"]] == [0.02]
    assert all({"exp_avg", "exp_avg_sq"} <= state.keys() for state in whole.states(11))


def test_the_rate_rises_and_falls_to_its_floor_along_a_cosine(whole: Trained) -> None:
    floor = [0.1 + 0.9 * (1 + math.cos(math.pi * at / 7)) / 2 for at in range(7)]
    expected = [5e-3 * share for share in (0.25, 0.5, 0.75, 1, *floor)]
    assert whole.steps("train.learning_rate") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("hyperparameters", "shares"),
    [
        ({"warmup_ratio": 0.5, "max_steps": 4}, [1 / 2, 1, 1, 1 / 2]),
        ({"lr_scheduler": "constant", "warmup_steps": 2, "max_steps": 4}, [1 / 2, 1, 1, 1]),
        ({"min_lr_ratio": 0.5, "max_steps": 4}, [1, 7 / 8, 6 / 8, 5 / 8]),
    ],
)
def test_the_rate_follows_the_configured_schedule(
    models: Path, tmp_path: Path, hyperparameters: dict[str, Any], shares: list[float]
) -> None:
    trained = Trained(tmp_path / "job", models, hyperparameters=hyperparameters)
    assert trained.steps("train.learning_rate") == pytest.approx([5e-3 * share for share in shares])


def test_gradients_are_clipped_to_the_configured_norm(models: Path, tmp_path: Path) -> None:
    plain = {"optimizer": "sgd", "max_steps": 1}
    clipped, whole = (
        Trained(tmp_path / str(norm), models, hyperparameters=plain | {"max_grad_norm": norm})
        for norm in (0.25, 0)
    )
    norm = clipped.told.metrics["train.grad_norm"][1]
    assert norm > 1
    # In the first step, only the matrices B have gradients, and they are 0 before it.
    for trained, expected in ((clipped, 0.25), (whole, norm)):
        weights = [each for name, each in trained.checkpoint(1).items() if "lora_B" in name]
        moved = math.sqrt(sum(each.square().sum().item() for each in weights))
        assert moved == pytest.approx(5e-3 * expected, rel=1e-3)
        assert not trained.states(1)


@pytest.mark.parametrize(
    ("optimizer", "state"),
    [
        pytest.param(
            "adamw_8bit",
            {"state1", "state2", "absmax1"},
            marks=pytest.mark.skipif(not find_spec("bitsandbytes"), reason="it needs sftc[qlora]"),
        ),
        ("adafactor", {"exp_avg_sq_row", "exp_avg_sq_col"}),
    ],
)
def test_the_optimizer_is_the_configured_one(
    models: Path, tmp_path: Path, optimizer: str, state: set[str]
) -> None:
    options = {"optimizer": optimizer, "max_steps": 2, "weight_decay": 0.5, "adam_beta1": 0.8}
    trained = Trained(tmp_path / "job", models, hyperparameters=options, **{"training.lora": {"r": 128}})
    states = [each.get("__bnb_optimizer_quant_state__", each) for each in trained.states(2)]
    large = [each for each in states if state <= each.keys()]
    assert large
    if optimizer == "adamw_8bit":
        assert {each["state1"].dtype for each in large} == {torch.uint8}
        assert {group["betas"][0] for group in trained.groups(2)} == {0.8}
    assert trained.groups(2)[0]["weight_decay"] == 0.5


def test_weight_decay_is_decoupled(models: Path, tmp_path: Path) -> None:
    rate, decay = 5e-3, 10.0
    options = {"optimizer": "sgd", "lr_scheduler": "constant", "max_steps": 2, "weight_decay": decay}
    frozen = {"max_grad_norm": 1e-12}
    trained = Trained(
        tmp_path / "job",
        models,
        hyperparameters=options | frozen,
        **{"training.checkpoints": {"every_steps": 1}},
    )
    before, after = trained.checkpoint(1), trained.checkpoint(2)
    [name, *_] = [name for name in before if "lora_A" in name]
    assert torch.allclose(after[name], before[name] * (1 - rate * decay), atol=1e-6)


def test_the_seed_decides_the_order_of_the_rows_and_the_first_weights(
    whole: Trained, models: Path, tmp_path: Path
) -> None:
    same = Trained(tmp_path / "same", models, 9, **WHOLE)
    assert contents(same.model) == contents(whole.model)
    other = {**WHOLE, "hyperparameters": {**WHOLE["hyperparameters"], "seed": 8, "max_steps": 2}}
    different = Trained(tmp_path / "different", models, 9, **other)
    # In the first step, the adapter changes nothing yet: the loss is that of the rows.
    assert different.told.metrics["train.loss"][1] != whole.told.metrics["train.loss"][1]


def test_early_stopping_ends_the_run_when_its_patience_does(models: Path, tmp_path: Path) -> None:
    trained = Trained(
        tmp_path / "job",
        models,
        8,
        hyperparameters={"learning_rate": 1e-6},
        **{
            "training.validation": {
                "eval_steps": 3,
                "early_stopping_patience": 2,
                "early_stopping_min_delta": 0.5,
            }
        },
    )
    assert [*trained.told.metrics["val.loss"]] == [3, 6, 9]
    assert max(trained.told.metrics["train.loss"]) == 9
    assert "- 9 of 24: the run stopped early" in (trained.model / "README.md").read_text()
    assert "early after step 9: no improvement for 2 evaluations" in trained.told.messages("stopped")[0]
    first = contents(trained.model)
    shutil.rmtree(trained.model)  # as if it was killed after the last checkpoint
    assert contents(trained.bench.train()) == first


def test_the_name_and_the_tags_are_on_the_card_and_in_the_name_of_the_model(whole: Trained) -> None:
    assert whole.model.name == "model-sums-1"
    card = (whole.model / "README.md").read_text(encoding="utf-8")
    assert "\n# sums-1\n" in card
    assert '- "team": "a: b"\n' in card


@pytest.mark.parametrize(
    ("lora", "key"),
    [
        ({"target_modules": ["q_proj", "query"]}, "target_modules"),
        ({"target_modules": ["self_attn"]}, "target_modules"),
        ({"target_modules": ["q_proj"], "modules_to_save": ["head"]}, "modules_to_save"),
    ],
)
def test_layers_that_the_model_does_not_have_are_refused(
    models: Path, tmp_path: Path, lora: dict[str, Any], key: str
) -> None:
    with pytest.raises(FailedError, match=rf"`training\.lora\.{key}`: .*"):
        Trained(tmp_path / "job", models, **{"training.lora": lora})


def test_a_refusal_names_the_linear_layers(models: Path, tmp_path: Path) -> None:
    with pytest.raises(FailedError) as refused:
        Trained(tmp_path / "job", models, **{"training.lora": {"target_modules": ["query"]}})
    assert re.search(r"no layer 'query'; its linear layers are down_proj, .*q_proj", str(refused.value))
