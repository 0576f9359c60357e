"""Characters that a person cannot see are found and shown by their code point."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sftc
from sftc.findings.finding import ConfigError
from sftc.text.characters import character_name, is_control, is_invisible, visible

INVISIBLE = ["\u00a0", "\u00ad", "\u2009", "\u200b", "\u2028", "\u202e", "\u3000", "\ufeff"]


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
    if unicodedata.category(char)[0] in "LNPS":
        assert not is_invisible(char)
        assert not is_control(char)
