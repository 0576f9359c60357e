"""Recognizes runs that failed quietly: numbers that are not finite, an adapter that did not change."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open

_ZERO_AT_FIRST: Final = (".lora_B.", ".lora_embedding_A.")
"""The matrices of an adapter that are zero until the first step that trains them."""


def is_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Return whether all numbers in `tensors`, which may be shards, are finite."""
    shards = [each.to_local() if hasattr(each, "to_local") else each for each in tensors]
    found = [each.detach() for each in shards if each.numel() and each.is_floating_point()]
    # The greatest absolute value is finite if all are, and unlike a sum of squares it does not overflow.
    return not found or math.isfinite(torch.nn.utils.get_total_norm(found, math.inf).item())


def gradients(model: Any) -> list[torch.Tensor]:
    """Return the gradients of a model."""
    return [each.grad for each in model.parameters() if each.grad is not None]


def trained(model: Any) -> list[torch.Tensor]:
    """Return the weights of a model that are trained."""
    return [each for each in model.parameters() if each.requires_grad]


def unchanged_layers(folder: Path) -> tuple[list[str], int]:
    """Return the layers whose adapter in `folder` is as it was before training, and how many have one."""
    file = folder / "adapter_model.safetensors"
    if not file.exists():
        return [], 0
    with safe_open(file, "pt") as weights:
        found = {
            name: bool(weights.get_tensor(name).any())
            for name in weights.keys()  # noqa: SIM118  not a dict
            if any(part in f"{name}." for part in _ZERO_AT_FIRST)
        }
    names = (
        re.split("[.]lora_", name)[0].rpartition(".")[2] for name, changed in found.items() if not changed
    )
    return sorted(names), len(found)
