"""Positions in the units of an editor."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.editor.client_positions import ClientPositions, Encoding, LinePosition

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
TEXTS = st.text(st.sampled_from("a é😀\u2028\x0b\n\r"), max_size=30)


@given(TEXTS, st.sampled_from(ENCODINGS))
def test_each_character_has_its_own_position(text: str, encoding: Encoding) -> None:
    positions = ClientPositions(text, encoding)
    inside = [each.start() + 1 for each in re.finditer("\r\n", text)]
    for offset in range(len(text) + 1):
        if offset not in inside:
            assert positions.offset(positions.position(offset)) == offset


@pytest.mark.parametrize(
    ("encoding", "units"), [("utf-8", 4 + 2), ("utf-16", 2 + 1), ("utf-32", 2)], ids=ENCODINGS
)
def test_code_units(encoding: Encoding, units: int) -> None:
    assert ClientPositions("x\r\n😀éx", encoding).position(5) == LinePosition(1, units)


def test_only_the_line_breaks_of_the_protocol_count() -> None:
    text = "a\u2028b\x0bc\x85d\re\r\nf\ng"
    lines = [ClientPositions(text, "utf-16").position(text.index(letter)).line for letter in "abcdefg"]
    assert lines == [0, 0, 0, 0, 1, 2, 3]


def test_what_is_beyond_the_end_is_the_end() -> None:
    positions = ClientPositions("ab\nc", "utf-16")
    assert positions.offset(LinePosition(0, 99)) == 2
    assert positions.offset(LinePosition(99, 0)) == 4
    assert ClientPositions("😀b", "utf-16").offset(LinePosition(0, 1)) == 0


def test_a_lone_surrogate_is_a_character() -> None:
    positions = ClientPositions("\ud800x", "utf-16")
    assert positions.position(1) == LinePosition(0, 1)
