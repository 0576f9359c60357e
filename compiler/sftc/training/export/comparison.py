"""Compare an exported model with the one that was trained: greedy tokens and logits."""

from typing import Any, Final, NamedTuple

import torch

from sftc.service.executor import FailedError
from sftc.text.plural import counted
from sftc.training.generate import generate_answer

_ANSWER: Final = 24
"""The most tokens of an answer."""

_ROOM: Final = 4
"""How many times the difference that noise makes is put down to the dtype."""

_MATRIX: Final = 2
"""The dimensions from which on a weight is quantised or rounded; norms and biases are exact."""


class Answered(NamedTuple):
    """The greedy answer of a model to a prompt.

    Attributes:
        prompt: the tokens of the prompt.
        tokens: those of the answer.
        logits: the logits that each of these tokens was chosen by.
    """

    prompt: list[int]
    tokens: list[int]
    logits: torch.Tensor


class Comparison(NamedTuple):
    """How far an exported model is from the trained one.

    Attributes:
        prompts: the number of prompts.
        tokens: the number of greedy tokens.
        same: how many of them the exported model chooses, too.
        difference: the largest difference of a logit.
        explained: the largest difference that `what` explains.
        what: the dtype or the quantisation.
    """

    prompts: int
    tokens: int
    same: int
    difference: float
    explained: float
    what: str

    def __str__(self) -> str:
        return (
            f"{self.same:,} of {counted(self.tokens, 'greedy token')} are the same on "
            f"{counted(self.prompts, 'prompt')}; the largest difference of logits is {self.difference:.2g}, "
            f"and {self.what} explains up to {self.explained:.2g}"
        )


def longest_prompt(limit: int) -> int:
    """Return the most tokens of a prompt that leave a model that reads `limit` tokens room for an answer."""
    return max(limit - _ANSWER, 1)


def answer(model: Any, prompts: list[list[int]]) -> list[Answered]:
    """Return the greedy answers of a model.

    Raises:
        FailedError: a logit is not finite.
    """
    answers = []
    for prompt in prompts:
        tokens = generate_answer(model, prompt, _ANSWER, ())
        answers.append(Answered(prompt, tokens, _logits(model, prompt, tokens)))
        if not answers[-1].logits.isfinite().all():
            raise FailedError("the logits of the trained model are not finite, so it cannot be exported")
    return answers


def _logits(model: Any, prompt: list[int], tokens: list[int]) -> torch.Tensor:
    with torch.no_grad():
        made = model(input_ids=torch.tensor([[*prompt, *tokens[:-1]]]), use_cache=False).logits
    kept: torch.Tensor = made[0, len(prompt) - 1 :].float().clone()
    return kept


def explained_by(model: Any, answers: list[Answered], moved: float) -> float:
    """Return the largest difference of logits that a dtype explains. Changes the weights of `model`.

    It is measured: the difference that noise makes that moves the weights as far as the dtype does, with room
    for the luck of one draw.

    Args:
        model: the trained model, with its adapter.
        answers: its answers.
        moved: the root mean square of the noise, as a share of that of the weights.
    """
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() >= _MATRIX:
                scale = weight.square().mean(-1, keepdim=True).sqrt() * moved
                weight.add_(torch.randn(weight.shape, generator=noise) * scale)
    return _ROOM * _largest(model, answers)[0]


def _largest(model: Any, answers: list[Answered]) -> tuple[float, int]:
    """Return the largest difference of a logit, and how many greedy tokens are the same."""
    largest, same = 0.0, 0
    for each in answers:
        made = _logits(model, each.prompt, each.tokens)[:, : each.logits.shape[1]]
        largest = max(largest, float((made - each.logits).abs().nan_to_num(torch.inf).max()))
        same += int((made.argmax(-1) == torch.tensor(each.tokens)).sum())
    return largest, same


def compare(model: Any, answers: list[Answered], explained: float, what: str) -> Comparison:
    """Return how far `model` is from the model that gave the answers.

    Each token is chosen after the same tokens before it, so greedy answers are the same if all tokens are.

    Raises:
        FailedError: the difference is larger than `what`, a dtype or a quantisation, explains.
    """
    largest, same = _largest(model, answers)
    tokens = sum(len(each.tokens) for each in answers)
    found = Comparison(len(answers), tokens, same, largest, explained, what)
    if not largest <= explained:
        raise FailedError(f"the exported model is not the one that was trained: {found}. Nothing was written")
    return found
