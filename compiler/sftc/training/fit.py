"""Train a model according to a plan. Each process of a job runs this."""

from pathlib import Path
from typing import Any, Final

import torch
from transformers import Trainer, TrainingArguments, set_seed
from transformers.trainer import TRAINING_ARGS_NAME

from sftc.training.base_model import BaseModel
from sftc.training.collate import collator
from sftc.training.plan import Plan
from sftc.training.progress_callback import ProgressCallback, checkpoint
from sftc.training.reporter import Reporter
from sftc.training.tokens import TokenRows
from sftc.training.trainable import build_trainable

SEED: Final = 42

_SAVES: Final = 10
"""Approximate number of checkpoints per run."""

_POINTS: Final = 1000
"""Approximate maximum number of points per metric."""


def fit(plan: Plan, base: BaseModel, folder: Path, into: Path, reporter: Reporter) -> dict[str, float] | None:
    """Train the model, save it to `into`, and return its final metrics.

    Training resumes from the last complete checkpoint in `folder`, if there is one.

    Args:
        plan: the training plan.
        base: the base model.
        folder: the folder of the job: it has the tokenized rows in `training` and optionally
            `validation`. Checkpoints are written here.
        into: the folder to save the model to.
        reporter: receives events and metrics.

    Returns:
        The last value of each metric, or `None` if this process does not have rank 0.
    """
    set_seed(SEED)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # missing from the stubs
    training = TokenRows(folder / "training")
    validation = TokenRows(folder / "validation") if plan.evaluation != "no" else None
    arguments = _arguments(plan, folder, len(training))
    progress = ProgressCallback(reporter)
    model = build_trainable(plan, base)
    trainer = Trainer(model, arguments, collator(model), training, validation, callbacks=[progress])
    progress.trainer = trainer
    trainer.train(resume_from_checkpoint=checkpoint(folder))
    trainer.accelerator.unwrap_model(trainer.model).config.use_cache = True
    trainer.save_model(str(into))  # every process calls it: with sharding, each holds a part
    if not trainer.is_world_process_zero():
        return None
    (into / TRAINING_ARGS_NAME).unlink()  # it contains paths of this machine
    return progress.last


def _arguments(plan: Plan, folder: Path, rows: int) -> TrainingArguments:
    an_epoch = -(-rows // (plan.per_device * plan.accumulation * plan.processes))
    total = an_epoch * plan.epochs
    evaluates: dict[str, Any] = {"eval_strategy": plan.evaluation}
    save_steps = -(-total // _SAVES)
    if plan.evaluation == "steps":
        evaluates["eval_steps"] = every = min(plan.eval_steps or an_epoch, total)
        save_steps = every * max(1, save_steps // every)
    elif plan.evaluation == "epoch" and plan.keep_best:
        evaluates["save_strategy"] = "epoch"
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=plan.epochs,
        learning_rate=plan.learning_rate,
        warmup_steps=plan.warmup_ratio,
        per_device_train_batch_size=plan.per_device,
        per_device_eval_batch_size=plan.per_device,
        gradient_accumulation_steps=plan.accumulation,
        bf16=plan.precision == "bf16",
        fp16=plan.precision == "fp16",
        gradient_checkpointing=plan.checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if plan.checkpointing else None,
        save_steps=save_steps,
        save_total_limit=2,
        load_best_model_at_end=plan.keep_best,
        metric_for_best_model="eval_loss",
        greater_is_better=plan.greater_is_better,
        logging_steps=max(1, total // _POINTS),
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="all",
        seed=SEED,
        data_seed=SEED,
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False if plan.processes > 1 else None,
        deepspeed=_deepspeed(plan) if plan.deepspeed >= 0 else None,
        fsdp=plan.fsdp or None,  # type: ignore[arg-type]  # accepts a bool, but the annotation lacks it
        fsdp_config={"version": 2, "state_dict_type": "FULL_STATE_DICT"} if plan.fsdp else None,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
        **evaluates,
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
