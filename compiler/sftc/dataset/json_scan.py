"""Scans JSON text strictly (RFC 8259) for the position of each value, and for errors.

It is slower than other parsers but reports more, so it runs only for rows with a finding. It keeps
its own stack, so that deep nesting cannot exhaust Python's.
"""

import re
from typing import Final, NamedTuple

from sftc.text.characters import character_name, is_control, is_invisible, plain_form
from sftc.text.keys import Path

_SPACE = re.compile(r"[ \t\n\r]*+")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null")
_WORD = re.compile(r"[\w.+-]+")
_IN_STRING = re.compile(r'[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+')
_LONE = re.compile(
    r"\\u(?:[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\.",
    re.DOTALL,
)
_HALF = 6
"""Length of an unpaired surrogate as an escape, such as `\\ud83d`."""

MAX_DEPTH: Final = 500
"""Levels of nesting that a row may have."""

PLACES = 64
"""Depth to which positions are kept. The paths of a text take memory that grows with its depth squared."""


_MEANT: Final = {
    "True": "true",
    "False": "false",
    "None": "null",
    "undefined": "null",
    "NaN": "null",
    "Infinity": "null",
    "-Infinity": "null",
    "'": '"',
    "\u2018": '"',
    "\u2019": '"',
    "\u201c": '"',
    "\u201d": '"',
}
"""What JSON has for what other languages and word processors write."""


_DELETE: Final = "delete the character, or write a plain space instead"
_CONVERT: Final = "`sftc dataset convert` writes one row on each line"


UTF16_LINE: Final = "`>>` in PowerShell 5 appends UTF-16 to a file: write these rows again, as UTF-8"


class NotJsonError(Exception):
    """The text is not JSON.

    Attributes:
        at: the offset of the error, in characters.
        help: what to do, if that is known.
    """

    def __init__(self, message: str, at: int, help: str | None = None) -> None:
        self.at = at
        self.help = help
        super().__init__(message)


class Name(NamedTuple):
    """A name in an object: the path of its value, and the position of the name."""

    path: Path
    start: int
    end: int


