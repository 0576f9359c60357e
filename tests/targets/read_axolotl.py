"""Print what Axolotl understands of its configs, as JSON, a line a file.

Axolotl's own steps: YAML, `validate_config` as `axolotl train` calls it on a machine with eight H100, and
the names of the fields of its schema, because it ignores a key that it does not know.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from axolotl.utils.config import validate_config
from axolotl.utils.dict import DictDefault
from axolotl.utils.schemas.config import AxolotlInputConfig
from axolotl.utils.schemas.datasets import SFTDataset
from axolotl.utils.schemas.fsdp import FSDPConfig

from support.field_defaults import plain

GPUS = {"bf16": True, "fp8": False, "tf32": True, "n_gpu": 8, "n_node": 1, "compute_capability": "sm_90"}
PLACE = {"torch_version": "2.11.0"}
SCHEDULES = {"polynomial": "linear", "constant_with_warmup": "constant"}
OPTIMIZERS = {
    "adamw_torch_fused": "adamw",
    "adamw_bnb_8bit": "adamw_8bit",
    "adamw_torch_8bit": "adamw_8bit",
}
TRACKERS = ("tensorboard", "wandb", "trackio", "mlflow")


def unknown(written: dict[str, Any]) -> list[str]:
    """Return the keys that the schema has no field for."""
    names = set(AxolotlInputConfig.model_fields) | {
        field.alias for field in AxolotlInputConfig.model_fields.values() if field.alias
    }
    found = [key for key in written if key not in names]
    found += [key for key in written.get("fsdp_config", {}) if key not in FSDPConfig.model_fields]
    for each in (*written.get("datasets", ()), *written.get("test_datasets", ())):
        found += [key for key in each if key not in SFTDataset.model_fields]
    return found


def dataset(each: dict[str, Any]) -> dict[str, Any]:
    """Return what is known about one file."""
    roles = each["roles_to_train"]
    return {
        "path": each["path"],
        "rows": (each["ds_type"], each["type"], each["split"], each["field_messages"]),
        "trains": roles,
        "weight": each["message_field_training"],
        "ends": each["train_on_eos"],
    }


def understood(written: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the run in the words of sftc's own plan."""
    config = validate_config(DictDefault(written), capabilities=GPUS, env_capabilities=PLACE)
    files = [dataset(each) for each in config.datasets]
    tests = [dataset(each) for each in config.test_datasets or ()]
    kwargs, peak = config.lr_scheduler_kwargs or {}, config.learning_rate
    by_epoch = config.evals_per_epoch == 1 and config.saves_per_epoch == 1
    steps = config.eval_steps if tests else None
    evaluation = "steps" if steps else "epoch" if by_epoch else config.eval_strategy or "no"
    best = config.load_best_model_at_end and (by_epoch or (steps and config.save_steps % steps == 0))
    adapter = config.adapter is not None
    return {
        "model": config.base_model,
        "files": [each["path"] for each in files],
        "validation_files": [each["path"] for each in tests],
        "data": {json.dumps({**each, "path": ""}) for each in (*files, *tests)}.pop(),
        "split": config.val_set_size,
        "template": config.chat_template,
        "adapter": adapter,
        "bits": 4 if config.load_in_4bit and config.adapter == "qlora" else 8 if config.load_in_8bit else 16,
        "rank": config.lora_r,
        "alpha": config.lora_alpha,
        "dropout": config.lora_dropout if adapter else None,
        "modules": "all-linear" if config.lora_target_linear else config.lora_target_modules,
        "saved": config.lora_modules_to_save or [],
        "rslora": bool(config.peft_use_rslora),
        "dora": bool(config.peft_use_dora),
        "length": config.sequence_len,
        "long_rows": config.excess_length_strategy,
        "packing": bool(config.sample_packing),
        "isolated": not config.sample_packing or config.attn_decontaminates_packing,
        "train_on": "all" if config.train_on_inputs else "assistant",
        "per_device": config.micro_batch_size,
        "per_device_evaluation": config.eval_batch_size,
        "accumulation": config.gradient_accumulation_steps,
        "epochs": config.num_epochs,
        "max_steps": config.max_steps or 0,
        "optimizer": OPTIMIZERS.get(config.optimizer, config.optimizer),
        "adam": [config.adam_beta1, config.adam_beta2, config.adam_epsilon],
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "learning_rate": peak,
        "schedule": SCHEDULES.get(config.lr_scheduler, config.lr_scheduler),
        "power": kwargs.get("power", 1.0),
        "floor": config.cosine_min_lr_ratio or kwargs.get("lr_end", 0.0) / peak,
        "warmup": {"steps": config.warmup_steps or 0, "share": config.warmup_ratio or 0.0},
        "seed": config.seed,
        "precision": "bf16" if config.bf16 else "fp16" if config.fp16 else "fp32",
        "tf32": config.tf32,
        "checkpointing": config.gradient_checkpointing,
        "evaluation": evaluation,
        "eval_steps": steps or 0,
        "keeps_best": bool(best),
        "metric": (config.metric_for_best_model or "eval_loss", bool(config.greater_is_better)),
        "patience": config.early_stopping_patience or 0,
        "save_steps": config.save_steps,
        "saves_epochs": bool(config.saves_per_epoch),
        "keep": config.save_total_limit,
        "output": config.output_dir,
        "trackers": [name for name in TRACKERS if config[f"use_{name}"]],
        "projects": [config.wandb_project, config.trackio_project_name, config.mlflow_experiment_name],
        "runs": [config.wandb_name, config.trackio_run_name, config.mlflow_run_name],
        "deepspeed": config.deepspeed["zero_optimization"]["stage"] if config.deepspeed else -1,
        "fsdp": config.fsdp_version or 0,
    }


def fields() -> dict[str, Any]:
    """Return the keys that a config may have, with their defaults."""
    found = dict(_defaults(AxolotlInputConfig))
    inner = {"datasets.*": SFTDataset, "test_datasets.*": SFTDataset, "fsdp_config": FSDPConfig}
    return found | {f"{key}.{name}": value for key, kind in inner.items() for name, value in _defaults(kind)}


def _defaults(kind: Any) -> list[tuple[str, Any]]:
    found = []
    for name, field in kind.model_fields.items():
        value = None if field.is_required() else field.get_default(call_default_factory=True)
        names = {name, field.alias or name}
        found += [(each, plain(value)) for each in sorted(names)]
    return found


def main(files: list[str]) -> None:
    """Print a line a file, and the keys for the argument `--fields`."""
    for file in files:
        if file == "--fields":
            print("understood", json.dumps(fields()))
            continue
        written = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        keys = unknown(written)
        try:
            said = understood(written)
        except Exception as error:
            said = {"refused": f"{type(error).__name__}: {error}"}
        print("understood", json.dumps({"unknown": keys, **said}))


if __name__ == "__main__":
    main(sys.argv[1:])
