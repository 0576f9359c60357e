"""Checkpoints on disk: complete, or not there.

A folder counts as a checkpoint only if it has a seal, which is written last and lists the size and the
digest of every file. A power loss while a checkpoint is written, or deleted, leaves a folder without a seal;
a checkpoint whose files were damaged later does not match its seal.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from sftc.training.durable import sync_folder, sync_tree, write_durably

CHECKPOINT: Final = "checkpoint-"
BEST: Final = "best-"
"""Prefixes of the folders, before the number of the step."""

SEAL: Final = "seal.json"

Say = Callable[[str], None]


class Sealed(NamedTuple):
    """A complete folder of a step, with the notes that its seal keeps."""

    folder: Path
    step: int
    notes: Mapping[str, Any]


def seal(folder: Path, notes: Mapping[str, Any] | None = None) -> None:
    """Write all files in `folder` to the disk, and then its seal, with `notes`."""
    sync_tree(folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != SEAL]
    listed = {path.relative_to(folder).as_posix(): _measured(path) for path in files}
    write_durably(folder / SEAL, orjson.dumps({"files": listed, "notes": notes or {}}))
    sync_folder(folder.parent)


def newest(parent: Path, prefix: str, say: Say = lambda text: None) -> Sealed | None:
    """Return the newest complete folder in `parent` whose name begins with `prefix`, or `None`.

    Args:
        parent: the folder of a job.
        prefix: `CHECKPOINT` or `BEST`.
        say: called with a message for each damaged folder, which is passed over.
    """
    for step in reversed(_steps(parent, prefix)):
        folder = parent / f"{prefix}{step}"
        if not (folder / SEAL).exists():
            continue  # it was being written or deleted when the process ended
        if damage := _damage(folder):
            say(f"{folder.name} is damaged ({damage}) and is not used")
            continue
        return Sealed(folder, step, orjson.loads((folder / SEAL).read_bytes())["notes"])
    return None


def discard(folder: Path) -> None:
    """Delete a folder, its seal first. It does not need to exist."""
    (folder / SEAL).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def keep_newest(parent: Path, prefix: str, count: int) -> None:
    """Delete all but the `count` newest complete folders, and every incomplete one."""
    steps = _steps(parent, prefix)
    whole = [step for step in steps if (parent / f"{prefix}{step}" / SEAL).exists()]
    for step in {*steps} - {*whole[-count:]}:
        discard(parent / f"{prefix}{step}")


def _steps(parent: Path, prefix: str) -> list[int]:
    names = (path.name.removeprefix(prefix) for path in parent.glob(f"{prefix}*"))
    return sorted(int(name) for name in names if name.isdecimal())


def _measured(path: Path) -> list[Any]:
    """Return the size and the digest of a file."""
    with path.open("rb") as file:
        return [os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()]


def _damage(folder: Path) -> str | None:
    """Return how a sealed folder differs from its seal, or `None`."""
    try:
        listed = orjson.loads((folder / SEAL).read_bytes())["files"]
    except (ValueError, KeyError, TypeError):
        return f"{SEAL} is not readable"
    for name, expected in listed.items():
        try:
            if _measured(folder / name) != expected:
                return f"{name} has changed"
        except OSError:
            return f"{name} is missing or cannot be read"
    return None
