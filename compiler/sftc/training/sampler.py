"""Let the model in training answer the prompts of its plan, without disturbing the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from transformers import TrainerCallback, TrainingArguments

from sftc.training.fine_tuner import FineTuner
from sftc.training.generate import generate_answer
from sftc.training.prompts import Prompts
from sftc.training.reporter import Reporter
from sftc.training.sample_file import Sample, read_samples, write_samples

_SHOWN: Final = 80
"""Letters of a prompt and of an answer in the message of an event, whose data has them whole."""


class Sampler(TrainerCallback):  # type: ignore[misc]  # mypy skips transformers
    """Takes samples before training and every few steps: `sample` events, and a file in the job's folder.

    Every process takes them, because each may have a part of the model. A job that resumes does not
    repeat those that it has. If the model cannot answer, there are no more samples, and training continues.

    Args:
        trainer: the trainer of the model.
        prompts: what the model is asked.
        reporter: receives events.
    """

    def __init__(self, trainer: FineTuner, prompts: Prompts, reporter: Reporter) -> None:
        self.samples = read_samples(trainer.folder)
        self._trainer = trainer
        self._prompts = prompts
        self._reporter = reporter
        self._works = bool(prompts.questions)

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Take the samples of the base model."""
        if not state.global_step:
            self.take(0)

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Take samples if it is time to."""
        every = self._trainer.plan.sample_steps
        if every and state.global_step % every == 0:
            self.take(state.global_step)

    def take(self, step: int) -> None:
        """Take the samples of a step, unless the job has them."""
        if not self._works or any(each.step == step for each in self.samples):
            return
        try:
            with _undisturbed(self._trainer) as model:
                taken = [
                    Sample(step, prompt, self._answer(model, prompt)) for prompt in self._prompts.questions
                ]
        except Exception as error:  # noqa: BLE001  whatever it is, the run itself is well
            self._works = False
            said = f"no samples from step {step:,} on: {type(error).__name__}: {_short(str(error))}"
            self._reporter.event("warning", said, {"step": step})
            return
        self.samples += taken
        if self._trainer.args.should_save:
            write_samples(self._trainer.folder, self.samples)
        for each in taken:
            said = f"step {step:,}: {_short(each.prompt)} -> {_short(each.answer)}"
            self._reporter.event("sample", said, each._asdict())

    def _answer(self, model: Any, prompt: str) -> str:
        plan, (questions, tokenizer, stops) = self._trainer.plan, self._prompts
        is_sharded = plan.fsdp or plan.deepspeed == 3
        answer = generate_answer(model, questions[prompt], plan.sample_tokens, stops, synced_gpus=is_sharded)
        return str(tokenizer.decode(answer, skip_special_tokens=True)).strip()


@contextmanager
def _undisturbed(trainer: FineTuner) -> Iterator[Any]:
    """Yield the model in evaluation mode; then restore its mode and the state of the random numbers."""
    model: Any = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    device, was_training = trainer.args.device, model.training
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        model.eval()
        try:
            yield model
        finally:
            model.train(was_training)


def _short(text: str) -> str:
    """Return a text on one line, and only its beginning if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
