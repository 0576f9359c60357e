"""What there is to train with."""

import os
from importlib.util import find_spec
from typing import Final, NamedTuple

PACKAGES: Final = ("bitsandbytes", "deepspeed")
"""Packages that extras bring, and that some settings need."""


class Machine(NamedTuple):
    """The devices of a kind (`cuda`, `mps` or `cpu`), by name, and what they and the installation can do.

    A cluster is a machine of several `nodes`, with `cpus` for that many processes; 0 is no limit.
    """

    kind: str
    names: tuple[str, ...]
    bf16: bool
    packages: frozenset[str]
    nodes: int = 1
    cpus: int = 0


def probe() -> Machine:
    """Return what there is; it imports torch."""
    import torch

    packages = frozenset(name for name in PACKAGES if find_spec(name))
    if torch.cuda.is_available():
        names = tuple(map(torch.cuda.get_device_name, range(torch.cuda.device_count())))
        return Machine("cuda", names, torch.cuda.is_bf16_supported(including_emulation=False), packages)
    if torch.backends.mps.is_available():
        return Machine("mps", ("Apple GPU",), True, packages)
    return Machine("cpu", (f"CPU with {os.cpu_count()} cores",), True, packages)
