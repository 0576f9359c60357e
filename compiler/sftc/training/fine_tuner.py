"""The trainer of transformers, with the figures and the checkpoints that a job promises."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer import TRAINING_ARGS_NAME
from transformers.trainer_utils import EvalLoopOutput

from sftc.service.executor import FailedError
from sftc.text.plural import counted
from sftc.training import checkpoints, health
from sftc.training.collate import TokenRow, collator, trained_tokens
from sftc.training.learning_rate import schedule
from sftc.training.machine import disk_full
from sftc.training.packing import keeps_rows_apart
from sftc.training.plan import Plan
from sftc.training.reporter import Reporter
from sftc.training.tokens import IGNORED

_NO_LOSS: Final = "the loss is not finite"
_TRAINED: Final = 0.01
"""A loss below which gradients may be 0 because nothing is left to train."""


class FineTuner(Trainer):  # type: ignore[misc]  # mypy skips transformers
    """Trains according to a plan.

    Unlike the trainer that it extends, it measures the validation loss over tokens, keeps the best model
    whenever an evaluation finds it, stops at once if a number is not finite or the gradients are all 0, and
    seals its checkpoints.

    Args:
        plan: the training plan.
        model: the model to train.
        arguments: the arguments of the plan.
        rows: the datasets `training` and, if the run evaluates, `validation`.
        reporter: receives events.
    """

    lr_scheduler: torch.optim.lr_scheduler.LRScheduler | None

    def __init__(
        self,
        plan: Plan,
        model: Any,
        arguments: TrainingArguments,
        rows: Mapping[str, Any],
        reporter: Reporter,
    ) -> None:
        self.plan = plan
        self.folder = Path(str(arguments.output_dir))
        self.losses: list[torch.Tensor] = []
        self._reporter = reporter
        validation = rows.get("validation")
        batch = plan.per_device * plan.processes
        super().__init__(
            model,
            arguments,
            collator(model),
            rows["training"],
            FilledUp(validation, batch) if validation else None,
            callbacks=[_Watch(self)],
        )

    def train(self, *args: Any, **options: Any) -> Any:
        """Train, unless the checkpoint to resume from is that of the last step."""
        with suppress(_OverError):
            return super().train(*args, **options)

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """Return the scheduler of the plan's learning rate."""
        if self.lr_scheduler is None:
            optimizer = self.optimizer if optimizer is None else optimizer
            self.lr_scheduler = LambdaLR(optimizer, schedule(self.plan, num_training_steps))
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def training_step(self, *args: Any, **options: Any) -> torch.Tensor:
        """Compute the gradients of a batch, and remember its loss until the optimizer's step."""
        loss: torch.Tensor = super().training_step(*args, **options)
        self.losses.append(loss)
        return loss

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,  # noqa: FBT001  theirs
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Measure the mean loss of all tokens that have a label, each counted once.

        Neither the batch size nor the number of processes changes it.
        """
        model: Any = self._wrap_model(self.model, training=False)
        model.eval()
        sums, tokens = [], []
        for batch in dataloader:
            inputs = self._prepare_inputs(batch)
            with torch.no_grad(), self.compute_loss_context_manager():
                loss = model(**inputs).loss  # the mean over the tokens of the batch
            count = trained_tokens(inputs)
            sums.append(torch.where(count > 0, loss.float() * count, 0.0))
            tokens.append(count)
        found = torch.stack(
            [torch.stack(sums).cpu().double().sum(), torch.stack(tokens).cpu().double().sum()]
        )
        if self.args.world_size > 1:
            found = self.accelerator.reduce(found.to(self.args.device), "sum").cpu()
        total, count = found.tolist()
        return EvalLoopOutput(
            predictions=None,
            label_ids=None,
            metrics={f"{metric_key_prefix}_loss": total / count},
            num_samples=len(dataloader.dataset),
        )

    def save_for_use(self, folder: Path) -> None:
        """Save the model as it is loaded to be used. Every process calls it: each may have a part."""
        config = self.accelerator.unwrap_model(self.model).config
        config.use_cache = True
        self.save_model(str(folder), _internal_call=True)
        config.use_cache = False
        if self.args.should_save:
            (folder / TRAINING_ARGS_NAME).unlink()  # it contains paths of this machine

    def keep_best(self, loss: float) -> None:
        """Save the model, the best so far, with its validation loss."""
        step = self.state.global_step
        place = self.folder / f"{checkpoints.BEST}{step}"
        with self._written(place, {"loss": loss}):
            self.save_for_use(place)
        if self.args.should_save:
            checkpoints.keep_newest(self.folder, checkpoints.BEST, 1)
        self._reporter.event(
            "best", f"best so far: val.loss {loss:.6g} at step {step:,}", {"step": step, "loss": loss}
        )

    def report_stop(self, evaluations: int) -> None:
        """Report that the run stops early, after a number of evaluations without improvement."""
        step = self.state.global_step
        number = counted(evaluations, "evaluation")
        said = f"stopped early after step {step:,}: no improvement for {number}"
        self._reporter.event("stopped", said, {"step": step})

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        with self._written(self.folder / f"{checkpoints.CHECKPOINT}{self.state.global_step}"):
            super()._save_checkpoint(model, trial)
        if self.args.should_save:
            checkpoints.keep_newest(self.folder, checkpoints.CHECKPOINT, self.plan.keep)

    @contextmanager
    def _written(self, place: Path, notes: Mapping[str, Any] | None = None) -> Iterator[None]:
        """Seal `place` after the body has written it, or delete it if the disk is full."""
        if self.args.should_save:
            checkpoints.discard(place)  # an earlier try may have left a part of it
        self.accelerator.wait_for_everyone()
        try:
            yield
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                checkpoints.seal(place, notes)
        except Exception as error:
            if not disk_full(error):
                raise
            checkpoints.discard(place)
            raise FailedError(
                f"the disk is full: {place.name} could not be saved in {self.folder}. Free space there, and "
                f"run the same command again: "
                f"{self._kept('the job continues from', 'no checkpoint was saved before it')}",
                resumes=True,
            ) from error

    def diverged(self, what: str, step: int) -> FailedError:
        """Return the failure of a job because of `what`, a clause, at `step`."""
        if step == 1 and what == _NO_LOSS:
            advice = (
                "nothing was trained yet, so `job.model` itself gives no finite numbers: check its weights, "
                "or set another precision in `hyperparameters.parallelism`"
            )
        else:
            rate = self.plan.learning_rate
            advice = f"lower `hyperparameters.learning_rate` (it is {rate:g}), or raise the warmup"
        return FailedError(
            f"training diverged at step {step:,}: {what}; {advice}. "
            f"{self._kept('The last finite checkpoint is', 'No checkpoint was saved before it')}"
        )

    def _kept(self, said: str, otherwise: str) -> str:
        found = checkpoints.newest(self.folder, checkpoints.CHECKPOINT)
        return f"{said} {found.folder.name} in {self.folder}" if found else otherwise


class FilledUp:
    """Rows, and behind them fillers without a label, up to a multiple of `batch`.

    Every process then has the same number of batches, and no row twice.
    """

    def __init__(self, rows: Any, batch: int) -> None:
        self._rows = rows
        self._count = -(-len(rows) // batch) * batch

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: int) -> TokenRow:
        if at < len(self._rows):
            row: TokenRow = self._rows[at]
            return row
        few = self._rows[0]["input_ids"][:2]
        return {"input_ids": few, "labels": torch.full_like(few, IGNORED)}


class _OverError(Exception):
    """A run that resumes has no step left to make."""


class _Watch(TrainerCallback):  # type: ignore[misc]  # mypy skips transformers
    """Stops a run that diverges or no longer improves, and keeps the best model."""

    def __init__(self, trainer: FineTuner) -> None:
        self._trainer = trainer
        self._best: float | None = None

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Check that packed rows stay apart, and find the best model of an earlier attempt."""
        trainer = self._trainer
        model: Any = trainer.accelerator.unwrap_model(trainer.model)
        if trainer.plan.packing and not keeps_rows_apart(model, args.device, trainer.model_wrapped):
            raise FailedError(
                f"`hyperparameters.packing`: the rows of a sequence would affect each other in a model of "
                f"the type {model.config.model_type}; train without packing"
            )
        if found := checkpoints.newest(trainer.folder, checkpoints.BEST):
            self._best = found.notes["loss"]
        if state.global_step >= state.max_steps or self._waited(state) >= (trainer.plan.patience or math.inf):
            raise _OverError

    def on_pre_optimizer_step(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Stop before numbers that are not finite reach the weights."""
        losses, gradients = self._trainer.losses, health.gradients(self._trainer.model_wrapped)
        # In fp16, gradients overflow now and then: the step is skipped, and the scale lowered.
        watched = losses if args.fp16 else [*losses, *gradients]
        if not health.is_finite(watched):
            what = "the gradients are not finite" if health.is_finite(losses) else _NO_LOSS
            raise self._trainer.diverged(what, state.global_step + 1)
        losses.clear()

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Check the weights; after the last step, log and evaluate also if it is not time to."""
        if not health.is_finite(health.trained(self._trainer.model_wrapped)):
            raise self._trainer.diverged("the weights are not finite", state.global_step)
        if state.global_step >= state.max_steps:
            control.should_log = True
            control.should_evaluate |= self._trainer.plan.evaluation == "steps"

    def on_log(
        self, args: TrainingArguments, state: Any, control: Any, *, logs: Any = None, **_: Any
    ) -> None:
        """Check the norm of the gradients: it may overflow if they themselves do not, or stay at 0."""
        norm, loss = logs.get("grad_norm", 1.0), logs.get("loss", 0.0)
        if args.fp16:
            return
        if not math.isfinite(norm):
            raise self._trainer.diverged("the gradients are not finite", state.global_step)
        if norm == 0 and loss > _TRAINED:
            what = f"all gradients are 0 at a loss of {loss:.4g}, so nothing is trained any more"
            raise self._trainer.diverged(what, state.global_step)

    def on_evaluate(
        self, args: TrainingArguments, state: Any, control: Any, *, metrics: Any = None, **_: Any
    ) -> None:
        """Keep a better model, or stop if there was no improvement for too long."""
        trainer, loss = self._trainer, metrics["eval_loss"]
        plan = trainer.plan
        if not math.isfinite(loss):
            raise trainer.diverged("the validation loss is not finite", state.global_step)
        if plan.keep_best and (self._best is None or _is_better(loss, self._best, plan)):
            self._best = loss
            trainer.keep_best(loss)
        if plan.patience and (since := self._waited(state)) >= plan.patience:
            control.should_training_stop = True
            trainer.report_stop(since)

    def _waited(self, state: Any) -> int:
        losses = [each["eval_loss"] for each in state.log_history if "eval_loss" in each]
        return waited(losses, self._trainer.plan)


def waited(losses: list[float], plan: Plan) -> int:
    """Return the number of evaluations since the last improvement.

    An improvement is a loss that is better than that of the improvement before by more than `min_delta`.
    """
    best, since = math.nan, -1
    for loss in losses:
        if since < 0 or _is_better(loss, best, plan, plan.min_delta):
            best, since = loss, 0
        else:
            since += 1
    return max(since, 0)


def _is_better(loss: float, than: float, plan: Plan, by: float = 0.0) -> bool:
    return (loss - than if plan.greater_is_better else than - loss) > by
