"""Read a GGUF file back: its weights as a model, and what it says about its tokenizer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM

from sftc.service.executor import FailedError
from sftc.training.machine import out_of_memory

_TOKENS: Final = "tokenizer.ggml.tokens"
_TEMPLATE: Final = "tokenizer.chat_template"
_END: Final = "tokenizer.ggml.eos_token_id"


def load_gguf(file: Path) -> Any:
    """Return the model in a GGUF file, in fp32.

    Raises:
        FailedError: transformers cannot read it, so it cannot be compared.
    """
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, NotImplementedError) as error:
        if out_of_memory(error):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FailedError(
            f"the GGUF file cannot be compared with the trained model, because transformers cannot read it: "
            f"{reason}. Nothing was written; `--merge` exports the model for other converters"
        ) from error
    return model.eval()


def read_fields(file: Path) -> dict[str, Any]:
    """Return what a GGUF file says about its tokenizer."""
    from gguf import GGUFReader

    fields = GGUFReader(file).fields
    return {name: field.contents() for name, field in fields.items() if name.startswith("tokenizer.")}


def check_tokenizer(found: Mapping[str, Any], tokenizer: Any, stops: list[int]) -> None:
    """Check that a GGUF file has the tokens, the chat template and an end of turn of the model.

    Args:
        found: what the file says about its tokenizer.
        tokenizer: the tokenizer of the model.
        stops: the tokens that end its answers.

    Raises:
        FailedError: it does not.
    """
    tokens = found.get(_TOKENS, [])
    ours = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    added = tokenizer.added_tokens_decoder  # the converter normalises them
    wrong = [id for id, token in enumerate(ours) if id not in added and tokens[id : id + 1] != [token]]
    if wrong:
        raise FailedError(f"the GGUF file has another token {wrong[0]:,} than {ours[wrong[0]]!r}")
    if isinstance(tokenizer.chat_template, str) and found.get(_TEMPLATE) != tokenizer.chat_template:
        raise FailedError("the GGUF file does not have the chat template of the model")
    if stops and found.get(_END) not in stops:
        raise FailedError(f"the GGUF file ends answers at token {found.get(_END)}, the model at {stops}")
