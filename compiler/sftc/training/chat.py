"""A conversation with a trained model."""

from typing import Any

from sftc.training.inference import Tell, TrainedModel
from sftc.training.trained_tokenizer import TrainedTokenizer


class Chat:
    """A conversation with a trained model. Its base model is asked the same.

    Args:
        tokenizer: the tokenizer of the model.
        most: the maximum tokens of an answer.
        system: the system prompt; may be empty.
    """

    def __init__(self, tokenizer: TrainedTokenizer, most: int, system: str = "") -> None:
        self.tokenizer = tokenizer
        self._most = most
        self.begin(system)

    def begin(self, system: str) -> None:
        """Begin a new conversation, with a system prompt that may be empty."""
        self.system = system
        self._said: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        self._asked: list[dict[str, Any]] = []
        self._question: list[int] = []

    def ask(self, text: str) -> None:
        """Ask a question. It is a part of the conversation once the trained model has answered it.

        Raises:
            UnspeakableError: the chat template refuses the conversation.
            TooLongError: the model cannot read the conversation and answer.
        """
        self._asked = [*self._said, {"role": "user", "content": text}]
        self._question = self.tokenizer.encode({"messages": self._asked})

    def answer(self, model: TrainedModel, tell: Tell) -> None:
        """Let the trained model answer the question. `tell` is called with each piece of the answer."""
        answer = model.answer(self._question, self._most, tell=tell)
        self._said = [*self._asked, {"role": "assistant", "content": answer}]

    def answer_of_base(self, model: TrainedModel, tell: Tell) -> None:
        """Let the base model answer the question, which does not become a part of the conversation."""
        model.answer(self._question, self._most, of_base=True, tell=tell)
