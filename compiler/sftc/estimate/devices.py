"""The memory of devices: of the GPUs in `devices.toml`, and of this machine."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Literal, NamedTuple

from sftc.estimate.packaged_table import packaged_table

CPU: Final = "cpu"
_MIB: Final = 1 << 20
_GROUPS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""The files that hold the limit of a container, by version of the kernel's interface."""

DeviceKind = Literal["cpu", "cuda"]


class Device(NamedTuple):
    """A device: its name, its kind, the bytes that it has and those that a process can take, and a source."""

    name: str
    kind: DeviceKind
    total: int
    usable: int
    source: str


def device_names() -> tuple[str, ...]:
    """Return the names of all devices."""
    return (CPU, *packaged_table("devices"))


def find_device(word: str) -> Device | None:
    """Return the device that `compute.gpu_type` or `--device` names, or `None` if it is not in the table.

    A word that could be several GPUs means the smallest of them: `A100` is that with 40 GB.
    """
    if word.strip().lower() == CPU:
        return _this_machine()
    wanted = _plain(word)
    for whole in (True, False):
        for name, row in packaged_table("devices").items():
            names = [_plain(each) for each in (name, *row["words"])]
            if any(each == wanted if whole else _says(wanted, each) for each in names):
                return Device(name, "cuda", row["total"] * _MIB, row["usable"] * _MIB, row["source"])
    return None


def _says(wanted: str, name: str) -> bool:
    """Return whether a longer word, such as that of the driver, names a device: `nvidiah10080gbhbm3`."""
    before, found, behind = wanted.partition(name)
    return bool(found) and not before[-1:].isdigit() and not (name[-1].isdigit() and behind[:1].isdigit())


def _plain(word: str) -> str:
    return "".join(filter(str.isalnum, word.lower()))


def _this_machine() -> Device:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Device(CPU, "cpu", total, min([total, *_limits()]), "the memory of this machine")


def _limits() -> Iterator[int]:
    for path in _GROUPS:
        with suppress(OSError, ValueError), open(path, encoding="ascii") as file:
            yield int(file.read())
