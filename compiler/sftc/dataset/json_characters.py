r"""Expressions for one character of a JSON string in UTF-8, raw or escaped, for an automaton on bytes.

`VISIBLE` matches a character that shows something, and `BLANK` one that is in `BLANKS`. Neither
matches NUL, unpaired surrogates, and escaped ASCII such as `\u003c`, which can hide a special token.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from sftc.text.characters import BLANKS

Range = tuple[int, int]
"""The first and the last of consecutive numbers."""

_CONTROLS: Final = (0x00, 0x1F)
_ASCII: Final = ((0x00, 0x00), (0x20, 0x7F))
"""The ASCII characters whose escapes do not count: NUL and those of special tokens."""
_SURROGATES: Final = (0xD800, 0xDFFF)
_TAILS: Final = (0xDC00, 0xDFFF)
_ABOVE: Final = (0x10000, 0x10FFFF)
"""The characters that are two units as escapes, with `_HALF` bits each."""
_HALF: Final = 10
_LENGTHS: Final = (0x00, 0x80, 0x800, 0x10000, 0x110000)
"""The code points at which a character takes one byte more in UTF-8, and the end."""


def _without(ranges: Iterable[Range], first: int, last: int) -> Iterator[Range]:
    """Yield the numbers from `first` to `last` that are in none of `ranges`."""
    for low, high in sorted(ranges):
        if low > last:
            break
        if first < low:
            yield first, low - 1
        first = max(first, high + 1)
    if first <= last:
        yield first, last


def _products(first: int, last: int, bits: int, digits: int) -> Iterator[Range]:
    """Split a range so that the digits, of `bits` bits each, vary independently in each part."""
    for number in range(1, digits):
        mask = (1 << bits * number) - 1
        if first & ~mask != last & ~mask and (first & mask or ~last & mask):
            at = (first | mask) + 1 if first & mask else last & ~mask
            yield from _products(first, at - 1, bits, digits)
            yield from _products(at, last, bits, digits)
            return
    yield first, last


def _raw(ranges: Iterable[Range]) -> Iterator[str]:
    """Yield expressions for characters as they are."""
    for first, last in ranges:
        for length, low in enumerate(_LENGTHS[:-1], 1):
            begin, end = max(first, low), min(last, _LENGTHS[length] - 1)
            for ends in _products(begin, end, 6, length) if begin <= end else ():
                units = zip(*(chr(code).encode() for code in ends), strict=True)
                yield "".join(rf"[\x{one:02x}-\x{other:02x}]" for one, other in units)


def _escaped(ranges: Iterable[Range]) -> Iterator[str]:
    r"""Yield expressions for UTF-16 units as escapes, such as `\u00e9`."""
    for first, last in ranges:
        for low, high in _products(first, last, 4, 4):
            ends = zip(f"{low:04x}", f"{high:04x}", strict=True)
            yield r"\\u" + "".join(f"[{_hex(int(one, 16), int(other, 16))}]" for one, other in ends)


def _hex(first: int, last: int) -> str:
    digits = "".join(f"{digit:x}" for digit in range(first, last + 1))
    return "".join(sorted({*digits, *digits.upper()}))


def _pairs(ranges: Iterable[Range]) -> Iterator[str]:
    r"""Yield expressions for characters of two UTF-16 units as escapes, such as `\ud83d\ude00`."""
    for first, last in ranges:
        for low, high in _products(first - _ABOVE[0], last - _ABOVE[0], _HALF, 2):
            leads = (_SURROGATES[0] + (low >> _HALF), _SURROGATES[0] + (high >> _HALF))
            tails = (_TAILS[0] + low % (1 << _HALF), _TAILS[0] + high % (1 << _HALF))
            yield "".join(f"(?:{'|'.join(_escaped([units]))})" for units in (leads, tails))


_BLANKS: Final = [(ord(first), ord(last)) for first, last in BLANKS]
_QUOTED: Final = [(ord(char), ord(char)) for char in '"\\']

VISIBLE: Final = "|".join(
    (
        *_raw(_without([*_BLANKS, *_QUOTED, _SURROGATES], 0, _ABOVE[1])),
        r'\\["\\/]',
        *_escaped(_without([*_BLANKS, _SURROGATES], 0x80, 0xFFFF)),
        *_pairs(_without(_BLANKS, *_ABOVE)),
    )
)

BLANK: Final = "|".join(
    (
        *_raw(each for blank in _BLANKS for each in _without([_CONTROLS], *blank)),
        r"\\[bfnrt]",
        *_escaped(each for blank in _BLANKS for each in _without([*_ASCII, _ABOVE], *blank)),
        *_pairs(blank for blank in _BLANKS if blank[0] >= _ABOVE[0]),
    )
)
