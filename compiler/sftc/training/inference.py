"""Generate answers with a trained model and with its base model."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.generation.streamers import TextStreamer

from sftc.training.base_model import BaseModel, loading
from sftc.training.generate import generate_answer
from sftc.training.trained_tokenizer import TrainedTokenizer

Tell = Callable[[str], None]


class TrainedModel:
    """The model that a job trained, with its base model if it is an adapter."""

    def __init__(self, tokenizer: TrainedTokenizer) -> None:
        """Load the weights of the model that `tokenizer` belongs to.

        Raises:
            FailedError: the model or its base model is damaged, or they do not fit.
        """
        self._tokenizer = tokenizer
        with loading(base := tokenizer.base):
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                base.folder, dtype="auto", **base.options()
            )
        if tokenizer.is_adapter:
            from peft import PeftModel

            with loading(BaseModel(str(tokenizer.folder), None)):
                self._model = PeftModel.from_pretrained(self._model, tokenizer.folder)
        self._model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def answer(
        self, question: list[int], most: int, *, of_base: bool = False, tell: Tell | None = None
    ) -> str:
        """Return the answer to a question.

        Args:
            question: what `TrainedTokenizer.encode` returned.
            most: the maximum tokens of the answer. It is also cut at what the model reads.
            of_base: whether the base model answers. Only for adapters.
            tell: called with each piece of the answer as soon as it is there.
        """
        reads = self._tokenizer
        most = min(most, reads.limit - len(question))
        options = {"streamer": Pieces(reads.tokenizer, tell)} if tell else {}
        with self._model.disable_adapter() if of_base else nullcontext():
            made = generate_answer(self._model, question, most, reads.stops, **options)
        return str(reads.tokenizer.decode(made, skip_special_tokens=True)).strip()


class Pieces(TextStreamer):  # type: ignore[misc]  # mypy skips transformers
    """Passes the text of an answer on, as soon as no further token can change it."""

    def __init__(self, tokenizer: Any, tell: Tell) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._tell = tell
        self._begun = False

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:  # noqa: FBT001, FBT002  theirs
        """Pass a piece on, without spaces at the start of the answer."""
        text = text if self._begun else text.lstrip()
        self._begun = self._begun or bool(text)
        if text:
            self._tell(text)
