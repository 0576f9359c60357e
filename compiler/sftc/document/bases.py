"""A config and those that it extends: the files read, one after the other, and their values merged."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from sftc.document.reading import path_beside, read_beside, read_source
from sftc.document.toml import Document, parse
from sftc.findings.finding import ConfigError
from sftc.findings.rule import Rule
from sftc.findings.stage_rules.extending import BASE_VERSION, ENDLESS_EXTENDS, UNREADABLE_BASE
from sftc.text.characters import is_control
from sftc.text.keys import ABSENT, Path, quoted
from sftc.text.placeholders import placeholder_in
from sftc.text.source import Source

MOST: Final = 8
"""The most configs of a chain, the first one included."""

SUFFIX: Final = ".toml"
"""The end of the name of a base. An error shows lines of it, so it must not be any file."""


def with_bases(document: Document, key: str, agrees: Callable[[Document], bool]) -> Document:
    """Return a document with the values of the configs that it extends below its own.

    Tables are merged key by key; any other value replaces that of the base.

    Args:
        document: the config, without overrides.
        key: the name of the top-level key that names a base.
        agrees: returns whether a base is of the same version of the contract.

    Raises:
        ConfigError: a base cannot be read, is not TOML, is of another version, or extends what extends it.
    """
    chain = [document]
    while chain[-1].get((key,)) is not ABSENT:
        chain.append(_base(chain, (key,), agrees))
    extended = chain.pop()
    for upper in reversed(chain):
        extended = Document(upper.source, _merged(upper.values, extended.values), (), extended)
    return extended


def chain_of(path: str, key: str) -> list[str]:
    """Return the path of a config and of those that it extends, as far as they are files and TOML."""
    found = [path]
    with suppress(OSError, ValueError, ConfigError):
        source = read_source(path, only_file=True)
        while len(found) < MOST and isinstance(named := parse(source).get((key,)), str):
            found.append(path_beside(source, named))
            source = read_beside(source, named)
    return found


def _base(chain: list[Document], path: Path, agrees: Callable[[Document], bool]) -> Document:
    """Return the config that the last of `chain` extends."""

    def wrong(rule: Rule, message: str, help: str) -> ConfigError:
        return ConfigError([rule.finding(document.span(path), message, path=path, help=help)])

    document = chain[-1]
    named = document.get(path)
    if not isinstance(named, str) or not named.endswith(SUFFIX):
        written = "a table" if isinstance(named, dict) else f"`{document.snippet(path)}`"
        message = f"`{path[0]}` must be the path of a config that ends in `{SUFFIX}`, not {written}"
        raise wrong(UNREADABLE_BASE, message, f'for example: `{path[0]} = "base.toml"`')
    try:
        source = _read(document.source, named)
    except ConfigError as error:
        for found in error.findings:
            found.span.source.depth = len(chain)
        raise
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        has_escape = any(map(is_control, named))
        message = f"the base `{document.snippet(path) if has_escape else named}` cannot be read: {reason}"
        raise wrong(UNREADABLE_BASE, message, _instead_of(document.span(path).text, named)) from None
    names = [each.source.name for each in chain]
    is_again = os.path.realpath(source.name) in map(os.path.realpath, names)
    if is_again or len(chain) == MOST:
        first, *rest = [f"`{name}`" for name in [*names, source.name]]
        message = f"{first} extends {', which extends '.join(rest)}"
        end = "" if is_again else f", and more: at most {MOST} configs may be in a chain"
        raise wrong(ENDLESS_EXTENDS, message + end, f"remove `{path[0]}` from one of them")
    source.depth = len(chain)
    try:
        base = parse(source)
    except ConfigError as error:  # a fix of the base is not one of the config that extends it
        raise ConfigError(found._replace(fix=None) for found in error.findings) from None
    if not agrees(base):
        message = f"the base `{named}` is of another version of the contract than this config"
        help = "write the same `schema_version` at the top of both, or rewrite the base with `sftc migrate`"
        raise wrong(BASE_VERSION, message, help)
    return base


def _instead_of(written: str, named: str) -> str:
    """Return what to do about the path of a base that cannot be read."""
    if any(map(is_control, named)) and "\\" in written:
        slashes = written.strip("\"'").replace("\\\\", "/").replace("\\", "/")
        return f"in double quotes a backslash starts an escape: write `{quoted(slashes)}`"
    if placeholder := placeholder_in(named, is_name=True):
        return f"nothing replaces `{placeholder}`: write the path"
    return "correct the path; it is relative to the folder of this file"


def _read(source: Source, path: str) -> Source:
    return source.beside(path) if source.beside else read_beside(source, path)


def _merged(upper: dict[str, Any], lower: dict[str, Any]) -> dict[str, Any]:
    """Return the values of two tables; those of `upper` count more."""
    merged = {**lower, **upper}
    for name in lower.keys() & upper.keys():
        if isinstance(upper[name], dict) and isinstance(lower[name], dict):
            merged[name] = _merged(upper[name], lower[name])
    return merged
