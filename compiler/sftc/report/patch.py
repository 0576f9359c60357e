"""Changes to files as a unified diff."""

import os
import re
from collections.abc import Iterable
from difflib import unified_diff

from sftc.text.source import Source

_CURSOR = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def patch(changed: Iterable[tuple[Source, Source]]) -> str:
    """Return a unified diff that `git apply` and `patch -p1` accept.

    Characters that would move a cursor or turn the direction of text are shown as escapes; a diff
    of lines with such characters does not apply.

    Args:
        changed: each changed source, before and after.
    """
    return "".join(
        _shown(line) if line.endswith("\n") else f"{_shown(line)}\n\\ No newline at end of file\n"
        for before, after in changed
        for line in unified_diff(
            _lines(before.text), _lines(after.text), _name("a", before.name), _name("b", after.name)
        )
    )


def _shown(line: str) -> str:
    return _CURSOR.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


def _name(side: str, path: str) -> str:
    return path if os.path.isabs(path) else f"{side}/{os.path.normpath(path)}"


def _lines(text: str) -> list[str]:
    """Return the lines of `text` with their line endings. Only a line feed ends a line."""
    lines = [f"{line}\n" for line in text.split("\n")]
    return [*lines[:-1], lines[-1][:-1]] if lines[-1] != "\n" else lines[:-1]
