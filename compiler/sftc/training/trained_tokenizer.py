"""The tokenizer of a trained model: what it can be asked, which is known before its weights are loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from warnings import filterwarnings

from sftc.service.executor import FailedError
from sftc.training.artifacts import end_tokens
from sftc.training.base_model import ADAPTER, BaseModel, base_of, loading
from sftc.training.base_tokenizer import input_limit
from sftc.training.chat_template import ChatTemplate
from sftc.training.encoded_row import encode_question


class TooLongError(Exception):
    """A conversation leaves the model no room for an answer."""


class TrainedTokenizer:
    """The tokenizer of a trained model.

    Attributes:
        folder: the folder of the trained model.
        base: its base model; of a whole model, the model itself.
        is_adapter: whether it is an adapter.
        tokenizer: the tokenizer of transformers.
        stops: the ids of the tokens that end an answer.
        limit: the tokens that the model reads at once.
    """

    def __init__(self, folder: Path) -> None:
        """Load the tokenizer of the model in `folder`. From now on, transformers reports only errors.

        Raises:
            FailedError: the model is damaged, has no chat template, or its base model is no longer there.
        """
        from transformers import AutoConfig, AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        filterwarnings("ignore", module="transformers")
        self.folder = folder
        self.base = base_of(folder)
        self.is_adapter = (folder / ADAPTER).is_file()
        with loading(BaseModel(str(folder), None)):
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self.stops = end_tokens(folder)
        if not self.tokenizer.chat_template:
            raise FailedError(f"the model in {folder} has no chat template")
        if not self.stops and self.tokenizer.eos_token_id is not None:
            self.stops = [self.tokenizer.eos_token_id]
        with loading(self.base):
            config = AutoConfig.from_pretrained(self.base.folder, **self.base.options())
            self.limit = input_limit(config, self.tokenizer)
        self._template = ChatTemplate(self.tokenizer)

    def encode(self, row: Mapping[str, Any]) -> list[int]:
        """Return the tokens of a conversation, with those that ask for an answer.

        Args:
            row: `messages`, and optionally `tools`, as in a row of a training file.

        Raises:
            UnspeakableError: the chat template refuses the conversation.
            TooLongError: the model cannot read it and answer.
        """
        question = encode_question(row, self._template)
        if len(question) >= self.limit:
            raise TooLongError(
                f"the conversation has {len(question):,} tokens, and the model reads {self.limit:,}, "
                "its answer included"
            )
        return question
