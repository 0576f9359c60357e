"""Only the tokens of assistant messages are trained on."""

import json
from typing import Any

import pytest
from chance_model import TEMPLATE
from hypothesis import given
from hypothesis import strategies as st

from sftc.training.chat_template import UnspeakableError, encode
from support.tiny_model import tokenizer

MARKED = TEMPLATE.replace(
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}",
    "{{- '<|im_start|>' + message.role + '\n' }}"
    "{%- if message.role == 'assistant' %}{% generation %}{{- message.content + '<|im_end|>' }}"
    "{% endgeneration %}{{- '\n' }}{%- else %}{{- message.content + '<|im_end|>\n' }}{%- endif %}",
)
FORGETFUL = (  # like templates of reasoning models: earlier answers are rendered without reasoning
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\n' }}"
    "{%- if message.role == 'assistant' and loop.last %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{{- message.content + '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
CALLING = TEMPLATE.replace(
    "message.content +",
    "message.content + (message.tool_calls | map(attribute='function') | map('tojson') | join "
    "if message.tool_calls else '') +",
)


def trained_on(messages: list[dict[str, Any]], template: str = TEMPLATE) -> tuple[list[str], int]:
    """Return the pieces of text that are trained on, and the number of lost answers."""
    words = tokenizer(template)
    ids, marks, silent = encode({"messages": messages}, words)
    pieces: list[list[int]] = [[]]
    for id, mark in zip(ids, marks, strict=True):
        if mark:
            pieces[-1].append(id)
        elif pieces[-1]:
            pieces.append([])
    return [str(words.decode(piece)) for piece in pieces if piece], silent


def talk(*contents: str) -> list[dict[str, Any]]:
    """Return a conversation in which user and assistant alternate."""
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(contents)]


def test_answers_are_trained_on_with_their_end_token() -> None:
    assert trained_on(talk("a", "b", "c", "d")) == (["b<|im_end|>\n", "d<|im_end|>\n"], 0)


def test_generation_blocks_of_a_template_are_used() -> None:
    assert trained_on(talk("a", "b", "c", "d"), MARKED) == (["b<|im_end|>", "d<|im_end|>"], 0)


def test_answers_are_found_if_a_template_renders_earlier_ones_differently() -> None:
    found, silent = trained_on(talk("a", "b", "c", "d"), FORGETFUL)
    assert (found, silent) == (["b<|im_end|>", "<think>\n\n</think>\n\nd<|im_end|>\n"], 0)


def test_an_answer_that_a_template_omits_is_counted() -> None:
    template = "{%- for message in messages if message.role == 'user' %}{{- message.content }}{%- endfor %}"
    assert trained_on(talk("a", "b"), template) == ([], 1)


@pytest.mark.parametrize("arguments", ['{"q": 1}', {"q": 1}], ids=["text", "object"])
def test_tool_calls_are_trained_on(arguments: Any) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "find", "arguments": arguments}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "b"},
        {"role": "assistant", "content": [{"type": "text", "text": "c"}, "d"]},
    ]
    called = json.dumps({"name": "find", "arguments": {"q": 1}})
    assert trained_on(messages, CALLING)[0] == [f"{called}<|im_end|>\n", "cd<|im_end|>\n"]


def test_images_are_refused() -> None:
    image = [{"type": "image_url", "image_url": {"url": "a.png"}}]
    with pytest.raises(UnspeakableError, match="is not text"):
        trained_on([{"role": "user", "content": image}, *talk("a", "b")[1:]])


def test_the_error_of_a_template_is_reported() -> None:
    with pytest.raises(UnspeakableError, match="never this"):
        trained_on(talk("a", "b"), "{{ raise_exception('never this') }}")


texts = st.text(min_size=1, max_size=20).filter(lambda text: "<|" not in text)


@given(st.lists(texts, min_size=2, max_size=6).filter(lambda texts: len(texts) % 2 == 0))
def test_exactly_the_answers_are_trained_on(contents: list[str]) -> None:
    found, silent = trained_on(talk(*contents))
    assert silent == 0
    assert found == [f"{text}<|im_end|>\n" for text in contents[1::2]]
