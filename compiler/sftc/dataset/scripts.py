"""Counts characters by script, using the Unicode blocks of living languages."""

from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

OTHER: Final = "other"

_BLOCKS: Final = (
    (0x41, 0x5A, "Latin"),
    (0x61, 0x7A, "Latin"),
    (0xC0, 0x24F, "Latin"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x370, 0x3FF, "Greek"),
    (0x400, 0x52F, "Cyrillic"),
    (0x530, 0x58F, "Armenian"),
    (0x590, 0x5FF, "Hebrew"),
    (0x600, 0x77F, "Arabic"),
    (0x900, 0x97F, "Devanagari"),
    (0x980, 0x9FF, "Bengali"),
    (0xA00, 0xA7F, "Gurmukhi"),
    (0xA80, 0xAFF, "Gujarati"),
    (0xB80, 0xBFF, "Tamil"),
    (0xC00, 0xC7F, "Telugu"),
    (0xC80, 0xCFF, "Kannada"),
    (0xD00, 0xD7F, "Malayalam"),
    (0xE00, 0xE7F, "Thai"),
    (0xE80, 0xEFF, "Lao"),
    (0x1000, 0x109F, "Burmese"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1200, 0x137F, "Ethiopic"),
    (0x1780, 0x17FF, "Khmer"),
    (0x2000, 0x2BFF, ""),
    (0x3000, 0x303F, ""),
    (0x3041, 0x30FF, "Kana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xAC00, 0xD7AF, "Hangul"),
    (0xFE00, 0xFE0F, ""),
    (0xFF00, 0xFFEF, ""),
    (0x1F300, 0x1FAFF, "emoji"),
    (0x20000, 0x323AF, "Han"),
)
"""First code point, last code point, script. Symbols have an empty script; unlisted blocks are `other`."""

_EDGES: Final = sorted({0, 0x80, *(first for first, _, _ in _BLOCKS), *(last + 1 for _, last, _ in _BLOCKS)})


def _name(edge: int) -> str:
    named = (script for first, last, script in _BLOCKS if first <= edge <= last)
    return next(named, OTHER if edge >= 0xA0 else "")


_NAMES: Final = [_name(edge) for edge in _EDGES]


def script(char: str) -> str:
    """Return the script of a character. It is empty for symbols, and for ASCII that is not a letter."""
    return _NAMES[bisect_right(_EDGES, ord(char)) - 1]


def count_scripts(text: str) -> Counter[str]:
    """Return the number of characters of `text` in each script."""
    import numpy as np

    points: NDArray[np.uint32] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    blocks = np.bincount(np.searchsorted(_EDGES, points, "right"), minlength=len(_EDGES) + 1)[1:]
    counts: Counter[str] = Counter()
    for name, number in zip(_NAMES, blocks.tolist(), strict=True):
        counts[name] += number
    del counts[""]
    return +counts
