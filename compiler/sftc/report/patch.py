"""Changes of files as a unified diff."""

from collections.abc import Iterable
from difflib import unified_diff

from sftc.source import Source


def patch(changed: Iterable[tuple[Source, Source]]) -> str:
    """Return the diff from each source to what it becomes."""
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for before, after in changed
        for line in unified_diff(
            before.text.splitlines(keepends=True),
            after.text.splitlines(keepends=True),
            before.name,
            after.name,
        )
    )
