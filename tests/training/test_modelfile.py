"""The Modelfile of Ollama: chat templates that can be told as Go templates, and others."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from chance_model import TEMPLATE
from hypothesis import given
from hypothesis import strategies as st

from sftc.training.export.modelfile import (
    UntranslatableError,
    begins_itself,
    find_pieces,
    modelfile,
    quoted_value,
    without_begin,
)
from support import tiny_model

CHATML = """{{ if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ range .Messages }}{{ if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ .Content }}<|im_end|>
{{ end }}{{ end }}<|im_start|>assistant
"""
BEGINS = (
    "<s>{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}{% endif %}"
)
REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('no system messages') }}{% endif %}"
ASKS = "{% if add_generation_prompt %}{{ '[answer]' }}{% endif %}"


def read(text: str) -> list[tuple[str, str]]:
    """Return the commands of a Modelfile and their values, as Ollama reads them.

    A value ends with the first line after which its quotes are closed. What is not printable is left out.
    """
    commands: list[tuple[str, str]] = []
    lines = iter(text.splitlines(keepends=True))
    for line in lines:
        if line.startswith("#"):
            continue
        name, _, value = line.removeprefix("PARAMETER ").partition(" ")
        for more in chain([""], lines):
            value += more
            kept = "".join(char for char in value if char.isprintable() or char in "\n\t").strip()
            quotes = next((each for each in ('"""', '"') if kept.startswith(each)), "")
            if len(kept) >= 2 * len(quotes) and kept.endswith(quotes):
                commands.append((name, kept[len(quotes) : len(kept) - len(quotes)]))
                break
    return commands


def plain(body: str) -> str:
    return "{% for m in messages %}" + body + "{% endfor %}" + ASKS


@pytest.fixture
def pieces_of() -> Callable[[str], Any]:
    return lambda template: find_pieces(tiny_model.tokenizer(template))


def test_a_template_that_puts_texts_around_messages(pieces_of: Callable[[str], Any]) -> None:
    pieces = pieces_of(TEMPLATE)
    assert pieces.in_go() == CHATML
    text = modelfile("model.gguf", pieces, ["<|im_end|>", "</s>"], "A note.")
    assert text == (
        f'# A note.\nFROM ./model.gguf\nTEMPLATE """{CHATML}"""\n'
        'PARAMETER stop "<|im_end|>"\nPARAMETER stop "</s>"\n'
    )
    stops = [("stop", "<|im_end|>"), ("stop", "</s>")]
    assert read(text) == [("FROM", "./model.gguf"), ("TEMPLATE", CHATML), *stops]
    assert "TEMPLATE" not in modelfile("model.gguf", None, [], "A note.")


def test_a_system_message_of_the_template(pieces_of: Callable[[str], Any]) -> None:
    pieces = pieces_of(BEGINS + TEMPLATE)
    go = without_begin(pieces, "<s>").in_go()
    assert go.startswith(
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n"
        "{{ else }}<|im_start|>system\nBe kind.<|im_end|>\n{{ end }}{{ range"
    )
    assert begins_itself({"tokenizer.ggml.model": "llama"})
    assert begins_itself({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe"})
    assert not begins_itself({"tokenizer.ggml.model": "gpt2"})
    assert not begins_itself({"tokenizer.ggml.model": "llama", "tokenizer.ggml.add_bos_token": False})


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (REFUSES + TEMPLATE, "refuses plain conversations: no system messages"),
        ("{{ strftime_now('%d') }}" + TEMPLATE, "prints the date"),
        (plain("[{{ m.role }}{{ loop.index }}]{{ m.content }}"), "more than one way"),
        (plain("{% if not loop.first %}[{{ m.role }}]{{ m.content }}{% endif %}"), "leaves out or moves"),
        (plain("[{{ m.role }}]{{ m.content | upper }}"), "more than put texts around"),
        ("{{ '{{' }}" + plain("[{{ m.role }}]{{ m.content }}[end]"), "cannot quote"),
        (plain("[{{ m.role }}]{{ '{' }}{{ m.content }}[end]"), "cannot quote"),
        (plain('[{{ m.role }}]"""{{ m.content }}[end]'), "cannot quote"),
        (plain("[{{ m.role }}]\u200b{{ m.content }}[end]"), "cannot quote"),
    ],
)
def test_templates_that_do_more(template: str, reason: str, pieces_of: Callable[[str], Any]) -> None:
    with pytest.raises(UntranslatableError, match=reason):
        pieces_of(template)


def test_a_model_without_a_template(pieces_of: Callable[[str], Any]) -> None:
    with pytest.raises(UntranslatableError, match="has no chat template"):
        pieces_of("")


@given(st.text(st.sampled_from('a" \n\t{#\u00e9\u200b\x1b')))
def test_what_is_quoted_is_read_back(text: str) -> None:
    if quoted_value(text) is not None:
        written = modelfile("model.gguf", None, [text, "end"], "A note\nof\ntwo lines.")
        assert read(written) == [("FROM", "./model.gguf"), ("stop", text), ("stop", "end")]
    else:
        assert not text or '"""' in text or not text.replace("\n", "").replace("\t", "").isprintable()


@pytest.mark.parametrize("text", ['"', '""', 'a"', '"a', ' " ', "\n", '"\n"', " a\t"])
def test_texts_with_quotes_and_spaces_are_quoted(text: str) -> None:
    assert quoted_value(text) is not None
