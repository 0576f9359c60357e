"""A small model that the converter of llama.cpp takes: with a tokenizer like that of Llama 2.

It refuses other tokenizers that no released model has.
"""

from pathlib import Path

import torch
from chance_model import TEMPLATE
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

_SPECIAL = ["<unk>", "<s>", "</s>"]
_CHAT = ["<|im_start|>", "<|im_end|>"]


def byte_fallback_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of the kind of Llama 2: bytes, letters, and pieces that letters make."""
    letters = [*"▁abcdefghijklmnopqrstuvwxyz0123456789.?+\n"]
    words = ["an", "he", "▁a", "re", "er"]
    vocab = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *words, *letters]
    merges = [(word[0], word[1]) for word in words]
    made = Tokenizer(
        models.BPE(
            vocab={each: at for at, each in enumerate(vocab)},
            merges=merges,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    made.normalizer = normalizers.Replace(" ", "▁")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens([AddedToken(each, special=True) for each in (*_SPECIAL, *_CHAT)])
    named = dict(zip(("unk_token", "bos_token", "pad_token"), _SPECIAL, strict=True))
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # theirs
        tokenizer_object=made,
        **named,
        eos_token=_CHAT[1],
        chat_template=TEMPLATE,
        add_prefix_space=False,
    )


def write_llama(folder: Path) -> Path:
    """Write the model to `folder`, and return the folder. Its weights are reproducible.

    It does not answer in single bytes, which llama.cpp leaves out of its reports if they are no character.
    """
    set_seed(0)
    words = byte_fallback_tokenizer()
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=256,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.1,
        eos_token_id=words.eos_token_id,
        bos_token_id=1,
        pad_token_id=2,
        dtype=torch.float32,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight[len(_SPECIAL) : len(_SPECIAL) + 256] = 0
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
