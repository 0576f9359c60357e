"""Renaming: a deprecated key gets its newer name, a misspelt one the name that was meant."""

from typing import NamedTuple

from sftc.document.edits import move
from sftc.editor.hover import path_at
from sftc.editor.open_config import OpenConfig
from sftc.findings.finding import Edit
from sftc.text.keys import Path
from sftc.text.source import Span


class NewName(NamedTuple):
    """The only other name that the key of `span` can have, and the edits that give it that name."""

    span: Span
    name: str
    edits: tuple[Edit, ...]


def new_name(config: OpenConfig, offset: int) -> NewName | None:
    """Return the new name of the key at `offset`; `None` if it is its name already, or no key is there."""
    found = path_at(config, offset)
    if not found or not config.config:
        return None
    path, span = found
    return _newer(config, path, span) or _meant(config, path, span)


def _newer(config: OpenConfig, path: Path, span: Span) -> NewName | None:
    renames = config.contract.mapping.renames
    to = next((each.to for each in renames if each.path == path), None)
    fix = move(config.config.document, path, to, safe=True) if to and config.config else None
    return NewName(span, to[-1], fix.edits) if fix and to else None


def _meant(config: OpenConfig, path: Path, span: Span) -> NewName | None:
    fixes = (found.fix for found in config.findings if found.path == path and found.fix)
    for fix in fixes:
        [edit, *more] = fix.edits
        if not more and edit.span == span:
            return NewName(span, edit.text, fix.edits)
    return None
