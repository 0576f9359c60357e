"""A model small enough to train in a test: that of the benchmarks, with a length of its own."""

from pathlib import Path

from chance_model import SMALL, TEMPLATE
from chance_model import tokenizer as tokenizer_of
from chance_model import write as write_model
from transformers import PreTrainedTokenizerFast


def tokenizer(template: str = TEMPLATE) -> PreTrainedTokenizerFast:
    """Return the tokenizer, with another chat template if one is given."""
    made = tokenizer_of(SMALL["max_position_embeddings"])
    made.chat_template = template
    return made


def write(folder: Path, **changes: int) -> Path:
    """Write the model to `folder`, always the same but for `changes` of its config, and return it."""
    write_model(folder, SMALL | changes)
    return folder
