"""Passes rows that differ only in their texts from a row without findings, by compiled code.

The skeleton of a row has its structure, its names and the values that rules compare. Of each text it
has only whether it shows something (`"t"`), nothing (`" "`) or is empty (`""`), and each number is
`0` or `1`:

    {"messages":[{"role":"user","content":"t"},{"role":"assistant","content":"t"}]}

Whether a row has findings depends only on its skeleton, if it has one. A row has none if it is not
JSON in UTF-8, or has a NUL, an unpaired surrogate, a repeated name or the sign of a special token. So
`examine_row` is asked about the first row of each skeleton, and its answer holds for all others. No
rule is repeated here, but `USES` lists the values that rules look into.

`skeletons.c` is compiled when the package is built. If that was not possible, `layout.py` does its
work, more slowly and for fewer rows. Property tests compare both with `examine_row`.
"""

import ctypes
import os
from array import array
from typing import Final

from sftc.dataset.advice import SIGNS
from sftc.dataset.sieve import Examine, Sieve, each_line
from sftc.text.characters import BLANKS

LIBRARY: Final = os.path.join(os.path.dirname(__file__), "libskeletons.so")

USES: Final = (
    (),
    # a word, which the skeleton repeats
    (b"role", b"type", b"weight"),
    # an identifier, of which the skeleton has only which other identifiers of the row it equals
    (b"id", b"tool_call_id", b"name"),
    # a JSON object, or one in a string: the row has no skeleton if the string is anything else
    (b"arguments",),
    # an object or a list, of which the skeleton has only whether it is empty
    (b"parameters", b"metadata"),
)
"""The names whose values are more than texts, in the order of `enum use` in `skeletons.c`."""

_ROOM: Final = 1 << 18
"""The size in bytes of all skeletons of a chunk. Further rows of the chunk have none."""

_MOST_KNOWN: Final = 1 << 14
"""The number of skeletons that are remembered."""

_NO_SKELETON: Final = 0
_BLANK_LINE: Final = 255


class _Rules(ctypes.Structure):
    _fields_ = (
        ("blanks", ctypes.c_void_p),
        ("blank_ranges", ctypes.c_int64),
        ("signs", ctypes.c_char_p),
        ("names", ctypes.c_char_p),
        ("longest_line", ctypes.c_int64),
    )


class Skeletons:
    """A sieve that remembers the skeletons of rows without findings.

    Raises:
        OSError: the library was not built, or not for this machine.
    """

    def __init__(self, longest: int) -> None:
        self._scan = ctypes.CDLL(LIBRARY).skeletons
        self._scan.restype = ctypes.c_int64
        self._blanks = array("I", [ord(char) for pair in BLANKS for char in pair])
        signs = b"".join(_counted(sign) for sign in SIGNS) + b"\0"
        names = b"".join(bytes([use]) + _counted(name) for use, names in enumerate(USES) for name in names)
        self._rules = _Rules(_address(self._blanks), len(BLANKS), signs, names + b"\xff", longest)
        self._found = array("B", bytes(_ROOM))
        self._clean: set[bytes] = set()

    def sift(self, data: bytes, lines: int, examine: Examine) -> "array[int]":
        """Call `examine` for the lines that it must look at, and return a digest of each line."""
        digests, kinds, skeletons = self.scan(data, lines)
        known = {kind for kind, skeleton in enumerate(skeletons) if skeleton in self._clean}
        seen = bytes(kinds)
        if all(kind in known for kind in range(1, len(skeletons))) and not any(
            kind in seen for kind in (_NO_SKELETON, _BLANK_LINE)
        ):
            return digests
        for at, start, line in each_line(data):
            kind = kinds[at]
            if kind not in known and examine(at, start, line) and kind not in {_NO_SKELETON, _BLANK_LINE}:
                known.add(kind)
                if len(self._clean) < _MOST_KNOWN:
                    self._clean.add(skeletons[kind])
        return digests

    def scan(self, data: bytes, lines: int) -> "tuple[array[int], array[int], list[bytes]]":
        """Return a digest and a kind of each line, and the skeleton of each kind.

        Kind 0 has no skeleton, and kind 255 is a blank line.
        """
        digests, kinds = array("Q", bytes(8 * lines)), array("B", bytes(lines))
        size = self._scan(
            ctypes.byref(self._rules),
            data,
            ctypes.c_int64(len(data)),
            ctypes.c_int64(lines),
            *(ctypes.c_void_p(_address(each)) for each in (digests, kinds, self._found)),
            ctypes.c_int64(_ROOM),
        )
        return digests, kinds, [b"", *self._found[:size].tobytes().split(b"\n")[:-1]]


def fastest_sieve(longest: int) -> Sieve:
    """Return the fastest sieve on this machine. It passes no line of more than `longest` bytes."""
    try:
        return Skeletons(longest)
    except OSError:  # there is no compiled code
        from sftc.dataset.layout import Layouts

        return Layouts(longest)


def _counted(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _address(items: "array[int]") -> int:
    return items.buffer_info()[0]
