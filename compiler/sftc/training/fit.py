"""Train a model according to a plan. Each process of a job runs this."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch.distributed import broadcast_object_list, get_rank, is_initialized
from transformers import TrainingArguments, set_seed

from sftc.estimate.sequences import pack
from sftc.service.executor import FailedError
from sftc.text.plural import counted
from sftc.training import checkpoints, health
from sftc.training.base_model import BaseModel
from sftc.training.fine_tuner import FineTuner
from sftc.training.packing import PackedRows
from sftc.training.plan import Plan
from sftc.training.progress_callback import ProgressCallback, figures
from sftc.training.prompts import Prompts
from sftc.training.reporter import Reporter
from sftc.training.sample_file import Sample
from sftc.training.sampler import Sampler
from sftc.training.tokens import TokenRows
from sftc.training.tracker_kinds import RunRecord
from sftc.training.tracking import Trackers
from sftc.training.trainable import Trainable, adapted_layers, build_trainable

_SAVES: Final = 10
"""Approximate number of checkpoints per run."""

_POINTS: Final = 1000
"""Approximate maximum number of points per metric."""


_OPTIMIZERS: Final = {"adamw_8bit": "adamw_bnb_8bit", "adafactor": "adafactor", "sgd": "sgd"}
"""The optimizers by their names in transformers, whose own default is AdamW."""


class Outcome(NamedTuple):
    """What a run ended with.

    Attributes:
        steps: the optimizer steps that were made.
        planned: the steps that the run would have without early stopping.
        figures: the last value of each metric, and its step.
        best: the step and the validation loss of the model that was saved, if it is the best one.
        deviations: what the model made necessary to be done otherwise than the plan says.
        samples: what the model answered to the prompts of the plan.
    """

    steps: int
    planned: int
    figures: dict[str, tuple[int, float]]
    best: tuple[int, float] | None
    deviations: list[str]
    samples: list[Sample]


def fit(  # noqa: PLR0913, PLR0917  the parts of a job
    plan: Plan, base: BaseModel, record: RunRecord, prompts: Prompts, into: Path, reporter: Reporter
) -> Outcome | None:
    """Train the model, save it to `into`, and return the outcome.

    Training resumes from the last complete checkpoint in the folder of the job, if there is one.

    Args:
        plan: the training plan.
        base: the base model.
        record: what trackers keep of the job. The folder in it has the tokenized rows in `training` and
            optionally `validation`. Checkpoints are written there.
        prompts: what the model is asked before, during and after training.
        into: the folder to save the model to.
        reporter: receives events and metrics.

    Returns:
        The outcome, or `None` if this process does not have rank 0.

    Raises:
        FailedError: a number is not finite, the adapter did not change, or a setting does not fit the model.
    """
    folder = record.folder
    set_seed(plan.seed)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # missing from the stubs
    rows = _rows(plan, folder)
    arguments = _arguments(plan, record, len(rows["training"]))
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # noqa: SLF001  a process has one device: theirs would use all that it sees
    model, deviations = _model(plan, base, reporter)
    trainer = FineTuner(plan, model, arguments, rows, reporter)
    with Trackers(plan.trackers if trainer.is_world_process_zero() else [], record, reporter) as trackers:
        trainer.add_callback(trackers)  # first: the speed of the first steps is without their start
        trainer.add_callback(ProgressCallback(trainer, reporter))
        sampler = Sampler(trainer, prompts, reporter)
        trainer.add_callback(sampler)
        trainer.train(resume_from_checkpoint=_checkpoint(folder, reporter))
        sampler.take(trainer.state.global_step)
    best = None
    if plan.keep_best:
        best = checkpoints.newest(folder, checkpoints.BEST, lambda said: reporter.event("best", said))
    if best and trainer.args.should_save:
        shutil.rmtree(into, ignore_errors=True)
        shutil.copytree(best.folder, into, ignore=shutil.ignore_patterns(checkpoints.SEAL))
    elif not best:
        trainer.save_for_use(into)
    if not trainer.is_world_process_zero():
        return None
    if plan.adapter:
        _check_changes(into, trainer.state.global_step, reporter)
    state = trainer.state
    found = (best.step, best.notes["loss"]) if best else None
    return Outcome(
        state.global_step,
        state.max_steps,
        figures(state.log_history),
        found,
        deviations,
        sampler.samples,
    )


def _check_changes(model: Path, steps: int, reporter: Reporter) -> None:
    """Report layers whose adapter did not change.

    Raises:
        FailedError: none did.
    """
    unchanged, layers = health.unchanged_layers(model)
    if layers and len(unchanged) == layers:
        raise FailedError(
            f"training changed nothing: after {counted(steps, 'step')} the adapter is as it was before. "
            "Raise `hyperparameters.learning_rate`, or the number of steps: more rows or "
            "`hyperparameters.n_epochs`, or a smaller batch"
        )
    if unchanged:
        names = ", ".join(sorted(set(unchanged)))
        said = f"the adapter did not change on {len(unchanged):,} of {layers:,} layers, called {names}"
        reporter.event("warning", said, {"unchanged": dict(Counter(unchanged))})


def _rows(plan: Plan, folder: Path) -> dict[str, Any]:
    """Return the dataset `training`, and `validation` if the run evaluates."""
    rows: dict[str, Any] = {"training": TokenRows(folder / "training")}
    if plan.packing:
        packed = pack(rows["training"].lengths, plan.sequence_length, plan.per_device)
        rows["training"] = PackedRows(rows["training"], packed)
    if plan.evaluation != "no":
        rows["validation"] = TokenRows(folder / "validation")
    return rows


def _model(plan: Plan, base: BaseModel, reporter: Reporter) -> Trainable:
    """Return the model to train; report which layers have an adapter, and which linear layers have none."""
    made = build_trainable(plan, base)
    for deviation in made.deviations:
        reporter.event("deviation", deviation)
    if plan.adapter:
        adapted, others = adapted_layers(made.model)
        trained, whole = made.model.get_nb_trainable_parameters()
        said = f"an adapter on {sum(adapted.values()):,} layers: {', '.join(sorted(adapted))}"
        said += f"; none on {', '.join(sorted(others))}" * bool(others)
        said += f"; {trained:,} of {whole:,} weights are trained"
        data = {"adapted": adapted, "others": others, "trained": trained, "weights": whole}
        reporter.event("adapter", said, data)
    return made


def _checkpoint(folder: Path, reporter: Reporter) -> str | None:
    """Return the path of the newest complete checkpoint. The process with rank 0 finds it for all."""
    found: list[str | None] = [None]
    if not is_initialized() or get_rank() == 0:
        newest = checkpoints.newest(
            folder, checkpoints.CHECKPOINT, lambda said: reporter.event("checkpoint", said)
        )
        found = [str(newest.folder) if newest else None]
    if is_initialized():
        broadcast_object_list(found)
    return found[0]


def _arguments(plan: Plan, record: RunRecord, sequences: int) -> TrainingArguments:
    total = plan.steps(sequences)
    options: dict[str, Any] = {"eval_strategy": plan.evaluation}
    if plan.evaluation == "steps":
        options["eval_steps"] = min(plan.eval_steps or plan.steps_in_epoch(sequences), total)
    if plan.checkpointing:
        options |= {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}}
    if plan.optimizer in _OPTIMIZERS:
        options["optim"] = _OPTIMIZERS[plan.optimizer]
    if plan.project:
        options["project"] = plan.project
    return TrainingArguments(
        output_dir=str(record.folder),
        run_name=record.name,
        num_train_epochs=plan.epochs,
        max_steps=total,
        learning_rate=plan.learning_rate,
        adam_beta1=plan.adam_beta1,
        adam_beta2=plan.adam_beta2,
        adam_epsilon=plan.adam_epsilon,
        weight_decay=plan.weight_decay,
        max_grad_norm=plan.max_grad_norm,
        per_device_train_batch_size=plan.per_device,
        per_device_eval_batch_size=plan.per_device,
        gradient_accumulation_steps=plan.accumulation,
        bf16=plan.precision == "bf16",
        fp16=plan.precision == "fp16",
        save_steps=plan.save_steps or -(-total // _SAVES),
        logging_steps=max(1, total // _POINTS),
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="all",
        seed=plan.seed,
        data_seed=plan.seed,
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False if plan.processes > 1 else None,
        deepspeed=_deepspeed(plan) if plan.deepspeed >= 0 else None,
        fsdp=plan.fsdp or None,
        fsdp_config={"version": 2, "state_dict_type": "FULL_STATE_DICT"} if plan.fsdp else None,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
        trackio_space_id=None,
        **options,
    )


def _deepspeed(plan: Plan) -> dict[str, Any]:
    return {
        "zero_optimization": {"stage": plan.deepspeed, "stage3_gather_16bit_weights_on_model_save": True},
        "bf16": {"enabled": plan.precision == "bf16"},
        "fp16": {"enabled": plan.precision == "fp16"},
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
    }
