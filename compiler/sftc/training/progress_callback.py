"""Report the progress of the transformers trainer."""

import time
from pathlib import Path
from typing import Any, Final

from transformers import Trainer, TrainerCallback, TrainingArguments

from sftc.training.reporter import Reporter

_WHOLE: Final = "whole"
"""Marker file in a checkpoint that was written completely."""

_METRICS: Final = {
    "loss": "train.loss",
    "eval_loss": "val.loss",
    "learning_rate": "train.learning_rate",
    "grad_norm": "train.grad_norm",
}


def checkpoint(folder: Path) -> str | None:
    """Return the path of the latest complete checkpoint in `folder`, or `None`."""
    found = [path for path in folder.glob("checkpoint-*") if (path / _WHOLE).exists()]
    return str(max(found, key=lambda path: int(path.name.partition("-")[2]))) if found else None


class ProgressCallback(TrainerCallback):
    """Report events and metrics, and mark complete checkpoints."""

    trainer: Trainer

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._seen = 0
        self._since = 0.0
        self.last: dict[str, float] = {}

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Report the settings in effect, as read back from the trainer."""
        used = {
            "steps": state.max_steps,
            "step": state.global_step,
            "device": str(args.device),
            "processes": args.world_size,
            "model": type(self.trainer.model_wrapped).__name__,
            "precision": self.trainer.accelerator.mixed_precision,
        }
        said = ", ".join(f"{name} {value}" for name, value in used.items())
        self._reporter.event("training", said, used)
        self._seen, self._since = int(state.num_input_tokens_seen), time.perf_counter()

    def on_log(
        self, args: TrainingArguments, state: Any, control: Any, *, logs: Any = None, **_: Any
    ) -> None:
        """Report the metrics of a step."""
        for name, metric in _METRICS.items():
            if name in logs:
                self.last[metric] = float(logs[name])
                self._reporter.metric(metric, state.global_step, float(logs[name]))
        if "loss" in logs:
            seen, now = int(state.num_input_tokens_seen), time.perf_counter()
            speed = (seen - self._seen) / (now - self._since)
            self._seen, self._since = seen, now
            self._reporter.metric("train.tokens_per_second", state.global_step, speed)

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Mark a checkpoint as complete, and report it."""
        if state.is_world_process_zero:
            place = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            (place / _WHOLE).touch()
            self._reporter.event(
                "checkpoint", f"saved after step {state.global_step:,}", {"step": state.global_step}
            )
