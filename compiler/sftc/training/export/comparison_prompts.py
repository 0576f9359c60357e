"""The prompts that a model is asked before and after its export."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sftc.dataset.examine_row import is_valid_row
from sftc.dataset.sample import rows_of
from sftc.dataset.streams import UnreadableError
from sftc.service.executor import FailedError
from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import UnspeakableError, read_row
from sftc.training.encoded_row import encode, encode_question

_PROMPTS: Final = 8
_LONGEST: Final = 512
"""The most prompts, and the most tokens of one: of longer ones, the end is kept."""

_QUESTIONS: Final = (
    "What is the capital of France?",
    "Write a function that reverses a string.",
    "3 + 4?",
    "Translate to German: The weather is fine today.",
    "Name three rivers, and say where they flow.",
    "Why is the sky blue?",
    "Summarise this in one sentence: A fox saw grapes, could not reach them, and called them sour.",
    "Hello!",
)
"""What a model is asked that has no rows."""


def read_prompts(tokenizer: Any, rows: Path | None, longest: int) -> list[list[int]]:
    """Return the tokens of prompts, each up to where an answer begins.

    Args:
        tokenizer: the tokenizer of the model.
        rows: a training file: its first rows are used, up to their first answer. By default, fixed questions.
        longest: the tokens that the model reads at once.

    Raises:
        FailedError: the file cannot be read, a row is invalid, the chat template refuses a row or the
            questions, or no row has an answer.
    """
    if not rows:
        prompts = [_asked(tokenizer, each) for each in _QUESTIONS]
    elif not tokenizer.chat_template:
        raise FailedError(f"the model has no chat template for the rows of {rows}")
    else:
        prompts = [*islice(_row_prompts(tokenizer, rows), _PROMPTS)]
        if not prompts:
            raise FailedError(f"{rows} has no row with an answer, so there is nothing to compare models on")
    return [each[-min(longest, _LONGEST) :] for each in prompts]


def _asked(tokenizer: Any, question: str) -> list[int]:
    if not tokenizer.chat_template:
        return list(tokenizer(question)["input_ids"])
    row = {"messages": [{"role": "user", "content": question}]}
    try:
        return encode_question(row, ChatTemplate(tokenizer))
    except UnspeakableError as error:
        raise FailedError(f"the models cannot be compared: {error}; name rows to compare them on") from error


def _row_prompts(tokenizer: Any, rows: Path) -> Iterator[list[int]]:
    template = ChatTemplate(tokenizer)
    try:
        for line in rows_of(str(rows)):
            if not is_valid_row(line.data):
                raise FailedError(
                    f"{rows}:{line.number}: not a valid row; `sftc dataset check` says what is wrong"
                )
            try:
                row = encode(read_row(line.data), template)
            except UnspeakableError as error:
                raise FailedError(f"{rows}:{line.number}: {error}") from error
            answer = next((at for at, label in enumerate(row.labels) if at and label is not None), 0)
            if answer:
                yield row.tokens[:answer]
    except UnreadableError as error:
        raise FailedError(f"{rows} {error}") from error
