"""The formulas of activations give what torch saves for the backward pass, in every architecture."""

from typing import Any

import pytest

from sftc.estimate.activations import Rows, kept_bytes
from sftc.estimate.packaged_table import constant
from sftc.estimate.shapes import families, shape_of
from support.architectures import by_default, shape
from support.setups import setup

pytestmark = pytest.mark.filterwarnings("ignore")
torch = pytest.importorskip("torch")

ROWS, TOKENS, RANK = 2, 96, 4
SHAPE = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_attention_heads": 8,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    "eos_token_id": 1,
    "bos_token_id": 1,
    "pad_token_id": 0,
}
OWN: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 64, "n_head": 8, "n_positions": 512},
    "bloom": {"n_head": 8},
    "opt": {"ffn_dim": 160, "word_embed_proj_dim": 64},
}
WITHOUT_WIDTH = ("bloom", "falcon", "gpt2", "gpt_neox", "opt", "phi", "stablelm", "starcoder2")
KINDS = [
    ("full", "fp32", 0.0, False),
    ("full", "bf16", 0.0, False),
    ("lora", "fp32", 0.0, True),
    ("lora", "fp32", 0.05, False),
    ("lora", "bf16", 0.05, False),
    ("lora", "bf16", 0.0, True),
]
EXPERTS = (
    "deepseek_v3",
    "glm4_moe",
    "gpt_oss",
    "granitemoe",
    "mixtral",
    "olmoe",
    "qwen2_moe",
    "qwen3_moe",
)
WITHOUT_DROPOUT = ("deepseek_v3", "glm4_moe", "mixtral", "olmoe", "qwen3_moe")
"""Architectures whose experts PEFT adapts, for which it has no dropout."""

CASES = [
    pytest.param(family, *kind, id=f"{family}, {kind}")
    for family in by_default(families())
    for kind in KINDS
    if not (kind[2] and family in WITHOUT_DROPOUT)
]


def built(family: str, mode: str, precision: str, dropout: float) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    values = {**shape(family), **SHAPE, **OWN.get(family, {})}
    if family in WITHOUT_WIDTH:
        del values["head_dim"]
    if family in EXPERTS:
        values |= {"head_dim": 8, "num_key_value_heads": 8 if family == "deepseek_v3" else 2}
    made = AutoConfig.for_model(family, **values)
    model = AutoModelForCausalLM.from_config(made)
    model = model.to(torch.bfloat16 if (mode, precision) == ("lora", "bf16") else torch.float32)
    model.config.use_cache = False
    if mode == "lora":
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(
            model,
            LoraConfig(r=RANK, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
    return model.train()


def saved(model: Any, precision: str, *, padded: bool) -> int:
    """Return the bytes that the second layer saves in a forward pass, each tensor once, without weights."""
    weights = {each.untyped_storage().data_ptr() for each in model.parameters()}
    found: dict[int, tuple[Any, str]] = {}
    here = [""]

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found.setdefault(storage.data_ptr(), (storage, here[0]))
        return tensor

    for name, module in model.named_modules():
        module.register_forward_pre_hook(lambda *_, name=name: here.__setitem__(0, name))
    tokens = torch.randint(2, SHAPE["vocab_size"], (ROWS, TOKENS))
    mask = torch.ones_like(tokens)
    mask[0, -5:] = 0 if padded else 1
    cast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), cast:
        out = model(input_ids=tokens, labels=tokens, attention_mask=mask)
    del out
    return sum(storage.nbytes() for storage, name in found.values() if ".1." in f"{name}.")


@pytest.mark.slow
@pytest.mark.parametrize(("family", "mode", "precision", "dropout", "padded"), CASES)
def test_the_formula_gives_what_torch_saves(
    family: str, mode: str, precision: str, dropout: float, *, padded: bool
) -> None:
    model = built(family, mode, precision, dropout)
    numbers = shape_of(model.config.to_dict())
    run = setup(mode=mode, rank=RANK, dropout=dropout, precision=precision, per_device=ROWS)
    layer = numbers.layers[1]
    said = kept_bytes(layer, numbers, run, Rows(ROWS, TOKENS, TOKENS, padded), "cpu")
    if (mode, precision) == ("full", "bf16"):
        said += 2 * sum(each.weights for each in layer.linear)  # the casts, which are a part of their own
    measured = saved(model, precision, padded=padded)
    spread = constant("memory", "activations_of_experts" if family in EXPERTS else "activations")
    low, high = numbers.kept or (spread.low, spread.high)
    assert low * said <= measured <= high * said, measured / said
