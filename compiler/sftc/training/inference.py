"""Generate answers with a trained model and with its base model."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from warnings import filterwarnings

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.streamers import TextStreamer
from transformers.utils import logging

from sftc.service.executor import FailedError
from sftc.training.artifacts import end_tokens
from sftc.training.base_model import ADAPTER, BaseModel, base_of, loading
from sftc.training.base_tokenizer import input_limit
from sftc.training.chat_template import ChatTemplate, encode_question
from sftc.training.generate import generate_answer

Message = dict[str, Any]
Tell = Callable[[str], None]


class TooLongError(Exception):
    """A conversation leaves the model no room for an answer."""


class TrainedModel:
    """The model that a job trained, with its base model if it is an adapter."""

    def __init__(self, folder: Path) -> None:
        """Load the model in `folder`.

        Raises:
            FailedError: the model is damaged, has no chat template, or its base model is no longer there.
        """
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        filterwarnings("ignore", module="transformers")
        itself = BaseModel(str(folder), None)
        with loading(itself):
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._stops = end_tokens(folder)
            base = base_of(folder)
        if not self._tokenizer.chat_template:
            raise FailedError(f"the model in {folder} has no chat template")
        if not self._stops and self._tokenizer.eos_token_id is not None:
            self._stops = [self._tokenizer.eos_token_id]
        self.has_base = (folder / ADAPTER).is_file()
        with loading(base):
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                base.folder, dtype="auto", **base.options()
            )
        if self.has_base:
            from peft import PeftModel

            with loading(itself):
                self._model = PeftModel.from_pretrained(self._model, folder)
        self._model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        self._template = ChatTemplate(self._tokenizer)
        self._limit = input_limit(self._model.config, self._tokenizer)

    def encode(self, row: Mapping[str, Any]) -> list[int]:
        """Return the tokens of a conversation, with those that ask for an answer.

        Args:
            row: `messages`, and optionally `tools`, as in a row of a training file.

        Raises:
            UnspeakableError: the chat template refuses the conversation.
            TooLongError: the model cannot read it and answer.
        """
        question = encode_question(row, self._template)
        if len(question) >= self._limit:
            raise TooLongError(
                f"the conversation has {len(question):,} tokens, and the model reads {self._limit:,}, "
                "its answer included"
            )
        return question

    def answer(
        self, question: list[int], most: int, *, of_base: bool = False, tell: Tell | None = None
    ) -> str:
        """Return the answer to a question.

        Args:
            question: what `encode` returned.
            most: the maximum tokens of the answer. It is also cut at what the model reads.
            of_base: whether the base model answers. Only for adapters (`has_base`).
            tell: called with each piece of the answer as soon as it is there.
        """
        most = min(most, self._limit - len(question))
        options = {"streamer": Pieces(self._tokenizer, tell)} if tell else {}
        with self._model.disable_adapter() if of_base else nullcontext():
            made = generate_answer(self._model, question, most, self._stops, **options)
        return str(self._tokenizer.decode(made, skip_special_tokens=True)).strip()


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
