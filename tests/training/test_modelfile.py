"""The Modelfile of Ollama: chat templates that can be told as Go templates, and others."""

from collections.abc import Callable
from typing import Any

import pytest
from chance_model import TEMPLATE

from sftc.training.export.modelfile import (
    UntranslatableError,
    begins_itself,
    find_pieces,
    modelfile,
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
    assert "TEMPLATE" not in modelfile("model.gguf", None, [], "A note.")


def test_a_system_message_of_the_template(pieces_of: Callable[[str], Any]) -> None:
    pieces = pieces_of(BEGINS + TEMPLATE)
    go = without_begin(pieces, "<s>").in_go()
    assert go.startswith(
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n"
        "{{ else }}<|im_start|>system\nBe kind.<|im_end|>\n{{ end }}{{ range"
    )
    assert begins_itself({"tokenizer.ggml.model": "llama"})
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
    ],
)
def test_templates_that_do_more(template: str, reason: str, pieces_of: Callable[[str], Any]) -> None:
    with pytest.raises(UntranslatableError, match=reason):
        pieces_of(template)


def test_a_model_without_a_template(pieces_of: Callable[[str], Any]) -> None:
    with pytest.raises(UntranslatableError, match="has no chat template"):
        pieces_of("")
