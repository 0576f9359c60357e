"""Conversations of all shapes: a system message, turns, tools, thoughts, weights, and odd beginnings."""

import re
from typing import Any

from sftc.training.encoded_row import Encoded

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


def faults(words: Any, name: str, row: Encoded) -> list[str]:
    """Return what is wrong with the labels of a conversation: `others`, or `missed` answers."""
    trained = str(words.decode([label for label in row.labels if label is not None]))
    answers = [at for at in CONVERSATIONS[name] if at["role"] == "assistant" and at.get("weight", 1)]
    texts = ["X" if at.get("tool_calls") else at["content"].rpartition("\n\n")[2].strip() for at in answers]
    missed = sum(text not in trained for text in texts) > row.lost["calls"] + row.lost["answers"]
    silent = [at["content"] for at in CONVERSATIONS[name] if not at.get("weight", 1)]
    others = re.search(r"\b[QRS]\d\b|Qué", trained) or any(text in trained for text in silent)
    return ["missed"] * missed + ["others"] * bool(others)
