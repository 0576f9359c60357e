"""Shapes from config.json are those that transformers builds, for every architecture in the table."""

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest

from sftc.estimate.shapes import UnknownShapeError, families, shape_of
from support.architectures import ARCHITECTURES, by_default, shape

pytestmark = pytest.mark.filterwarnings("ignore")

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "tied": {"tie_word_embeddings": True},
    "not tied": {"tie_word_embeddings": False},
    "biases": {"attention_bias": True, "mlp_bias": True, "use_bias": True, "use_qkv_bias": True},
    "wide heads": {"head_dim": 16, "num_hidden_layers": 3},
}


def built(family: str, more: dict[str, Any]) -> Any:
    torch = pytest.importorskip("torch")
    from transformers import AutoConfig, AutoModelForCausalLM

    values = {**shape(family), "eos_token_id": 1, "bos_token_id": 1, "pad_token_id": 0, **more}
    config = AutoConfig.for_model(family, **values)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def cases() -> list[Any]:
    return [
        pytest.param(family, more, id=f"{family}, {name}")
        for family in by_default(families())
        for name, more in VARIANTS.items()
        if (family, name) != ("falcon", "wide heads")  # its heads have one width
    ]


@pytest.mark.parametrize(("family", "more"), cases())
def test_parameters_are_those_of_transformers(family: str, more: dict[str, Any]) -> None:
    model = built(family, more)
    assert shape_of(model.config.to_dict()).parameters == sum(each.numel() for each in model.parameters())


@pytest.mark.parametrize("family", by_default(families()))
def test_linear_layers_are_those_of_transformers(family: str) -> None:
    model = built(family, {})
    linear = {
        name: tuple(sorted(module.weight.shape))
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "FalconLinear", "Conv1D") and "lm_head" not in name
    }
    found = [
        (each.name.rpartition(".")[2], tuple(sorted((each.inputs, each.outputs))))
        for each in shape_of(model.config.to_dict()).linear
        if not each.experts
    ]
    assert sorted(found) == sorted((name.rpartition(".")[2], size) for name, size in linear.items())


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3_moe"])
def test_parameters_are_those_of_a_file(family: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from safetensors import safe_open

    from support import architectures

    architectures.write(family, tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        sizes = [prod(file.get_slice(name).get_shape()) for name in file.keys()]  # noqa: SIM118  no mapping
    config = json.loads((tmp_path / "config.json").read_bytes())
    assert shape_of(config).parameters == sum(sizes)


def test_there_are_at_least_15_architectures() -> None:
    assert len(families()) >= 15
    assert set(families()) - set(ARCHITECTURES) == {"gemma"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "mamba"}, "no architecture 'mamba'"),
        ({}, "no architecture None"),
        ({"model_type": "llama"}, "does not say `num_hidden_layers`"),
        ({"model_type": "llama", "num_hidden_layers": "2"}, "which is not a count"),
        ({"model_type": "cohere", "use_qk_norm": True}, "no cohere with `use_qk_norm = True`"),
    ],
)
def test_what_the_table_does_not_know_is_refused(config: dict[str, Any], words: str) -> None:
    with pytest.raises(UnknownShapeError, match=words):
        shape_of(config)
