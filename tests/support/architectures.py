"""Tiny models of many architectures, with random weights, and the tokenizer of the tests."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from chance_model import tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, set_seed

_LENGTH: Final = 256
_SHAPE: Final[dict[str, Any]] = {
    "vocab_size": 264,  # of which the tokenizer has 259
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": _LENGTH,
}
_EXPERTS: Final[dict[str, Any]] = {
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}
_GPT: Final[dict[str, Any]] = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": _LENGTH}
_DEEPSEEK: Final[dict[str, Any]] = {
    **_EXPERTS,
    "n_group": 2,
    "topk_group": 1,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "first_k_dense_replace": 1,
    "n_shared_experts": 1,
    "num_key_value_heads": 4,
}
_FEW: Final = ("deepseek_v3", "gemma2", "gpt2", "llama", "mixtral", "qwen3")
"""Architectures of unlike shapes."""

ARCHITECTURES: Final[dict[str, dict[str, Any]]] = {
    "bloom": {"n_layer": 2, "n_head": 4},
    "cohere": {},
    "deepseek_v3": _DEEPSEEK,
    "ernie4_5": {},
    "exaone4": {},
    "falcon": {"head_dim": None},
    "gemma2": {},
    "gemma3_text": {},
    "glm4": {},
    "glm4_moe": {**_EXPERTS, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1},
    "gpt2": _GPT,
    "gpt_neox": {},
    "gpt_oss": _EXPERTS,
    "granite": {},
    "granitemoe": _EXPERTS,
    "hunyuan_v1_dense": {},
    "lfm2": {},
    "llama": {},
    "mamba": {"state_size": 8},
    "mamba2": {"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 1},
    "mistral": {},
    "mixtral": _EXPERTS,
    "nemotron": {},
    "olmo2": {},
    "olmoe": _EXPERTS,
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "phi": {},
    "phi3": {},
    "qwen2": {},
    "qwen2_moe": {**_EXPERTS, "shared_expert_intermediate_size": 32},
    "qwen3": {},
    "qwen3_moe": _EXPERTS,
    "seed_oss": {},
    "smollm3": {},
    "stablelm": {},
    "starcoder2": {},
}
"""What the config of each architecture has beside the common shape; `None` leaves a value out."""


def by_default(names: Iterable[str]) -> list[str]:
    """Return those of `names` that the default run tests: `make test-architectures` tests all of them."""
    return [name for name in names if name in _FEW or os.environ.get("ARCHITECTURES") == "all"]


def shape(name: str) -> dict[str, Any]:
    """Return the values of a tiny config of the architecture called `name`."""
    values = {**_SHAPE, **ARCHITECTURES.get(name, {})}
    return {key: value for key, value in values.items() if value is not None}


def write(name: str, folder: Path) -> None:
    """Write the model called `name` to `folder`. Its weights are reproducible."""
    set_seed(0)
    words = tokenizer(_LENGTH)
    ends = {"eos_token_id": words.eos_token_id, "bos_token_id": 1, "pad_token_id": words.pad_token_id}
    config = AutoConfig.for_model(name, **{**ends, **shape(name)})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words.save_pretrained(folder)
