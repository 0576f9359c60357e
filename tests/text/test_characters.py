"""Characters that a person cannot see are found and shown by their code point."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sftc
from sftc.findings.finding import ConfigError
from sftc.text.characters import BLANKS, character_name, is_blank, is_control, is_invisible, visible

INVISIBLE = [
    "\u00a0",
    "\u00ad",
    "\u2009",
    "\u200b",
    "\u2028",
    "\u202e",
    "\u3000",
    "\ufeff",
    "\u2800",
    "\u3164",
]


@pytest.mark.parametrize("char", INVISIBLE)
def test_a_message_shows_the_code_point(char: str) -> None:
    code = f"U+{ord(char):04X}"
    assert visible(f"a{char}b") == f"a<{code}>b"
    text = f'[job]\nmodel = "m"\n[compute]\ngpu_type = "H{char}1"\n[training]\n"use{char}x" = true\n'
    messages = [found.message for found in sftc.compile(text).findings]
    assert len(messages) == 2
    assert all(code in message and char not in message for message in messages)


@pytest.mark.parametrize("char", [*INVISIBLE])
def test_a_syntax_error_names_the_character(char: str) -> None:
    text = f'[job]\nmodel = "m"\n[hyperparameters]\nn_epochs{char} = 3\n'
    with pytest.raises(ConfigError) as raised:
        _ = sftc.compile(text).payload
    [found] = raised.value.findings
    assert character_name(char) in found.message
    assert (found.span.line, found.span.column) == (4, 9)


@given(st.characters())
def test_what_is_seen_is_not_marked(char: str) -> None:
    assert not (is_invisible(char) and is_control(char))
    assert visible(char) == (f"<U+{ord(char):04X}>" if is_invisible(char) else char)
    if unicodedata.category(char)[0] in "LNPS" and char not in FILLERS:
        assert not is_invisible(char)
        assert not is_control(char)


FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that show nothing."""
SIGNS = {"\u0600", "\u0605", "\u06dd", "\u070f", "\u0890", "\u0891", "\u08e2", "\U000110bd", "\U000110cd"}
"""Format characters that are seen: Arabic, Syriac and Kaithi signs around numbers."""


def test_blank_characters_are_those_that_unicode_gives_no_shape() -> None:
    """White space, controls and format characters are blank; letters and signs are not, but for fillers."""
    blank = {chr(code) for first, last in BLANKS for code in range(ord(first), ord(last) + 1)}
    by_category = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code))[0] in "ZC"]
    for char in by_category:
        category = unicodedata.category(char)
        if category in {"Zs", "Zl", "Zp", "Cc"}:
            assert char in blank
        if category == "Cf":
            shown = char in SIGNS or "\u0600" <= char <= "\u0605" or "\U00013430" <= char <= "\U0001345f"
            assert shown == (char not in blank), hex(ord(char))
    seen = {char for char in blank if unicodedata.category(char)[0] in "LNPS"} - {*FILLERS}
    assert not seen


@pytest.mark.parametrize(
    "text", ["", " ", "\t\r\n", "\x00", *INVISIBLE, "".join(INVISIBLE), "\ufe0f", "\U000e0041"]
)
def test_a_text_that_shows_nothing_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}.")
    assert not is_blank(f".{text}")
