"""A randomly initialized Qwen3 model, dense or of experts, and a byte-level tokenizer."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
    set_seed,
)

TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
}


def tokenizer(length: int) -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer with a chat template, for `length` tokens at most."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={each: at for at, each in enumerate([*letters, *SPECIAL])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[0],
        additional_special_tokens=["<|im_start|>"],
        chat_template=TEMPLATE,
        model_max_length=length,
    )


def write(folder: Path, shape: dict[str, int], *, experts: int = 0) -> None:
    """Write a model with the config values in `shape`, and its tokenizer. The weights are reproducible.

    Each layer is a mixture of `experts`, or dense for 0.
    """
    set_seed(0)
    words = tokenizer(shape["max_position_embeddings"])
    whole: dict[str, Any] = {"vocab_size": len(words), **shape}
    if experts:
        whole |= {
            "num_experts": experts,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": shape["intermediate_size"] // 2,
        }
    made: Any = Qwen3MoeConfig if experts else Qwen3Config
    model: Any = Qwen3MoeForCausalLM if experts else Qwen3ForCausalLM
    config = made(
        **whole,
        initializer_range=0.3,
        tie_word_embeddings=True,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        dtype=torch.float32,
    )
    model(config).save_pretrained(folder)
    words.save_pretrained(folder)
