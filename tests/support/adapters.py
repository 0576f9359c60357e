"""Adapters of small models, as PEFT writes them."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed


def write_adapter(
    base: Path, folder: Path, grown: int = 0, words: tuple[str, ...] = (), **config: Any
) -> Path:
    """Write an adapter of the model in `base` to `folder`, as if it was trained.

    Args:
        base: the folder of the model.
        folder: the new folder.
        grown: the embeddings that the model gets first; 0 for as many as it has.
        words: tokens that the tokenizer gets.
        config: the config of the adapter.
    """
    set_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if grown:
        model.resize_token_embeddings(grown)
    made = get_peft_model(
        model, LoraConfig(**{"r": 4, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **config})
    )
    with torch.no_grad():
        for weight in made.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.05)
    made.save_pretrained(str(folder))
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens([*words])
    tokenizer.save_pretrained(folder)
    return folder
