"""Write files so that they are on the disk, whole, even if the power fails."""

import os
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Write a file whole: after a power loss, it has the old content or the new."""
    aside = path.with_name(f"{path.name}.part")
    aside.write_bytes(data)
    sync_file(aside)
    os.replace(aside, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Write the content of a file to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Write everything in a folder to the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            sync_file(Path(parent, name))
        sync_folder(Path(parent))
