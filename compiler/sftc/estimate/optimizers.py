"""What optimizers keep for each trained tensor, and what they need for a moment."""

from collections.abc import Iterable
from typing import Final

from sftc.estimate.devices import DeviceKind
from sftc.estimate.weights import Trained

_SMALL: Final = 4096
"""The numbers below which bitsandbytes keeps 32 bits."""

_BLOCK: Final = 256
"""The numbers of bitsandbytes that share a scale."""

_COPIES: Final[dict[DeviceKind, dict[str, int]]] = {
    "cpu": {"adafactor": 2, "adamw_8bit": 4},
    "cuda": {"adafactor": 2, "sgd": 1},
}
"""The copies of a tensor that a step of an optimizer needs; a CPU has no kernel of bitsandbytes for one."""

_ADAM: Final = 8.0
_EIGHT_BITS: Final = 2 + 2 * 4 / _BLOCK


def state_bytes(optimizer: str, tensors: Iterable[Trained]) -> float:
    """Return the bytes of the state that an optimizer keeps for trained tensors."""
    return sum(_state(optimizer, each) for each in tensors)


def _state(optimizer: str, tensor: Trained) -> float:
    if optimizer == "sgd":
        return 0.0
    if optimizer == "adafactor" and tensor.columns > 1:
        return 4.0 * (tensor.rows + tensor.columns) * tensor.copies
    if optimizer == "adafactor":
        return 4.0 * tensor.numbers
    is_small = tensor.rows * tensor.columns < _SMALL or tensor.is_table
    return tensor.numbers * (_EIGHT_BITS if optimizer == "adamw_8bit" and not is_small else _ADAM)


def step_bytes(optimizer: str, tensors: Iterable[Trained], kind: DeviceKind) -> float:
    """Return the bytes that a step of an optimizer needs for the largest tensor, one tensor at a time."""
    copies = _COPIES[kind].get(optimizer, 0)
    return copies * 4.0 * max((each.rows * each.columns for each in tensors), default=0)
