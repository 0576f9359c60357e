"""Print what Together's package understands of the bodies of requests, as JSON, a line a file.

The type of the request in the package, with the ids of files that submission binds. It takes any value of a
type it does not know, so names are compared with its fields, and the parts must be of the known types.
"""

import json
import sys
from pathlib import Path
from typing import Any

from together.lib.resources.fine_tuning import create_finetune_request, validate_early_stopping
from together.lib.types.fine_tuning import (
    CosineLRScheduler,
    FinetuneRequest,
    FullTrainingType,
    LinearLRScheduler,
    LoRATrainingType,
    TrainingMethodSFT,
)
from together.types.finetune_model_limits import FinetuneModelLimits, FullTraining, LoraTraining

LIMITS = FinetuneModelLimits(
    default_gradient_accumulation_steps=1,
    lora_training=LoraTraining(
        default_rank=8, max_batch_size=10**9, max_batch_size_dpo=8, max_rank=1024, min_batch_size=1,
        target_modules=[],
    ),
    max_learning_rate=10.0, max_num_checkpoints=100, max_num_epochs=100, max_num_evals=100,
    max_seq_length_dpo=10**9, max_seq_length_sft=10**9, merge_output_lora=True, min_learning_rate=0.0,
    min_max_seq_length=1, model_name="m", supports_full_training=True, supports_reasoning=True,
    supports_tools=True, supports_vision=False,
    full_training=FullTraining(max_batch_size=10**9, max_batch_size_dpo=8, min_batch_size=1),
)  # fmt: skip


def unknown(written: Any, read: Any) -> list[str]:
    """Return the names in `written` that are not fields of the type that it was read as."""
    found = []
    for name, value in written.items():
        if name not in type(read).model_fields:
            found.append(name)
        elif isinstance(value, dict):
            found += unknown(value, getattr(read, name))
    return found


def same_request(written: dict[str, Any], read: FinetuneRequest) -> bool:
    """Return whether the package's own client makes the same body of the same settings."""
    scheduler, kind = written["lr_scheduler"], written["training_type"]
    adapter = {name: value for name, value in kind.items() if name != "type"}
    simple = set(FinetuneRequest.model_fields) - {"lr_scheduler", "training_type", "training_method"}
    made, _, _ = create_finetune_request(
        LIMITS,
        **{name: value for name, value in written.items() if name in simple},
        lr_scheduler_type=scheduler["lr_scheduler_type"],
        min_lr_ratio=scheduler["lr_scheduler_args"]["min_lr_ratio"],
        lora=kind["type"] == "Lora",
        train_on_inputs=written["training_method"]["train_on_inputs"],
        **adapter,
    )
    dumped = read.model_dump(exclude_none=True)
    return {**made.model_dump(exclude_none=True), "early_stopping_enabled": True} == {
        **dumped,
        "early_stopping_enabled": True,
        "validation_file": dumped.get("validation_file", ""),
    }


def understood(file: Path) -> dict[str, Any]:
    """Return the settings of the run in the words of sftc's own plan."""
    written = json.loads(file.read_text(encoding="utf-8"))
    unbound = [written[name] for name in ("training_file", "validation_file") if name in written]
    written |= {name: "file-1" for name in ("training_file", "validation_file") if name in written}
    read = FinetuneRequest.model_validate(written)
    validate_early_stopping(
        bool(read.early_stopping_enabled),
        read.early_stopping_patience,
        read.early_stopping_min_delta,
        read.early_stopping_warmup_evals,
        10**6,  # whether the epochs are enough for the patience is for the service to say
        read.validation_file,
    )
    scheduler, kind, method = read.lr_scheduler, read.training_type, read.training_method
    assert isinstance(scheduler, LinearLRScheduler | CosineLRScheduler)
    assert isinstance(kind, LoRATrainingType | FullTrainingType)
    assert isinstance(method, TrainingMethodSFT)
    lora = kind if isinstance(kind, LoRATrainingType) else None
    assert scheduler.lr_scheduler_args
    floor = scheduler.lr_scheduler_args.min_lr_ratio
    modules = lora and lora.lora_trainable_modules
    stops = bool(read.early_stopping_enabled)
    return {
        "unknown": unknown(written, read),
        "unbound": set(unbound) == {None},
        "same_request": stops or same_request(written, read),
        "model": read.model,
        "adapter": lora is not None,
        "rank": lora and lora.lora_r,
        "alpha": lora and lora.lora_alpha,
        "dropout": lora and lora.lora_dropout,
        "modules": modules and (modules if modules == "all-linear" else modules.split(",")),
        "length": read.max_seq_length or 0,
        "packing": read.packing,
        "train_on": {False: "assistant", True: "all"}[method.train_on_inputs is True],
        "rows": (read.batch_size, read.gradient_accumulation_steps),
        "epochs": read.n_epochs,
        "weight_decay": read.weight_decay,
        "max_grad_norm": read.max_grad_norm,
        "learning_rate": read.learning_rate,
        "schedule": "constant" if floor == 1 else scheduler.lr_scheduler_type,
        "floor": 0.0 if floor == 1 else floor,
        "warmup": {"steps": 0, "share": read.warmup_ratio},
        "seed": read.random_seed,
        "validates": read.validation_file is not None,
        "evaluations": read.n_evals,
        "patience": read.early_stopping_patience if stops else 0,
        "min_delta": read.early_stopping_min_delta if stops else 0.0,
        "skipped": read.early_stopping_warmup_evals if stops else 0,
        "checkpoints": read.n_checkpoints,
        "name": read.suffix,
    }


for argument in sys.argv[1:]:
    try:
        said = understood(Path(argument))
    except Exception as error:
        said = {"refused": f"{type(error).__name__}: {error}"}
    print("understood", json.dumps(said))
