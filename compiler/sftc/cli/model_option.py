"""The option `--model` of the `sftc dataset` commands: look at rows as the trainer does."""

import os
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sftc.tools.config_and_data import Setup
    from sftc.training.model_look import ModelLook

MODEL_METAVAR = "DIR|ID"

_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_FILES = "--include '*.json' '*.jinja' '*.txt' '*.model'"
"""The files of a model without its weights, for `hf download`."""


def has_tokenizer(model: str) -> bool:
    """Return whether the tokenizer of a model can be used here: its files and their library."""
    from importlib.util import find_spec

    from sftc.tools.model_files import find_model

    place = find_model(model)
    return bool(
        place
        and find_spec("transformers")
        and any(os.path.isfile(os.path.join(place, name)) for name in ("tokenizer.json", "tokenizer.model"))
    )


def load_look(model: str, setup: "Setup | None" = None, lines: frozenset[int] = frozenset()) -> "ModelLook":
    """Return the look at rows with the tokenizer and the chat template of a model.

    Args:
        model: the folder of a model, or its id in the Hugging Face cache.
        setup: the config, which may set `sequence_length` and `train_on`.
        lines: the lines of the rows to show.

    Raises:
        click.ClickException: the model is not on this machine, or it cannot be used.
    """
    from sftc.cli.packages import check_packages
    from sftc.service.executor import FailedError
    from sftc.training.base_model import ModelNotFoundError, find_base_model
    from sftc.training.conversation import UnspeakableError
    from sftc.training.model_look import ModelLook, Reading

    train_on: Any = setup.train_on if setup else "assistant"  # the contract allows no other
    try:
        check_packages("transformers")  # a missing package is told before a missing model
        base = find_base_model(model, None, download=False)
        if base.gguf:
            check_packages("torch")  # transformers reads it with torch
        look = ModelLook(Reading(model, base, (setup and setup.sequence_length) or 0, train_on, lines=lines))
        look.check_model()
    except ModelNotFoundError as error:
        raise click.ClickException(missing_model(model, _FILES)) from error
    except FailedError as error:
        raise click.ClickException(f"{str(error).removeprefix('`job.model`: ')}.") from error
    except UnspeakableError as error:
        raise click.ClickException(f"{model}: {error}.") from error
    return look


def missing_model(model: str, files: str) -> str:
    """Return why a model is not found, and how to get the `files` of it, options of `hf download`."""
    if os.path.isdir(model):
        return f"{model} is not the folder of a model: it has no config.json."
    if os.path.exists(model):
        return f"{model} is a file, not the folder of a model."
    if not _ID.fullmatch(model):
        return f"the model {model} is not on this machine: no folder has that name."
    return (
        f"the model {model} is not on this machine: no folder has that name, and it is not in the Hugging "
        f"Face cache. Get it without its weights: hf download {model} {files}"
    )
