"""Values from flags or a caller, which override those of the file."""

import re
import tomllib
from typing import Any, Self

from sftc.text.keys import ABSENT
from sftc.text.source import Source, Span

_FLAG = "--set "
_QUOTED_OR_NESTED = tuple("\"'[{")


class Override:
    """One key set from outside the file: `path` is its TOML path, `value` its TOML value."""

    def __init__(self, path: tuple[str, ...], value: Any, source: Source, value_at: int) -> None:
        self.path = path
        self.value = value
        self._source = source
        self._value_at = value_at

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `KEY=VALUE` as the flag `--set` takes it.

        KEY is a dotted TOML key. VALUE is a TOML value; any other text that does not open a
        quote, list or table is a string, so that a bare word needs no quotes.

        Raises:
            ValueError: `text` does not have that form; the message is for a person.
        """
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{text!r} is not UTF-8.") from None
        at = _end_of_key(text)
        key, value = text[:at], text[at + 1 :]
        source = Source(_FLAG.strip(), _FLAG + text, is_flag=True)
        return cls(_path(key), _value(value), source, len(_FLAG) + at + 1)

    @classmethod
    def of(cls, key: str, value: Any) -> Self:
        """Set the dotted TOML `key` to `value`, a Python value that TOML can write.

        Raises:
            ValueError: `key` is not a dotted TOML key, or TOML cannot represent `value`.
        """
        import tomlkit

        _path(key)
        try:
            # Inside a list tomlkit writes tables inline.
            return cls.parse(f"{key}={tomlkit.item([[value]]).as_string()[2:-2]}")
        except (TypeError, RecursionError) as error:
            raise ValueError(f"{value!r} is not a TOML value.") from error

    def key_span(self) -> Span:
        """The key, within the text of the flag."""
        return self._source.span(len(_FLAG), self._value_at - 1)

    def value_span(self) -> Span:
        """The value, within the text of the flag."""
        return self._source.span(self._value_at, len(self._source.text))


def _end_of_key(text: str) -> int:
    match = re.match(r"""(?:[^"'=]|"(?:[^"\\]|\\.)*"|'[^']*')*""", text)
    end = match.end() if match else 0
    if not text.startswith("=", end):
        raise ValueError(f"{text!r} is not of the form KEY=VALUE.")
    return end


def _path(key: str) -> tuple[str, ...]:
    message = f"{key!r} is not a dotted TOML key."
    part = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*')"""
    if not re.fullmatch(rf"\s*{part}(?:\s*\.\s*{part})*\s*", key):
        raise ValueError(message)
    try:
        table: Any = tomllib.loads(f"{key.strip()} = 0")
    except ValueError:
        raise ValueError(message) from None
    path = []
    while isinstance(table, dict):
        [(name, table)] = table.items()
        path.append(name)
    return tuple(path)


def toml_value(text: str) -> Any:
    """Return the TOML value that `text` spells, or `ABSENT` if it is not a TOML value."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return ABSENT
    return table["value"] if list(table) == ["value"] else ABSENT


def _value(text: str) -> Any:
    value = toml_value(text.strip())
    if value is not ABSENT:
        return value
    if not text.strip() or text.strip().startswith(_QUOTED_OR_NESTED):
        raise ValueError(f"{text!r} is not a TOML value.")
    return text
