"""The prompts that a model answers while it is trained, as its tokens."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sftc.service.executor import FailedError
from sftc.training.base_tokenizer import BaseTokenizer
from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import UnspeakableError
from sftc.training.encoded_row import encode_question
from sftc.training.plan import Plan

_KEY: Final = "training.samples.prompts"


class Prompts(NamedTuple):
    """Prompts for a model.

    Attributes:
        questions: the tokens of each prompt, with those that ask for an answer.
        tokenizer: the tokenizer of the model.
        stops: the ids of the tokens that end an answer.
    """

    questions: Mapping[str, list[int]]
    tokenizer: Any
    stops: list[int]


def encode_prompts(plan: Plan, base: BaseTokenizer) -> dict[str, list[int]]:
    """Return the tokens of the prompts of a plan, with those that ask for an answer.

    Raises:
        FailedError: the chat template refuses a prompt, or the model cannot read it and answer.
    """
    questions = {}
    template = ChatTemplate(base.tokenizer, dt.date.fromisoformat(plan.date))
    for number, prompt in enumerate(plan.prompts, 1):
        try:
            question = encode_question({"messages": [{"role": "user", "content": prompt}]}, template)
        except UnspeakableError as error:
            raise FailedError(f"`{_KEY}`: prompt {number}: {error}") from error
        if (tokens := len(question) + plan.sample_tokens) > base.longest:
            raise FailedError(
                f"`{_KEY}`: prompt {number} has {len(question):,} tokens, and with an answer of "
                f"{plan.sample_tokens:,} (`max_tokens`) these are {tokens:,}, but the model reads "
                f"{base.longest:,}; shorten the prompt, or lower `max_tokens`"
            )
        questions[prompt] = question
    return questions
