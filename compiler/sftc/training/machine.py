"""The machine: its devices and packages, and how it runs out of memory."""

import os
from importlib.util import find_spec
from typing import Final, NamedTuple

PACKAGES: Final = ("bitsandbytes", "deepspeed")
"""Packages that extras bring, and that some settings need."""


class Machine(NamedTuple):
    """The devices of one kind (`cuda`, `mps` or `cpu`) by name, and the installed packages.

    Without a GPU, at most `cpus` processes train side by side. A cluster is a machine with several
    `nodes`.
    """

    kind: str
    names: tuple[str, ...]
    bf16: bool
    packages: frozenset[str]
    nodes: int = 1
    cpus: int = 1


def probe() -> Machine:
    """Return this machine; it imports torch."""
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
    """Return advice if `error` means that memory has run out, else `None`."""
    import torch

    text = str(error)
    if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "can't allocate memory" not in text:
        return None
    return (
        "out of memory: lower `hyperparameters.sequence_length` or `hyperparameters.per_device_batch` "
        "(and raise `hyperparameters.gradient_accumulation_steps` to keep the batch), or set "
        "`hyperparameters.parallelism.activation_checkpointing = true`"
    )
