"""Load the tokenizer of a base model, with its chat template.

Needs transformers but not torch, unless the tokenizer is in a GGUF file.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from sftc.service.executor import FailedError
from sftc.training.base_model import BaseModel, loading

LENGTH: Final = "hyperparameters.sequence_length"
_UNLIMITED: Final = 1 << 30
"""More tokens than any row has."""


class BaseTokenizer(NamedTuple):
    """A tokenizer that rows can be trained with.

    Attributes:
        tokenizer: a transformers tokenizer with a chat template.
        longest: the most tokens that the model reads at once.
    """

    tokenizer: Any
    longest: int


def load_tokenizer(base: BaseModel, name: str, sequence_length: int) -> BaseTokenizer:
    """Load the tokenizer of `base`.

    Args:
        base: the model on disk.
        name: `job.model`.
        sequence_length: the maximum tokens of a row; 0 for those that the model reads.

    Raises:
        FailedError: the tokenizer does not fit the model, has no chat template or does not say where its
            tokens are in a text; or the model reads less than `sequence_length`.
    """
    # Imported here, because the import takes seconds and a refused job does not need it.
    from transformers import AutoConfig, AutoTokenizer

    options = {**base.options(), "trust_remote_code": False}  # otherwise it asks on the terminal
    with loading(base, "job.model"):
        config: Any = AutoConfig.from_pretrained(base.folder, **options)
        tokenizer: Any = AutoTokenizer.from_pretrained(base.folder, **options)
    if not tokenizer.chat_template:
        raise FailedError(f"`job.model`: {name} has no chat template; use an instruction-tuned model")
    try:
        made = tokenizer("a", return_offsets_mapping=True)
    except NotImplementedError:
        made = {}
    if "offset_mapping" not in made:
        raise FailedError(
            f"`job.model`: the tokenizer of {name} does not say where its tokens are in a text, so its "
            "answers cannot be found; use a model with a fast tokenizer (tokenizer.json)"
        )
    if not made["input_ids"]:
        raise FailedError(f"`job.model`: the model in {base.folder} has no tokenizer")
    if (tokens := len(tokenizer)) > (known := config.get_text_config().vocab_size):
        raise FailedError(f"`job.model`: its tokenizer has {tokens:,} tokens, but the model knows {known:,}")
    longest = input_limit(config, tokenizer)
    if sequence_length > longest:
        raise FailedError(f"`{LENGTH}`: it is {sequence_length:,}, but the model reads {longest:,} tokens")
    return BaseTokenizer(tokenizer, longest)


def input_limit(config: Any, tokenizer: Any) -> int:
    """Return the most tokens that a model with that config and tokenizer reads at once."""
    text = config.get_text_config()
    limits = (getattr(text, each, None) for each in ("max_position_embeddings", "seq_length"))
    longest: int = next((each for each in limits if each), tokenizer.model_max_length)  # Mamba has no limit
    return min(longest, _UNLIMITED)


@contextmanager
def without_torch(base: BaseModel) -> Iterator[None]:
    """Make transformers, imported here, do without torch, whose import takes seconds.

    Does nothing if torch is imported already, or if `base` is a GGUF file, which transformers reads with
    torch. Otherwise the process cannot load models afterwards.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # each process has rows of its own
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # that there is no torch
    if "torch" in sys.modules or base.gguf:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # makes `import torch` fail, and find nothing
    try:
        yield
    finally:
        del sys.modules["torch"]
