"""The tokens that are trained on, for chat templates of all shapes in use, on a dozen conversations.

`chat_families.txt` has a line for each: the text as the model reads it, with `«»` around what is trained
on. `⏎` is a line break, and `→` is before a token that is trained on instead of the one that is read.
"""

import datetime as dt
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import UnspeakableError
from sftc.training.encoded_row import Encoded, encode
from support.chat_templates import FAMILIES, tokenizer
from support.conversations import CONVERSATIONS, TOOLS, faults

GOLDEN = Path(__file__).with_name("chat_families.txt")
DATE = dt.date(2020, 2, 1)


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
        assert not faults(words, name, row), (family, name)
        lost = "".join(f" (loses {number} {kind})" for kind, number in sorted(row.lost.items()))
        made.append(f"{name}{lost}: {shown(words, row)}")
    return made


def test_what_is_trained_on_is_listed_for_every_family(request: pytest.FixtureRequest) -> None:
    text = "\n\n".join("\n".join(lines(family)) for family in FAMILIES) + "\n"
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert len(FAMILIES) >= 45
