"""Changes to files as a unified diff."""

import os
from collections.abc import Iterable
from difflib import unified_diff

from sftc.text.source import Source


def patch(changed: Iterable[tuple[Source, Source]]) -> str:
    """Return a unified diff that `git apply` and `patch -p1` accept.

    Args:
        changed: each changed source, before and after.
    """
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for before, after in changed
        for line in unified_diff(
            _lines(before.text), _lines(after.text), _name("a", before.name), _name("b", after.name)
        )
    )


def _name(side: str, path: str) -> str:
    return path if os.path.isabs(path) else f"{side}/{os.path.normpath(path)}"


def _lines(text: str) -> list[str]:
    """Return the lines of `text` with their line endings. Only a line feed ends a line."""
    lines = [f"{line}\n" for line in text.split("\n")]
    return [*lines[:-1], lines[-1][:-1]] if lines[-1] != "\n" else lines[:-1]
