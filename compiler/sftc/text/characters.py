"""Characters that a person cannot see: which they are, and how messages show them."""

import re
from collections.abc import Iterator
from typing import Final

BLANKS: Final = (
    ("\x00", "\x20"),  # controls and the space
    ("\x7f", "\xa0"),  # controls and the no-break space
    ("\xad", "\xad"),  # soft hyphen
    ("\u034f", "\u034f"),  # combining grapheme joiner
    ("\u061c", "\u061c"),  # Arabic letter mark
    ("\u115f", "\u1160"),  # Hangul fillers
    ("\u1680", "\u1680"),  # Ogham space
    ("\u17b4", "\u17b5"),  # Khmer vowels that are not shown
    ("\u180b", "\u180f"),  # Mongolian variation selectors
    ("\u2000", "\u200f"),  # spaces, zero widths and direction marks
    ("\u2028", "\u202f"),  # separators and embeddings
    ("\u205f", "\u206f"),  # spaces, joiners and isolates
    ("\u2800", "\u2800"),  # blank Braille pattern
    ("\u3000", "\u3000"),  # ideographic space
    ("\u3164", "\u3164"),  # Hangul filler
    ("\ufe00", "\ufe0f"),  # variation selectors
    ("\ufeff", "\ufeff"),  # zero width no-break space
    ("\uffa0", "\uffa0"),  # halfwidth Hangul filler
    ("\ufff9", "\ufffb"),  # interlinear annotation
    ("\U0001bca0", "\U0001bca3"),  # shorthand format controls
    ("\U0001d173", "\U0001d17a"),  # musical format controls
    ("\U000e0000", "\U000e0fff"),  # tags and variation selectors
)
"""The characters that show nothing, as ranges from the first to the last."""

_RANGES: Final = "".join(f"{first}-{last}" for first, last in BLANKS)
_BLANK: Final = re.compile(f"[{_RANGES}]*+")
_INVISIBLE: Final = re.compile(f"(?![\x00-\x20\x7f-\x9f])[{_RANGES}]")
_HIDDEN: Final = re.compile(f"(?! )[{_RANGES}]")


def is_blank(text: str) -> bool:
    """Return whether `text` shows nothing: it is empty, or all of its characters are in `BLANKS`."""
    return _BLANK.fullmatch(text) is not None


def is_invisible(char: str) -> bool:
    """Return whether `char` shows as nothing, or as a space that is not the plain one."""
    return _INVISIBLE.match(char) is not None


def is_control(char: str) -> bool:
    """Return whether `char` is a control character, such as a tab or a line break."""
    return char < " " or "\x7f" <= char < "\xa0"


def hidden_places(text: str) -> Iterator[int]:
    """Yield where the invisible and the control characters of `text` are."""
    return (found.start() for found in _HIDDEN.finditer(text))


def character_name(char: str) -> str:
    """Return the code point of `char`, and its name if it has one: `U+00A0 NO-BREAK SPACE`."""
    import unicodedata

    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X}" + (f" {name}" if name else "")


def plain_form(char: str) -> str | None:
    """Return the ASCII character that `char` is the full-width form of, such as `=` for U+FF1D."""
    return chr(ord(char) - 0xFEE0) if "\uff01" <= char <= "\uff5e" else None


def escaped_json(text: str) -> str:
    """Return JSON text with invisible and control characters as escapes, which mean the same in JSON."""
    if text.isascii():
        return text
    hidden = {char for char in set(text) if not char.isascii() and (is_control(char) or is_invisible(char))}
    return text.translate({ord(char): _json_escape(char) for char in hidden})


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def visible(text: str) -> str:
    """Return `text` with each invisible character as its code point: `a<U+00A0>b`."""
    if text.isascii():
        return text
    return _INVISIBLE.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
