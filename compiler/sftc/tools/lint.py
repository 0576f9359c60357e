"""Linting: the findings of `compile`, and those about the file that a config is in."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from sftc.checks.config import Config
from sftc.checks.rules.model import MODEL, check_model
from sftc.checks.suppressions import not_suppressed
from sftc.contract.targets import Target
from sftc.document.reading import path_beside, read_source
from sftc.findings.finding import ConfigError, Finding, in_order
from sftc.findings.stage_rules.comments import MISSING_SCHEMA_FILE
from sftc.pipeline import Examined, examine
from sftc.text.source import Source
from sftc.tools.model_files import find_model, read_model

SUFFIX = ".sft.toml"
DIRECTIVE = "#:schema"
_HEAD = 4096
"""The characters of a file in which its `#:schema` line is looked for."""


def lint(
    source: Source, model: str | None = None, targets: Sequence[Target] = (), *, estimates: bool = False
) -> list[Finding]:
    """Return every finding about `source`, whose name is its path, in the order of the text.

    `model` is the folder of its base model. Without it, the model is looked for as `find_model` does.
    `targets` are what the config is for; without them, it is for the training service. `estimates` is
    whether to estimate if its run fits the device.
    """
    return lint_examined(source, examine(lambda: source, targets=targets), model, estimates=estimates)


def lint_examined(
    source: Source, examined: Examined, model: str | None = None, *, estimates: bool = False
) -> list[Finding]:
    """Return every finding about `source`, which has been examined; the rest as in `lint`."""
    findings, config = examined
    about_model = [*model_findings(config, model)] if config else []
    if estimates and config and not any(found.is_error for found in (*findings, *about_model)):
        from sftc.tools.estimate_config import estimate_config

        about_model += not_suppressed(config.document, estimate_config(config, model).findings)
    return in_order([*findings, *about_model, *_schema_line(source)])


def lint_file(
    path: str,
    model: str | None = None,
    targets: Sequence[Target] = (),
    *,
    estimates: bool = False,
    only_file: bool = False,
) -> list[Finding]:
    """Return every finding about what `read_source` reads; the rest as in `lint`."""
    try:
        source = read_source(path, only_file=only_file)
    except ConfigError as error:
        return list(error.findings)
    return lint(source, model, targets, estimates=estimates)


def model_findings(config: Config, folder: str | None) -> Iterator[Finding]:
    """Yield the findings about a config and its base model, if its files are in `folder` or are found.

    Files that cannot be read show nothing.
    """
    name = config.given(MODEL)
    found = folder or (find_model(name) if name else None)
    if not found:
        return
    with suppress(OSError, ValueError):
        yield from not_suppressed(config.document, check_model(config, read_model(found)))


def files(paths: Iterable[str]) -> list[str]:
    """Return the configs that `paths` name: files, and the configs in folders.

    In a folder and its subfolders, configs are the files that end in `.sft.toml` and the TOML
    files whose `#:schema` line names a schema of sftc. Hidden folders are skipped.
    """
    found: dict[object, str] = {}
    for path in paths:
        for config in _configs(path) if os.path.isdir(path) else [path]:
            found.setdefault(_identity(config), config)
    return list(found.values())


def _identity(path: str) -> object:
    """Return a value that identifies a file, whatever path names it."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return path
    return status.st_dev, status.st_ino


def _configs(folder: str) -> Iterator[str]:
    unreadable: list[str] = []
    for place, folders, names in os.walk(folder, onerror=lambda error: unreadable.append(error.filename)):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            path = os.path.join(place, name)
            if not name.endswith(".toml") or not os.path.isfile(path):
                continue
            if name.endswith(SUFFIX) or names_our_schema(_head(path)):
                yield path
    yield from unreadable  # reading it gives the reason


def _head(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_HEAD)
    except OSError:
        return ""


def names_our_schema(text: str) -> bool:
    """Return whether the `#:schema` line of a TOML text names a schema of sftc."""
    schema = _schema(text[:_HEAD])
    return schema is not None and os.path.basename(schema[2]).startswith("sftc")


def _schema(text: str) -> tuple[int, int, str] | None:
    """Return the offsets of what the `#:schema` line of `text` names, and that text.

    Editors read that line among the comments at the top of a file. `None` if there is none.
    """
    at = 0
    for line in text.splitlines(keepends=True):
        words = line.split()
        if words and not words[0].startswith("#"):
            return None
        if len(words) > 1 and words[0] == DIRECTIVE:
            start = at + line.index(words[1], line.index(DIRECTIVE) + len(DIRECTIVE))
            named = text[start : at + len(line)].rstrip()
            return start, start + len(named), named
        at += len(line)
    return None


def _paths(named: str) -> set[str]:
    """Return the paths that editors take the text of a `#:schema` line for.

    tombi takes the text as it is. taplo takes its first word, percent-decoded.
    """
    from urllib.parse import unquote

    return {named, unquote(named.split(maxsplit=1)[0])}


def _schema_line(source: Source) -> Iterator[Finding]:
    schema = _schema(source.text)
    if not schema or "://" in schema[2]:
        return
    start, end, named = schema
    if not any(os.path.isfile(path_beside(source, path)) for path in _paths(named)):
        import shlex
        from urllib.parse import unquote

        message = f"the schema file `{named}` does not exist"
        path = path_beside(source, unquote(named))
        help = f"correct the path, or write the file: `sftc schema --bundle --output {shlex.quote(path)}`"
        yield MISSING_SCHEMA_FILE.finding(source.span(start, end), message, help=help)
