"""The prompts that a model is asked before and after its export."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sftc.dataset.examine_row import remarks
from sftc.findings.finding import Severity
from sftc.service.executor import FailedError
from sftc.training.chat_template import ChatTemplate, encode
from sftc.training.conversation import UnspeakableError, read_row

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
        FailedError: a row is invalid, the chat template refuses one, or none has an answer.
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
    message = {"role": "user", "content": question}
    made = tokenizer.apply_chat_template([message], add_generation_prompt=True, return_dict=True)
    return list(made["input_ids"])


def _row_prompts(tokenizer: Any, rows: Path) -> Iterator[list[int]]:
    template = ChatTemplate(tokenizer)
    with rows.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            if any(each.rule.severity is Severity.ERROR for each in remarks(line)):
                raise FailedError(
                    f"{rows}:{number}: not a valid row; `sftc dataset check` says what is wrong"
                )
            try:
                row = encode(read_row(line), template)
            except UnspeakableError as error:
                raise FailedError(f"{rows}:{number}: {error}") from error
            answer = next((at for at, label in enumerate(row.labels) if at and label is not None), 0)
            if answer:
                yield row.tokens[:answer]
