"""Load a trained model in fp32, and merge its adapter into the weights of its base model."""

import re
from pathlib import Path
from typing import Any, Final
from warnings import catch_warnings, filterwarnings

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM

from sftc.service.executor import FailedError
from sftc.training.base_model import ADAPTER, BaseModel, base_of, loading
from sftc.training.machine import out_of_memory

_WEIGHTS: Final = "adapter_model.safetensors"
_INSIDE: Final = {"base_layer", "original_module"}
"""What PEFT calls the layer of the base model inside one of its own."""


def load_trained(folder: Path, tokens: int) -> Any:
    """Return the model in `folder` with its adapter, in fp32 on the CPU.

    Args:
        folder: the folder of an adapter or of a whole model.
        tokens: the tokens of its tokenizer.

    Raises:
        FailedError: the model cannot be loaded, an adapter has no weights in safetensors, its base model is
            quantised or not on this machine, or no embedding belongs to some tokens.
    """
    base = base_of(folder)
    is_adapter = (folder / ADAPTER).is_file()
    if is_adapter and not (weights := folder / _WEIGHTS).is_file():
        raise FailedError(f"{weights} is missing")
    with loading(base):
        config: Any = AutoConfig.from_pretrained(base.folder, **base.options())
        if getattr(config, "quantization_config", None):
            raise FailedError(
                f"the weights of the base model in {base.folder} are quantised, and an adapter is merged "
                "only into unquantised ones: set `base_model_name_or_path` in adapter_config.json to the "
                "folder of the model that they were made of"
            )
        model: Any = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32, **base.options())
    if is_adapter:
        model = _with_adapter(model, folder)
    if tokens > (known := model.get_input_embeddings().weight.shape[0]):
        raise FailedError(
            f"the tokenizer in {folder} has {tokens:,} tokens, but the model has embeddings for {known:,}, "
            "and the adapter does not have the others: save it with `save_embedding_layers=True`"
        )
    return model.eval()


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel

    with loading(BaseModel(str(folder), None)):
        rows = _embeddings(model, folder)
    if rows and rows != model.get_input_embeddings().weight.shape[0]:  # the vocabulary grew in training
        model.resize_token_embeddings(rows, mean_resizing=False)
    try:
        with catch_warnings():
            filterwarnings("error", "Found missing adapter keys")
            return PeftModel.from_pretrained(model, folder)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, UserWarning) as error:
        if out_of_memory(error):
            raise
        reason = str(error).strip().splitlines()[0]
        raise FailedError(f"the adapter in {folder} does not fit its base model: {reason}") from error


def _embeddings(model: Any, folder: Path) -> int | None:
    """Return the number of embeddings that an adapter has of its own, or `None`."""
    layer = model.get_input_embeddings()
    name = next(name for name, module in model.named_modules() if module is layer)
    ours = re.compile(rf"(.*\.)?{re.escape(name)}(\.\w*base_layer)*\.weight")
    with safe_open(folder / _WEIGHTS, "pt") as file:
        found = [key for key in file.keys() if ours.fullmatch(key)]  # noqa: SIM118  not a dict
        return file.get_slice(found[0]).get_shape()[0] if found else None


def merge_adapter(model: Any) -> Any:
    """Return `model`, changed in place, with the adapter merged into its weights.

    PEFT changes the weights of embeddings in place. If the output layer shares them, it would change as
    well, so it gets weights of its own first; they are shared again if they end up the same.

    Raises:
        FailedError: PEFT cannot merge an adapter of this kind.
    """
    if not hasattr(model, "merge_and_unload"):
        return model
    ends = [_plain_layer(each) for each in (model.get_input_embeddings(), model.get_output_embeddings())]
    shared = ends[1] is not None and ends[0].weight is ends[1].weight
    if shared:
        ends[1].weight = torch.nn.Parameter(ends[1].weight.detach().clone())
    try:
        with torch.no_grad():
            whole: Any = model.merge_and_unload()
    except (ValueError, NotImplementedError, AttributeError, TypeError) as error:
        kind = model.active_peft_config.peft_type
        raise FailedError(
            f"PEFT cannot merge this adapter, of kind {getattr(kind, 'value', kind)}: {error}"
        ) from error
    if shared:
        made, out = whole.get_input_embeddings(), whole.get_output_embeddings()
        whole.config.get_text_config().tie_word_embeddings = torch.equal(made.weight, out.weight)
        whole.config.tie_word_embeddings = whole.config.get_text_config().tie_word_embeddings
        whole.tie_weights()
    return whole


def _plain_layer(layer: Any) -> Any:
    """Return the layer of the base model inside those that PEFT put around it."""
    inner = layer
    while inner is not None:
        layer = inner
        inner = next((each for name, each in layer.named_children() if name in _INSIDE), None)
    return layer
