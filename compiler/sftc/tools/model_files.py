"""Facts about a base model from its files, without loading it: config, names of the weights, tokenizer."""

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from sftc.checks.rules.model import ModelFacts
from sftc.estimate.json_objects import as_object, read_header, read_object

_LIMITS: Final = (
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "max_seq_len",
    "seq_length",
)
_TIED: Final = ("lm_head", "embed_out")
"""Output layers that may share their weights with the embeddings, and are not in the files then."""

_FUSED: Final = ("gate_up_proj", "down_proj")
"""Modules of experts, which libraries fuse; the files have each expert apart."""


def find_model(name: str) -> str | None:
    """Return the folder of the model that a config calls `name`: a folder, or a model in the hub's cache."""
    if os.path.isfile(os.path.join(name, "config.json")):
        return name
    model = os.path.join(_hub_cache(), f"models--{name.replace('/', '--')}")
    try:
        with open(os.path.join(model, "refs", "main"), encoding="ascii") as file:
            folder = os.path.join(model, "snapshots", file.read(100).strip())
    except (OSError, ValueError):
        return None
    return folder if os.path.isfile(os.path.join(folder, "config.json")) else None


def _hub_cache() -> str:
    """Return the folder of the hub's cache, as huggingface_hub reads it from its variables."""
    given = os.environ.get
    home = given("HF_HOME") or os.path.join(given("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    cache = given("HF_HUB_CACHE") or given("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    return os.path.expandvars(os.path.expanduser(cache))


@lru_cache
def read_model(folder: str) -> ModelFacts:
    """Return the facts about the model whose files are in `folder`.

    Raises:
        ValueError: a file is not what it should be; the message names it.
        OSError: a file cannot be read.
    """
    config = read_object(os.path.join(folder, "config.json"))
    text = config.get("text_config")
    config = text if isinstance(text, dict) else config
    limits = [config[name] for name in _LIMITS if type(config.get(name)) is int]
    named = set(_modules(folder))
    fused = _FUSED if any(".experts." in name for name in named) else ()
    return ModelFacts(
        folder,
        frozenset(named.union(_TIED, fused)) if named else frozenset(),
        next((limit for limit in limits if limit > 0), None),
        _has_template(folder),
    )


def _modules(folder: str) -> Iterator[str]:
    """Yield the name of each module that has weights, and of each module around it."""
    names = set[str]()
    for tensor in _tensors(folder):
        name = tensor.rpartition(".")[0]
        while name and name not in names:
            names.add(name)
            yield name
            name = name.rpartition(".")[0]


def _tensors(folder: str) -> Iterator[str]:
    index = os.path.join(folder, "model.safetensors.index.json")
    if os.path.isfile(index):
        yield from map(str, as_object(read_object(index).get("weight_map"), index))
        return
    weights = os.path.join(folder, "model.safetensors")
    if os.path.isfile(weights):
        yield from (name for name in read_header(weights) if name != "__metadata__")


def _has_template(folder: str) -> bool:
    if os.path.isfile(os.path.join(folder, "chat_template.jinja")):
        return True
    files = ("tokenizer_config.json", "chat_template.json")
    present = [path for name in files if os.path.isfile(path := os.path.join(folder, name))]
    return any(bool(read_object(path).get("chat_template")) for path in present)
