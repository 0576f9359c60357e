"""Print what TRL understands of its configs, as JSON, a line a file.

TRL's own steps: the parser of `trl sft`, what its command hands on to `accelerate launch`, and what its
script makes of the settings for PEFT and bitsandbytes.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

# It is asked whether the machine that trains has bf16, not the one that runs the tests.
import transformers.training_args
import yaml

transformers.training_args.is_torch_bf16_gpu_available = lambda: True

from accelerate.commands.launch import launch_command_parser  # noqa: E402
from trl import (  # noqa: E402
    DatasetMixtureConfig,
    ModelConfig,
    ScriptArguments,
    SFTConfig,
    get_peft_config,
    get_quantization_config,
)
from trl.scripts.sft import make_parser  # noqa: E402
from trl.scripts.utils import DatasetConfig  # noqa: E402

from support.field_defaults import defaults  # noqa: E402

SCHEDULES = {"polynomial": "linear", "cosine_with_min_lr": "cosine", "constant_with_warmup": "constant"}
OPTIMIZERS = {"adamw_torch_fused": "adamw", "adamw_bnb_8bit": "adamw_8bit"}


def understood(file: Path) -> dict[str, Any]:
    """Return the settings of the run in the words of sftc's own plan."""
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    sharded = written.pop("deepspeed", None)  # it is read by another package, in a process group
    rest = file.with_suffix(".rest.yaml")
    rest.write_text(yaml.safe_dump(written), encoding="utf-8")
    for name in ("WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(name, None)
    arguments = ["--config", str(file if sharded is None else rest)]
    _, training, model, data, left = make_parser().parse_args_and_config(
        arguments, return_remaining_strings=True
    )
    launch, unknown = launch_command_parser().parse_known_args([*left, "script.py"])
    peft, four_bits = get_peft_config(model), get_quantization_config(model)
    kwargs, peak = training.lr_scheduler_kwargs or {}, training.learning_rate
    share, warmup = 0 < training.warmup_steps < 1, training.get_warmup_steps(1000)
    modules = sorted(peft.target_modules) if peft and isinstance(peft.target_modules, set) else None
    return {
        "unknown": unknown,
        "model": model.model_name_or_path,
        "files": [each.data_files for each in data.datasets],
        "forms": sorted({f"{each.path} {each.split}" for each in data.datasets}),
        "adapter": peft is not None,
        "bits": 4 if four_bits else 16,
        "four_bits": four_bits
        and [
            four_bits.bnb_4bit_quant_type,
            four_bits.bnb_4bit_use_double_quant,
            str(four_bits.bnb_4bit_compute_dtype),
        ],
        "weights": model.dtype,
        "rank": peft and peft.r,
        "alpha": peft and peft.lora_alpha,
        "dropout": peft and peft.lora_dropout,
        "modules": peft and (modules or peft.target_modules),
        "saved": (peft and peft.modules_to_save) or [],
        "rslora": bool(peft and peft.use_rslora),
        "dora": bool(peft and peft.use_dora),
        "length": training.max_length or 0,
        "packing": training.packing,
        "packs": training.packing_strategy,
        "train_on": "assistant" if training.assistant_only_loss else "all",
        "per_device": training.per_device_train_batch_size,
        "accumulation": training.gradient_accumulation_steps,
        "processes": launch.num_processes,
        "epochs": training.num_train_epochs,
        "max_steps": max(0, training.max_steps),
        "optimizer": OPTIMIZERS.get(training.optim, training.optim),
        "adam": [training.adam_beta1, training.adam_beta2, training.adam_epsilon],
        "weight_decay": training.weight_decay,
        "max_grad_norm": training.max_grad_norm,
        "learning_rate": peak,
        "schedule": SCHEDULES.get(training.lr_scheduler_type, training.lr_scheduler_type),
        "power": kwargs.get("power", 1.0),
        "floor": kwargs.get("min_lr_rate", kwargs.get("lr_end", 0.0) / peak),
        "warmup": {"steps": 0 if share else warmup, "share": training.warmup_steps if share else 0.0},
        "seed": training.seed,
        "data_seed": training.data_seed,
        "precision": "bf16" if training.bf16 else "fp16" if training.fp16 else "fp32",
        "checkpointing": training.gradient_checkpointing,
        "evaluation": training.eval_strategy.value,
        "keeps_best": training.load_best_model_at_end,
        "save_steps": training.save_steps if training.save_strategy == "steps" else None,
        "keep": training.save_total_limit,
        "output": training.output_dir,
        "name": training.run_name,
        "trackers": training.report_to,
        "projects": [training.project, *map(os.environ.get, ("WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME"))],
        "deepspeed": sharded["zero_optimization"]["stage"] if sharded else -1,
        "fsdp": training.fsdp_config.get("version", 0) if training.fsdp else 0,
    }


def fields() -> dict[str, Any]:
    """Return the keys of TRL and of `accelerate launch` that a config may have, with their defaults."""
    kinds = (ScriptArguments, SFTConfig, ModelConfig, DatasetMixtureConfig)
    found = {name: value for kind in kinds for name, value in defaults(kind)}
    found |= {f"datasets.*.{name}": value for name, value in defaults(DatasetConfig)}
    launch = {action.dest for action in launch_command_parser()._actions} - {"help", "training_script"}  # noqa: SLF001
    return {**dict.fromkeys(sorted({*launch, "env", "accelerate_config"})), **found}


for argument in sys.argv[1:]:
    try:
        said = fields() if argument == "--fields" else understood(Path(argument))
    except Exception as error:
        said = {"refused": f"{type(error).__name__}: {error}"}
    print("understood", json.dumps(said))
