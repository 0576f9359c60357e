"""What is trained: adapters as PEFT makes them, all weights as transformers has them."""

from typing import Any

import pytest

from sftc.estimate.optimizers import state_bytes, step_bytes
from sftc.estimate.shapes import families, shape_of
from sftc.estimate.training_setup import TrainingSetup
from sftc.estimate.weights import Trained, base_bytes, trained_in_layer, trained_outside
from support.architectures import by_default
from support.architectures import shape as tiny
from support.setups import qwen, setup

pytestmark = pytest.mark.filterwarnings("ignore")
RANK = 3


def trained(shape: Any, run: TrainingSetup) -> int:
    inside = (each for at in range(len(shape.layers)) for each in trained_in_layer(shape, run, at))
    return sum(each.numbers for each in (*inside, *trained_outside(shape, run)))


@pytest.mark.slow
@pytest.mark.parametrize("family", by_default(families()))
def test_an_adapter_has_the_weights_that_peft_gives_it(family: str) -> None:
    torch = pytest.importorskip("torch")
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    ends = {"eos_token_id": 1, "bos_token_id": 1, "pad_token_id": 0, "num_hidden_layers": 3}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **{**tiny(family), **ends}))
        numbers = model.config.to_dict()
        lora = LoraConfig(r=RANK, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        adapted = get_peft_model(model, lora)
    wanted = sum(each.numel() for each in adapted.parameters() if each.requires_grad)
    assert trained(shape_of(numbers), setup(rank=RANK)) == wanted


@pytest.mark.parametrize("family", families())
def test_all_weights_are_the_parameters_of_the_model(family: str) -> None:
    values = {"n_shared_experts": 1, **tiny(family)}
    shape = shape_of({"model_type": family, **values})
    assert trained(shape, setup(mode="full")) == shape.parameters - shape.head_bias


def test_named_layers_are_adapted_or_trained_whole() -> None:
    shape, layers = qwen(), 4
    assert trained(shape, setup(targets=("q_proj",), rank=2)) == layers * 2 * (256 + 256)
    assert trained(shape, setup(targets=("self_attn.v_proj",), rank=2)) == layers * 2 * (256 + 128)
    assert trained(shape, setup(targets=("lm_head",), rank=2)) == 2 * (256 + 32_000)
    assert trained(shape, setup(targets=(), saved=("embed_tokens",))) == 256 * 32_000
    assert trained(shape, setup(targets=(), saved=("down_proj", "norm"))) == layers * 768 * 256 + 256
    assert trained(shape, setup(targets=(), saved=("input_layernorm",))) == layers * 256
    plain, dora = (trained(shape, setup(targets=("q_proj",), rank=2, dora=dora)) for dora in (False, True))
    assert dora - plain == layers * 256


def test_the_base_model_is_in_the_precision_of_the_run() -> None:
    shape = qwen()
    whole = shape.parameters
    linear = sum(each.weights for each in shape.linear)

    def size(**changes: Any) -> float:
        return base_bytes(shape, setup(**changes), whole)

    assert size(mode="full") == 4 * whole
    assert size(mode="full", deepspeed=2) == 2 * whole
    assert size(mode="lora") == 2 * whole
    assert size(mode="lora", precision="fp32") == 4 * whole
    assert 0.515 * linear < size(mode="qlora") - 4 * (whole - linear) < 0.517 * linear


@pytest.mark.parametrize(
    ("optimizer", "wanted"),
    [("adamw", 8e6), ("adamw_8bit", 2.03125e6), ("adafactor", 8e3), ("sgd", 0.0)],
)
def test_an_optimizer_keeps_its_state(optimizer: str, wanted: float) -> None:
    assert state_bytes(optimizer, [Trained(1000, 1000)]) == wanted
    assert state_bytes(optimizer, [Trained(1000, 1000, 3)]) == 3 * wanted
    table = {"adamw_8bit": 8e6}.get(optimizer, wanted)
    assert state_bytes(optimizer, [Trained(1000, 1000, is_table=True)]) == table
    small = {"sgd": 0.0, "adafactor": 400.0}.get(optimizer, 800.0)
    assert state_bytes(optimizer, [Trained(100, 1)]) == small


def test_a_step_takes_copies_of_the_largest_tensor() -> None:
    tensors = [Trained(10, 10), Trained(100, 100, 8)]
    assert step_bytes("adamw", tensors, "cuda") == 0
    assert step_bytes("adafactor", tensors, "cpu") == 2 * 4 * 100 * 100
    assert step_bytes("adafactor", [], "cpu") == 0
