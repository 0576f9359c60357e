"""A model that is small enough to train in a test: the small model of the benchmarks."""

from pathlib import Path

from chance_model import SMALL, TEMPLATE
from chance_model import tokenizer as tokenizer_of
from chance_model import write as write_model
from transformers import PreTrainedTokenizerFast


def tokenizer(template: str = TEMPLATE) -> PreTrainedTokenizerFast:
    """Return the tokenizer of the model, with the chat template `template`."""
    made = tokenizer_of(SMALL["max_position_embeddings"])
    made.chat_template = template
    return made


def write(folder: Path, **changes: int) -> Path:
    """Write the model to `folder`, with `changes` to its config, and return the folder."""
    write_model(folder, SMALL | changes)
    return folder
