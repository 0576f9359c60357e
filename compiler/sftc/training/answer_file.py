"""Answer the rows of a file of prompts with a trained model."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import orjson

from sftc.dataset.check_files import CheckOptions, check_files
from sftc.dataset.chunks import Chunk
from sftc.dataset.examine_row import is_valid_row, locate
from sftc.dataset.excerpt import Line, Remark
from sftc.dataset.sample import lines_of
from sftc.findings.finding import Finding
from sftc.findings.stage_rules.lengths import NO_ROOM_FOR_ANSWER
from sftc.findings.stage_rules.templates import TEMPLATE_REFUSES_ROW
from sftc.training.conversation import UnspeakableError, read_row
from sftc.training.inference import TrainedModel
from sftc.training.trained_tokenizer import TooLongError, TrainedTokenizer

_MOST: Final = 20
"""The errors after which a file is not read any further."""

Question = tuple[dict[str, Any], list[int]]
"""A row that ends with a question, and its tokens."""


def read_questions(path: str, tokenizer: TrainedTokenizer) -> tuple[list[Question], list[Finding]]:
    """Return the questions in a file of rows, and the errors of the file.

    A row that ends with an answer, as the rows of training files do, is asked without it: the answer
    is kept in the row as `expected`.

    Args:
        path: a file of JSON Lines, plain or compressed, or `-`.
        tokenizer: the tokenizer of the model that is asked.
    """
    look = _Look(tokenizer)
    [checked] = check_files([path], CheckOptions(_MOST, second=look))
    return look.questions, [found for found in checked.findings if found.is_error]


def answer_questions(
    questions: Iterable[Question], model: TrainedModel, most: int, *, with_base: bool
) -> Iterator[bytes]:
    """Yield each row with the answer of the model, as a line of JSON.

    The answer is the last message; that of the base model is in `base`.

    Args:
        questions: what `read_questions` returned.
        model: the model that is asked.
        most: the maximum tokens of an answer.
        with_base: whether the base model is asked, too.
    """
    for row, tokens in questions:
        made = {"role": "assistant", "content": model.answer(tokens, most)}
        answered = {**row, "messages": [*row["messages"], made]}
        if with_base:
            answered["base"] = model.answer(tokens, most, of_base=True)
        yield orjson.dumps(answered, option=orjson.OPT_APPEND_NEWLINE)


class _Look:
    """Reads the questions of a file while it is checked."""

    replaces: frozenset[str] = frozenset()

    def __init__(self, tokenizer: TrainedTokenizer) -> None:
        self.questions: list[Question] = []
        self._tokenizer = tokenizer
        self._findings: list[Finding] = []

    def start(self) -> Callable[[str, Chunk], None]:
        return self._read

    def take(self, path: str, seen: None) -> None:
        """Do nothing: the rows are read in this process, in order."""

    def findings(self, path: str) -> Iterable[Finding]:
        return self._findings

    def _read(self, name: str, chunk: Chunk) -> None:
        for line in lines_of(name, chunk):
            if line.data and is_valid_row(line.data):
                self._add(line)

    def _add(self, line: Line) -> None:
        try:
            row = _question(read_row(line.data))
            self.questions.append((row, self._tokenizer.encode(row)))
        except UnspeakableError as error:
            self._findings += locate([Remark(TEMPLATE_REFUSES_ROW, str(error), ("messages",))], line)
        except TooLongError as error:
            self._findings += locate([Remark(NO_ROOM_FOR_ANSWER, str(error), ("messages",))], line)


def _question(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row up to the last message that is not an answer."""
    messages = [*row["messages"]]
    if len(messages) > 1 and messages[-1]["role"] == "assistant":
        return {**row, "messages": messages[:-1], "expected": messages[-1].get("content")}
    return row
