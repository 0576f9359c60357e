"""Variants of a config: the same file with other values of some keys, comments and layout kept.

A variant has a name of its own, unless the values give it one: trainers save what is trained under its name.
"""

import os
import re
from collections.abc import Hashable, Iterator, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

from sftc.contract.versions import EXTENDS
from sftc.document import edits
from sftc.document.overrides import Override, toml_value
from sftc.document.toml import parse
from sftc.pipeline import examine, run
from sftc.text.keys import ABSENT, Path, dotted, quoted
from sftc.text.source import Source
from sftc.tools.diff import comparable, meaning
from sftc.tools.lint import DIRECTIVE, SUFFIX

MOST: Final = 1000
"""The variants that one sweep makes at most."""

_PIECE: Final = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^,"'\[\]{}]+|.)""", re.DOTALL)
"""A string, plain text, or one other character."""

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]")

_SCHEMA: Final = re.compile(rf"{re.escape(DIRECTIVE)}[ \t]+(\S+)")


class KeyValues(NamedTuple):
    """A key, and the values that it takes, as TOML writes them."""

    path: Path
    written: tuple[str, ...]


class Variant(NamedTuple):
    """One config of a sweep, and what each of the keys is in it."""

    source: Source
    values: tuple[str, ...]

    def read(self) -> Source:
        """Return the text of the config."""
        return self.source


def read_values(text: str) -> KeyValues:
    """Read `KEY=VALUE,VALUE`; commas inside quotes, arrays and tables do not separate values.

    Raises:
        ValueError: `text` does not have that form; the message is for a person.
    """
    key, equals, rest = text.partition("=")
    overrides = [Override.parse(f"{key}{equals}{value}") for value in _separated(rest)]
    written = tuple(_written(each.value_span().text.strip()) for each in overrides)
    values = [comparable(each.value) for each in overrides]
    repeated = [value for number, value in enumerate(written) if values[number] in values[:number]]
    if repeated:
        raise ValueError(f"{text!r} has the value {repeated[0]} twice.")
    return KeyValues(overrides[0].path, written)


def _separated(text: str) -> Iterator[str]:
    """Yield the parts of `text` between commas that are outside of quotes and brackets."""
    start = depth = 0
    for piece in _PIECE.finditer(text):
        depth += (piece[0] in ("[", "{")) - (piece[0] in ("]", "}"))
        if piece[0] == "," and depth <= 0:
            yield text[start : piece.start()]
            start = piece.end()
    yield text[start:]


def _written(text: str) -> str:
    return quoted(text) if toml_value(text) is ABSENT else text


def sweep(source: Source, values: Sequence[KeyValues], folder: str, *, pairs: bool) -> Iterator[Variant]:
    """Yield the variants of a config, named in `folder` by their number.

    Args:
        source: the config, whose name is its path.
        values: the keys and their values.
        folder: the folder of the variants.
        pairs: whether the first values go together, and the second ones, instead of each with each.

    Raises:
        ValueError: a key cannot be set in the text; the message is for a person.
        ConfigError: the config is not TOML.
    """
    parse(source)  # so that an error is in the file that a person wrote
    lists = [each.written for each in values]
    chosen = [*(zip(*lists, strict=True) if pairs else product(*lists))]
    stem = os.path.basename(source.name).removesuffix(SUFFIX).removesuffix(".toml")
    width = len(str(len(chosen)))
    text = _schema_seen_from(folder, source)
    names = _names(source, stem, [each.path for each in values])
    for number, each in enumerate(chosen, 1):
        suffix = f"-{number:0{width}}"
        changed = Source(os.path.join(folder, f"{stem}{suffix}{SUFFIX}"), text)
        for (path, _), value in zip(values, each, strict=True):
            document = parse(changed)
            fix = edits.put(document, path, value)
            if fix is None:
                raise ValueError(f"`{dotted(path)}` in {source.name} {_refusal(document.get(path))}.")
            changed = edits.apply_fixes(changed, [fix])
        for path, name in names.items():
            fix = edits.put(parse(changed), path, quoted(f"{name}{suffix}"))
            changed = edits.apply_fixes(changed, [fix] if fix else [])
        yield Variant(_base_seen_from(folder, source, changed), each)


def same_run(variants: Sequence[Variant]) -> tuple[Variant, Variant] | None:
    """Return the first two variants, which have no errors, that mean the same run, if there are any."""
    first: dict[Hashable, Variant] = {}
    for each in variants:
        if (other := first.setdefault(meaning(run(each.read)), each)) is not each:
            return other, each
    return None


def _names(source: Source, stem: str, paths: Sequence[Path]) -> dict[Path, str]:
    """Return the start of the names of all variants, by key: the name in the config, or that of its file.

    A key of `paths`, or of a table in it, is not named again, and neither is a config with a wrong name.
    """
    config = examine(lambda: source).config
    if config is None:
        return {}
    contract, longest = config.contract, "-" * len(f"-{MOST}")
    names = {}
    for path in contract.distinct:
        if any(path[: len(each)] == each for each in paths):
            continue
        written = config.document.get(path)
        name = _NOT_IN_NAMES.sub("-", stem) if written is ABSENT else written
        if written is ABSENT or contract.allows(path, name):
            starts = (name[:length] for length in range(len(name), 0, -1))
            names[path] = next((each for each in starts if contract.allows(path, each + longest)), "run")
    return names


def _refusal(value: Any) -> str:
    is_table = isinstance(value, dict)
    return "is a table: set the keys in it" if is_table else "cannot be set: write it there first"


def _schema_seen_from(folder: str, source: Source) -> str:
    """Return the text with the path of its `#:schema` line as it is seen from `folder`."""
    found = _SCHEMA.match(source.text)
    if not found or "://" in found[1] or os.path.isabs(found[1]):
        return source.text
    return source.text[: found.start(1)] + _moved(folder, source, found[1]) + source.text[found.end(1) :]


def _base_seen_from(folder: str, source: Source, variant: Source) -> Source:
    """Return a variant with the path of the config that it extends as it is seen from `folder`."""
    document = parse(variant)
    base = document.get((EXTENDS,))
    if not isinstance(base, str) or os.path.isabs(base):
        return variant
    fix = edits.rewrite(document, (EXTENDS,), quoted(_moved(folder, source, base)), safe=True)
    return edits.apply_fixes(variant, [fix] if fix else [])


def _moved(folder: str, source: Source, path: str) -> str:
    """Return a path that is relative to the folder of `source` as it is seen from `folder`."""
    return os.path.relpath(os.path.join(os.path.dirname(source.name), path), folder or ".")
