"""Detect the training hardware, and recognize out-of-memory errors."""

import errno
import os
import sys
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

PACKAGES: Final = ("bitsandbytes", "deepspeed")
"""Optional packages that some settings need; the extras `qlora` and `deepspeed` install them."""


class Machine(NamedTuple):
    """The hardware and packages that are available for training.

    A Ray cluster is one `Machine` with several `nodes`.

    Attributes:
        kind: the kind of the devices: `cuda`, `mps` or `cpu`.
        names: the name of each device.
        bf16: whether the devices support bf16.
        packages: the installed packages of `PACKAGES`.
        nodes: the number of machines.
        cpus: the maximum number of processes if `kind` is `cpu`.
    """

    kind: str
    names: tuple[str, ...]
    bf16: bool
    packages: frozenset[str]
    nodes: int = 1
    cpus: int = 1


def probe() -> Machine:
    """Return the hardware and packages of this machine. Imports torch."""
    import torch

    packages = frozenset(name for name in PACKAGES if find_spec(name))
    if torch.cuda.is_available():
        names = tuple(map(torch.cuda.get_device_name, range(torch.cuda.device_count())))
        return Machine("cuda", names, torch.cuda.is_bf16_supported(including_emulation=False), packages)
    if torch.backends.mps.is_available():
        return Machine("mps", ("Apple GPU",), True, packages)
    cores = os.cpu_count() or 1
    return Machine("cpu", (f"CPU with {cores} core{'s' if cores > 1 else ''}",), True, packages, cpus=cores)


def out_of_memory(error: Exception) -> str | None:
    """Return advice for the user if `error` is an out-of-memory error, otherwise `None`."""
    torch: Any = sys.modules.get("torch")  # without it, none of its errors
    kinds = (MemoryError, torch.OutOfMemoryError) if torch else MemoryError
    if not isinstance(error, kinds) and "can't allocate memory" not in str(error):
        return None
    return (
        "out of memory: lower `hyperparameters.sequence_length` or `hyperparameters.per_device_batch` "
        "(raise `hyperparameters.gradient_accumulation_steps` to keep the global batch), or set "
        "`hyperparameters.parallelism.activation_checkpointing = true`"
    )


_FULL: Final = (
    "No space left on device",
    "os error 28",  # safetensors
    "iostream error",  # torch
    "unexpected pos",  # as above, when it closes the file
)
"""What the libraries say that write files in native code, if a disk is full."""


def disk_full(error: BaseException) -> bool:
    """Return whether `error` is, or comes from, writing to a disk that is full."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    return any(words in str(error) for words in _FULL)
