"""The tokens that are trained on, for chat templates of all shapes in use, on a dozen conversations.

`chat_families.txt` has a line for each: the text as the model reads it, with `«»` around what is trained
on. `⏎` is a line break, and `→` is before a token that is trained on instead of the one that is read.
"""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from sftc.training.chat_template import ChatTemplate, Encoded, encode
from sftc.training.conversation import UnspeakableError
from support.chat_templates import FAMILIES, tokenizer

GOLDEN = Path(__file__).with_name("chat_families.txt")
DATE = dt.date(2020, 2, 1)
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: str | None, *calls: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **others, **({"tool_calls": [*calls]} if calls else {})}


def call(**arguments: Any) -> dict[str, Any]:
    function = {"name": "add", "arguments": arguments}
    return {"id": f"call{arguments['to']:05}", "type": "function", "function": function}


def result(to: int, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call{to:05}", "name": "add", "content": text}


CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "one turn": [user("Q1"), answer("A1")],
    "system": [system("S"), user("Q1"), answer("A1")],
    "turns": [user("Q1"), answer("A1"), user("Q2"), answer("A2"), user("Q3"), answer("A3")],
    "tool": [user("Q1"), answer(None, call(x="X", to=1)), result(1, "R1"), answer("A2")],
    "parallel": [
        user("Q1"),
        answer("", call(to=1, x="X"), call(to=2, x="Y")),
        result(1, "R1"),
        result(2, "R2"),
        answer("A2"),
    ],
    "text and call": [user("Q1"), answer("A1", call(x="X", to=1))],
    "thoughts": [
        user("Q1"),
        answer("A1", reasoning_content="T1"),
        user("Q2"),
        answer("A2", reasoning_content="T2"),
    ],
    "thoughts in text": [
        user("Q1"),
        answer("<think>\nT1\n</think>\n\nA1"),
        user("Q2"),
        answer("<think>\nT2\n</think>\n\nA2"),
    ],
    "assistant first": [answer("A1"), user("Q1"), answer("A2")],
    "unicode": [user("¿Qué?"), answer(" 你好 🦊\n")],
    "empty system": [system(""), user("Q1"), answer("A1")],
    "weight 0": [user("Q1"), {**answer("A1"), "weight": 0}, user("Q2"), {**answer("A2"), "weight": 1}],
}


def shown(words: PreTrainedTokenizerFast, row: Encoded) -> str:
    """Return the text of a row, with marks around what is trained on."""
    text, marked = "", False
    piece: list[int] = []
    for token, label in zip(row.tokens, row.labels, strict=True):
        if (label is not None) != marked:
            text += str(words.decode(piece)) + "«»"[marked]
            piece, marked = [], not marked
        piece.append(token)
        if label is not None and label != token:
            text += str(words.decode(piece)) + "→" + str(words.decode([label]))
            piece = []
    return (text + str(words.decode(piece)) + "»" * marked).replace("\n", "⏎")


def lines(family: str) -> list[str]:
    """Return the lines of a family in the golden file."""
    words = tokenizer(FAMILIES[family])
    template = ChatTemplate(words, DATE)
    made = [f"## {family}"]
    for name, messages in CONVERSATIONS.items():
        tools = {"tools": TOOLS} if any("tool_calls" in each for each in messages) else {}
        try:
            row = encode({"messages": messages, **tools}, template)
        except UnspeakableError as error:
            made.append(f"{name}: refused, {error}")
            continue
        lost = "".join(f" (loses {number} {kind})" for kind, number in sorted(row.lost.items()))
        made.append(f"{name}{lost}: {shown(words, row)}")
    return made


def test_what_is_trained_on_is_listed_for_every_family(request: pytest.FixtureRequest) -> None:
    text = "\n\n".join("\n".join(lines(family)) for family in FAMILIES) + "\n"
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert len(FAMILIES) >= 45
