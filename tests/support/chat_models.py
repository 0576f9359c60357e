"""Models of which only the tokenizer and the config are there: all that rows are tried with."""

import json
from pathlib import Path
from typing import Any

from chance_model import TEMPLATE as CHATML

from support.chat_templates import FAMILIES, Shape, tokenizer

TEMPLATE = CHATML
"""A chat template without a family: plain ChatML."""


def write_chat_model(
    folder: Path, family: str | Shape = "chatml", template: str = "", longest: int = 4096, **changes: Any
) -> Path:
    """Write a model with the chat template of a family, or with another for its tokens.

    Args:
        folder: the new folder.
        family: a family of `FAMILIES`, or a shape.
        template: Jinja to use instead of the family's.
        longest: the tokens that the model reads at once.
        changes: attributes to set on the tokenizer.
    """
    made = tokenizer(FAMILIES[family] if isinstance(family, str) else family, template)
    made.model_max_length = longest
    for name, value in changes.items():
        setattr(made, name, value)
    made.save_pretrained(folder)
    config = {"model_type": "qwen3", "vocab_size": len(made), "max_position_embeddings": longest}
    (folder / "config.json").write_text(json.dumps(config))
    return folder
