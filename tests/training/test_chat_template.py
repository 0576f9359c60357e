"""Only the tokens of assistant messages are trained on."""

import datetime as dt
import json
from typing import Any

import pytest
from chance_model import TEMPLATE
from hypothesis import given
from hypothesis import strategies as st

from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import UnspeakableError
from sftc.training.encoded_row import encode
from sftc.training.plan import TrainOn
from support.chat_templates import FAMILIES
from support.chat_templates import tokenizer as of_family
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


def trained_on(
    messages: list[dict[str, Any]], template: str = TEMPLATE, train_on: TrainOn = "assistant"
) -> tuple[list[str], dict[str, int]]:
    """Return the pieces of text that are trained on, and what the template loses."""
    words = tokenizer(template)
    row = encode({"messages": messages}, words, train_on)
    pieces: list[list[int]] = [[]]
    for label in row.labels:
        if label is not None:
            pieces[-1].append(label)
        elif pieces[-1]:
            pieces.append([])
    return [str(words.decode(piece)) for piece in pieces if piece], dict(row.lost)


def talk(*contents: str) -> list[dict[str, Any]]:
    """Return a conversation in which user and assistant alternate."""
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(contents)]


def test_answers_are_trained_on_with_their_end_token() -> None:
    assert trained_on(talk("a", "b", "c", "d")) == (["b<|im_end|>\n", "d<|im_end|>\n"], {})


def test_generation_blocks_of_a_template_are_used() -> None:
    assert trained_on(talk("a", "b", "c", "d"), MARKED) == (["b<|im_end|>", "d<|im_end|>"], {})


def test_answers_are_found_if_a_template_renders_earlier_ones_differently() -> None:
    found, lost = trained_on(talk("a", "b", "c", "d"), FORGETFUL)
    assert (found, lost) == (["b<|im_end|>\n", "<think>\n\n</think>\n\nd<|im_end|>\n"], {})


def test_an_answer_that_a_template_omits_is_counted() -> None:
    template = "{%- for message in messages if message.role == 'user' %}{{- message.content }}{%- endfor %}"
    assert trained_on(talk("a", "b"), template) == ([], {"answers": 1})


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


def test_characters_that_could_be_marks_are_text() -> None:
    assert trained_on(talk("𠀀", "𠀁 𠀀")) == (["𠀁 𠀀<|im_end|>\n"], {})


def test_a_content_is_never_written_as_a_list() -> None:
    template = "{%- for message in messages %}{{- message.content | string }}{%- endfor %}"
    template += "{%- if messages[0].content is string %}{{- messages[9].content }}{%- endif %}"
    with pytest.raises(UnspeakableError, match="has no element 9"):
        trained_on(talk("a", "b"), template)


def test_images_are_refused() -> None:
    image = [{"type": "image_url", "image_url": {"url": "a.png"}}]
    with pytest.raises(UnspeakableError, match="is not text"):
        trained_on([{"role": "user", "content": image}, *talk("a", "b")[1:]])


def test_the_error_of_a_template_is_reported() -> None:
    with pytest.raises(UnspeakableError, match="never this"):
        trained_on(talk("a", "b"), "{{ raise_exception('never this') }}")


texts = st.text(min_size=1, max_size=20).filter(lambda text: "<|" not in text and text.strip())


@given(st.lists(texts, min_size=2, max_size=6).filter(lambda texts: len(texts) % 2 == 0))
def test_exactly_the_answers_are_trained_on(contents: list[str]) -> None:
    found, lost = trained_on(talk(*contents))
    assert not lost
    assert found == [f"{text}<|im_end|>\n" for text in contents[1::2]]


def test_a_message_of_weight_0_is_never_trained_on() -> None:
    messages = talk("a", "b", "c", "d", "e", "f")
    messages[3]["weight"] = 0
    assert trained_on(messages)[0] == ["b<|im_end|>\n", "f<|im_end|>\n"]
    messages[5]["weight"] = 0
    assert trained_on(messages, train_on="last") == ([], {})


