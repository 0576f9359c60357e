"""Report the progress of the transformers trainer."""

import time
from typing import Any, Final

from transformers import Trainer, TrainerCallback, TrainingArguments

from sftc.training.reporter import Reporter

_METRICS: Final = {
    "loss": "train.loss",
    "eval_loss": "val.loss",
    "learning_rate": "train.learning_rate",
    "grad_norm": "train.grad_norm",
}


def figures(history: list[dict[str, float]]) -> dict[str, tuple[int, float]]:
    """Return the last value of each metric in a trainer's log, and its step."""
    last: dict[str, tuple[int, float]] = {}
    for logs in history:
        last |= {
            metric: (int(logs["step"]), float(logs[name]))
            for name, metric in _METRICS.items()
            if name in logs
        }
    return last


class ProgressCallback(TrainerCallback):  # type: ignore[misc]  # mypy skips transformers
    """Report events and metrics."""

    def __init__(self, trainer: Trainer, reporter: Reporter) -> None:
        self._trainer = trainer
        self._reporter = reporter
        self._seen = 0
        self._since = 0.0

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Report the settings in effect, as read back from the trainer."""
        used = {
            "steps": state.max_steps,
            "step": state.global_step,
            "device": str(args.device),
            "processes": args.world_size,
            "model": type(self._trainer.model_wrapped).__name__,
            "precision": self._trainer.accelerator.mixed_precision,
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
                self._reporter.metric(metric, state.global_step, float(logs[name]))
        if "loss" in logs:
            seen, now = int(state.num_input_tokens_seen), time.perf_counter()
            speed = (seen - self._seen) / (now - self._since)
            self._seen, self._since = seen, now
            self._reporter.metric("train.tokens_per_second", state.global_step, speed)

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Report a checkpoint."""
        self._reporter.event(
            "checkpoint", f"saved after step {state.global_step:,}", {"step": state.global_step}
        )
