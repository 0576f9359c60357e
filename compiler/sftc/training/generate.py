"""Generate answers greedily: the token that is most likely, each time."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig


def generate_answer(
    model: Any, question: Sequence[int], most: int, stops: Sequence[int], **options: Any
) -> list[int]:
    """Return the tokens that a model answers to a question.

    Args:
        model: a causal language model.
        question: the tokens of the question.
        most: the maximum number of tokens.
        stops: the ids of the tokens that end an answer.
        options: more arguments of the model's `generate`.
    """
    asked = torch.tensor([question], device=model.device)
    config = GenerationConfig(
        max_new_tokens=most,
        do_sample=False,
        use_cache=True,
        eos_token_id=[*stops] or None,
        pad_token_id=next(iter(stops), 0),  # there is no second row to fill up
    )
    made = model.generate(asked, attention_mask=torch.ones_like(asked), generation_config=config, **options)
    answer: list[int] = made[0, len(question) :].tolist()
    return answer