def test_only_the_last_answer_is_trained_on_if_asked() -> None:
    assert trained_on(talk("a", "b", "c", "d"), train_on="last")[0] == ["d<|im_end|>\n"]


def test_every_message_is_trained_on_if_asked_except_those_of_weight_0() -> None:
    messages = talk("a", "b", "c", "d")
    whole = "".join(f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in messages)
    assert trained_on(messages, train_on="all")[0] == [whole]
    messages[0]["weight"] = messages[1]["weight"] = 0
    begin, middle, end = "<|im_start|>user\n", "<|im_start|>assistant\n", whole[whole.index("c<") :]
    found, _ = trained_on(messages, train_on="all")
    assert found == [begin, f"\n{middle}", f"{begin}{end}"]


def test_an_answer_without_text_is_not_trained_on() -> None:
    assert trained_on(talk("a", " ", "c", "d")) == (["d<|im_end|>\n"], {"empty": 1})


def test_several_named_templates_are_chosen_from_by_the_tools_of_a_row() -> None:
    words = tokenizer()
    words.chat_template = {"default": TEMPLATE, "tool_use": TEMPLATE.replace("im_start", "im_end")}
    plain, tools = {"messages": talk("a", "b")}, [{"name": "find"}]
    assert str(words.decode(encode(plain, words).tokens)).startswith("<|im_start|>")
    assert str(words.decode(encode({**plain, "tools": tools}, words).tokens)).startswith("<|im_end|>")
    words.chat_template = {"rag": TEMPLATE, "tool_use": TEMPLATE}
    with pytest.raises(UnspeakableError, match="chat templates rag, tool_use, and none is `default`"):
        encode(plain, words)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ messages[9].content }}", "fails on it: UndefinedError: list object has no element 9"),
        ("{{ 1 + messages[0].content }}", "fails on it: TypeError: "),
        ("{{ 1 // 0 }}", "fails on it: ZeroDivisionError: "),
        ("{% if %}", "is broken: "),
        ("{{ messages.append(1) }}", "fails on it: SecurityError: "),
    ],
)
def test_an_exception_of_a_template_is_a_reason(template: str, reason: str) -> None:
    with pytest.raises(UnspeakableError, match="the model's chat template") as error:
        trained_on(talk("a", "b"), template)
    assert reason in str(error.value)


def test_dates_are_those_of_the_job() -> None:
    template = "{{ strftime_now('%d %B %Y') }} " + TEMPLATE
    made = ChatTemplate(tokenizer(template), dt.date(1999, 12, 31))
    text = made.tokenizer.decode(encode({"messages": talk("a", "b")}, made).tokens)
    assert text.startswith("31 December 1999<")


def test_the_end_of_a_turn_is_reported_as_an_end() -> None:
    messages = talk("a", "b", "c", "d")
    expected = {
        "qwen-3": ["<|im_end|>"],
        "phi-3": ["<|end|>"],
        "gpt-oss": ["<|return|>"],
        "glm-4": ["<|endoftext|>", "<|user|>"],
        "llama-3.1": ["<|eot_id|>"],
    }
    for family, ends in expected.items():
        words = of_family(FAMILIES[family])
        row = encode({"messages": messages}, words)
        assert sorted(words.convert_ids_to_tokens(each) for each in {*row.ends}) == ends
        assert not {*row.ends} & row.inner


def test_a_long_conversation_is_rendered_a_fixed_number_of_times() -> None:
    def renders(turns: int) -> int:
        words = tokenizer("{{- strftime_now('%d') and '' }}" + TEMPLATE)
        made = ChatTemplate(words, Counted())  # type: ignore[arg-type]
        encode({"messages": talk("a", "b")}, made)  # the first row also probes the template
        Counted.calls = 0
        encode({"messages": talk(*("ab" * turns))}, made)
        return Counted.calls

    assert renders(2) == renders(40) == 4


class Counted:
    """A date that counts how often it is printed, which is once in each rendering."""

    calls = 0

    def strftime(self, form: str) -> str:
        type(self).calls += 1
        return "x"