class Scan:
    """The positions of the values in `text`, as offsets in characters. Errors call the text `what`.

    Attributes:
        places: the position of each value by its path, down to `PLACES` levels.
        repeated: the names that occur for a second time in their object.
        surrogates: the positions of unpaired surrogates.
        depth: the number of levels of nesting.

    Raises:
        NotJsonError: the text is not JSON.
    """

    def __init__(self, text: str, what: str = "row") -> None:
        self.text = text
        self._what = what
        self.places: dict[Path, tuple[int, int]] = {}
        self.repeated: list[Name] = []
        self.surrogates: list[tuple[int, int]] = []
        self.depth = 0
        self._path: list[str | int] = []
        self._names: list[set[str] | None] = []
        self._begun: list[int] = []
        self._run()

    def _run(self) -> None:
        text = self.text
        at, opened = self._value(self._space(0))
        while self._names:
            names, at = self._names[-1], self._space(at)
            closing = "]" if names is None else "}"
            if text.startswith(closing, at):
                at, opened = self._close(at), False
                continue
            if not opened:
                if not text.startswith(",", at):
                    raise self._instead(at, f"`,` or `{closing}`")
                comma, at = at, self._space(at + 1)
                if text.startswith(closing, at):
                    raise NotJsonError(f"remove the trailing comma before `{closing}`", comma)
            if names is None:
                self._path[-1] = int(self._path[-1]) + 1
            else:
                at = self._name(at, names)
            at, opened = self._value(at)
        if self._space(at) < len(text):
            raise self._extra(at)

    def _value(self, at: int) -> tuple[int, bool]:
        """Return where to continue after `at`, and whether an object or a list opens there."""
        char = self.text[at : at + 1]
        if char in {"{", "["}:
            self._begun.append(at)
            self._names.append(set() if char == "{" else None)
            self._path.append(-1)
            self.depth = max(self.depth, len(self._names))
            return at + 1, True
        end = self._string(at) if char == '"' else self._scalar(at)
        self._put(at, end)
        return end, False

    def _close(self, at: int) -> int:
        self._path.pop()
        self._names.pop()
        self._put(self._begun.pop(), at + 1)
        return at + 1

    def _put(self, start: int, end: int) -> None:
        if len(self._path) <= PLACES:
            self.places[tuple(self._path)] = (start, end)

    def _name(self, at: int, names: set[str]) -> int:
        if self.text[at : at + 1] != '"':
            raise self._instead(at, "a name in double quotes")
        end = self._string(at)
        name = _unescaped(self.text[at:end])
        self._path[-1] = name
        if name in names:
            self.repeated.append(Name(tuple(self._path), at, end))
        names.add(name)
        colon = self._space(end)
        if self.text[colon : colon + 1] != ":":
            raise self._instead(colon, "`:`")
        return self._space(colon + 1)

    def _space(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def _string(self, at: int) -> int:
        match = _STRING.match(self.text, at)
        if match:
            if "\\u" in match[0]:
                for found in _LONE.finditer(self.text, at, match.end()):
                    if len(found[0]) == _HALF:
                        self.surrogates.append(found.span())
            return match.end()
        inside = _IN_STRING.match(self.text, at + 1)
        stop = inside.end() if inside else at + 1
        char = self.text[stop : stop + 1]
        if not char:
            raise NotJsonError(f"the {self._what} ends inside this string", at)
        if char == "\\":
            raise NotJsonError(f"`{self.text[stop : stop + 2]}` is not a valid JSON escape", stop)
        raise NotJsonError(
            f"control character U+{ord(char):04X} in a string: write it as `\\u{ord(char):04x}`", stop
        )

    def _scalar(self, at: int) -> int:
        match = _SCALAR.match(self.text, at)
        if not match:
            raise self._instead(at, "a value")
        word = _WORD.match(self.text, at)
        if word and word.end() > match.end():
            raise NotJsonError(f"`{word[0][:40]}` is not a valid JSON value", at)
        return match.end()

    def _instead(self, at: int, expected: str) -> NotJsonError:
        rest = self.text[at : at + 40]
        if not rest:
            return NotJsonError(f"expected {expected}, but the {self._what} ends", at)
        if rest[0] == "\0" and (rest[1:2] not in {"", "\0"} or (not rest.strip("\0\n\r") and len(rest) == 1)):
            return NotJsonError(f"expected {expected}, found a NUL byte, as in UTF-16", at, UTF16_LINE)
        if rest[0] == "\0":
            text = f"expected {expected}, found NUL bytes: writing this file may have been interrupted"
            return NotJsonError(text, at)
        if hidden := _hidden(rest[0]):
            return NotJsonError(f"expected {expected}, found {hidden}", at, _DELETE)
        word = _WORD.match(rest)
        found = word[0] if word else rest[0]
        meant = _MEANT.get(found) or plain_form(found[0])
        help = f"JSON has no `{found}`: write `{meant}`" if meant else None
        if found == "'":
            help = f"{help}, or let `json.dumps` of Python write it: `str` does not write JSON"
        return NotJsonError(f"expected {expected}, found `{found}`", at, help)

    def _extra(self, end: int) -> NotJsonError:
        """Return the error about what follows the row, which ends at `end`."""
        at = self._space(end)
        rest = self.text[at:]
        if "\r" in self.text[end:at]:
            return NotJsonError("a carriage return (U+000D) alone does not end a line", at, _CONVERT)
        if hidden := _hidden(rest[0]):
            return NotJsonError(f"{hidden} after the {self._what}", at, _DELETE)
        if self._what != "row":
            return NotJsonError("extra text after the value", at)
        if rest[0] == ",":
            return NotJsonError("a comma after the row: remove it", at, _CONVERT)
        help = _CONVERT if rest[0] in "{[" else None
        return NotJsonError("extra text after the row: write one row per line", at, help)


def _hidden(char: str) -> str | None:
    """Return what to call a character that is not seen, or that is taken for a space."""
    return character_name(char) if is_control(char) or is_invisible(char) else None


def _unescaped(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    import json

    return str(json.loads(token))
