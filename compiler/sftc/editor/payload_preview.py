"""The payload preview: a file with the payload of a config, and which of its lines came from which key."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path as FilePath

from sftc.editor.hover import path_at
from sftc.editor.open_config import OpenConfig
from sftc.private import temporary_folder
from sftc.text.keys import Part, Path, pointer
from sftc.text.source import Span

_INDENT = 2


def pointers(text: str) -> Iterator[str]:
    r"""Yield for each line of a payload, as `pretty` writes it, the pointer of the value that begins there.

    A line that only closes something has the pointer of what it closes.

    >>> [*pointers('{\n  "a": [\n    1\n  ]\n}')]
    ['', '/a', '/a/0', '/a', '']
    """
    path: list[Part] = []
    for line in text.splitlines():
        words = line.lstrip(" ")
        depth = (len(line) - len(words)) // _INDENT
        last = path[depth - 1] if 0 < depth <= len(path) else None
        path = path[: max(depth - 1, 0)]
        if words[0] in "]}" and depth:
            path.append(last if last is not None else 0)
        elif depth and (name := _name(words)) is not None:
            path.append(name)
        elif depth:
            path.append(last + 1 if isinstance(last, int) else 0)
        yield pointer(path)


def _name(line: str) -> str | None:
    """Return the name that a line of an object begins with; `None` for an item of an array."""
    if not line.startswith('"'):
        return None
    name, end = json.JSONDecoder().raw_decode(line)
    return str(name) if line.startswith(": ", end) else None


class PayloadPreview:
    """The file in which an editor shows the payload of one config."""

    def __init__(self, folder: str, config: OpenConfig) -> None:
        stem = os.path.basename(config.source.name).partition(".")[0] or "config"
        self.path = FilePath(folder) / f"{stem}.payload.json"
        self._text = ""

    def write(self, config: OpenConfig) -> None:
        """Write the payload of the last text that compiled, if it has changed."""
        text = config.valid.compiled.to_bytes("pretty").decode() if config.valid else ""
        if text != self._text:
            self.path.write_text(text, encoding="utf-8")
            self._text = text

    def line_of(self, config: OpenConfig, offset: int) -> int | None:
        """Return the line, from 0, of what the key at `offset` of the config becomes; `None` if nothing."""
        found = path_at(config, offset)
        wanted = _pointer_of(config, found[0]) if found else None
        lines = [*pointers(self._text)]
        return lines.index(wanted) if wanted in lines else None

    def origin_of(self, config: OpenConfig, line: int) -> Span | None:
        """Return the place of the key that decides the value on a line, from 0.

        It is in the config, or in one that this one extends.
        """
        lines = [*pointers(self._text)]
        at = lines[line] if line < len(lines) else ""
        found = (
            each.origin.span
            for each in config.values.values()
            if (each.at == at or each.at.startswith(f"{at}/")) and each.origin.span
        )
        first = next(found, None)
        if first and not first.source.depth:
            return config.moved(first)
        return first


def _pointer_of(config: OpenConfig, path: Path) -> str | None:
    """Return where a key goes in the payload; of a table, where the first of its keys does."""
    if (account := config.keys.get(path)) and account.to:
        return account.to
    decided = (each.at for each in config.values.values() if (each.origin.path or ())[: len(path)] == path)
    return next(decided, None)


class PreviewFolder:
    """A temporary folder with the payload previews of all open configs; there is none before the first.

    It is for its owner only. `close`, or a signal that ends the server, removes it.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder = ""
        self._previews: dict[str, PayloadPreview] = {}

    def close(self) -> None:
        """Remove the folder."""
        self._stack.close()

    def of(self, uri: str, config: OpenConfig) -> PayloadPreview:
        """Return the preview of the config at `uri`, up to date."""
        if uri not in self._previews:
            self._folder = self._folder or self._stack.enter_context(temporary_folder())
            folder = os.path.join(self._folder, str(len(self._previews)))
            os.mkdir(folder)
            self._previews[uri] = PayloadPreview(folder, config)
        self._previews[uri].write(config)
        return self._previews[uri]

    def update(self, uri: str, config: OpenConfig) -> None:
        """Bring the preview of a config up to date, if it was shown before."""
        if uri in self._previews:
            self._previews[uri].write(config)

    def config_of(self, path: str) -> tuple[str, PayloadPreview] | None:
        """Return the URI of the config whose preview is the file at `path`, and the preview."""
        return next(((uri, each) for uri, each in self._previews.items() if str(each.path) == path), None)
