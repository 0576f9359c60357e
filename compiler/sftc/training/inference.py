"""Generate answers with a trained model and with its base model."""

from pathlib import Path
from typing import Any
from warnings import filterwarnings

import orjson
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from sftc.training import base_model

Message = dict[str, str]


class TrainedModel:
    """The model that a job trained, with its base model if it is an adapter."""

    def __init__(self, folder: Path) -> None:
        """Load the model in `folder`.

        Raises:
            FailedError: the base model of the adapter is no longer there.
        """
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        filterwarnings("ignore", module="transformers")
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        generation = folder / "generation_config.json"
        given = orjson.loads(generation.read_bytes()) if generation.is_file() else {}
        self._stops: int | list[int] | None = given.get("eos_token_id", self._tokenizer.eos_token_id)
        adapter = folder / "adapter_config.json"
        self.has_base = adapter.is_file()
        name = orjson.loads(adapter.read_bytes())["base_model_name_or_path"] if self.has_base else str(folder)
        base = base_model.find_base_model(name, None, download=False)
        self._model: Any = AutoModelForCausalLM.from_pretrained(base.folder, dtype="auto", **base.options())
        if self.has_base:
            from peft import PeftModel

            self._model = PeftModel.from_pretrained(self._model, folder)
        self._model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def before(self, messages: list[Message], most: int) -> str:
        """Return the answer of the base model, of at most `most` tokens. Only for adapters (`has_base`)."""
        with self._model.disable_adapter():
            return self._answer(messages, most)

    def after(self, messages: list[Message], most: int) -> str:
        """Return the answer of the trained model, of at most `most` tokens."""
        return self._answer(messages, most)

    def _answer(self, messages: list[Message], most: int) -> str:
        asked = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self._model.device)
        made = self._model.generate(
            **asked,
            max_new_tokens=most,
            do_sample=False,
            eos_token_id=self._stops,
            pad_token_id=self._tokenizer.eos_token_id,
        )
        answer: str = self._tokenizer.decode(made[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        return answer.strip()
