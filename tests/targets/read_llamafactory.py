"""Print what LLaMA-Factory understands of its configs, as JSON, a line a file.

LLaMA-Factory's own steps: YAML by OmegaConf, `get_train_args`, and the reader of dataset_info.json.
"""

import json
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

# Its data package imports torchaudio, which it calls only for rows with sound. The package on PyPI is linked
# against CUDA and cannot be loaded on a machine without it.
sys.modules["torchaudio"] = ModuleType("torchaudio")
sys.modules["torchaudio"].__spec__ = ModuleSpec("torchaudio", None)

# It is asked whether the machine that trains has bf16, not the one that runs the tests.
import transformers.training_args  # noqa: E402

setattr(transformers.training_args, "is_torch_bf16_gpu_available", lambda: True)  # noqa: B010  mypy

from llamafactory.data.parser import get_dataset_list  # noqa: E402
from llamafactory.data.template import TEMPLATES  # noqa: E402
from llamafactory.extras.constants import DEFAULT_TEMPLATE, SUPPORTED_MODELS  # noqa: E402
from llamafactory.hparams import get_train_args  # noqa: E402
from llamafactory.hparams.parser import _TRAIN_ARGS  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402

from support.field_defaults import defaults  # noqa: E402

SCHEDULES = {"polynomial": "linear", "cosine_with_min_lr": "cosine", "constant_with_warmup": "constant"}
OPTIMIZERS = {"adamw_torch_fused": "adamw", "adamw_bnb_8bit": "adamw_8bit"}


def understood(file: Path) -> dict[str, Any]:
    """Return the settings of the run in the words of sftc's own plan."""
    os.chdir(file.parent)  # as a person who runs it there
    written: Any = OmegaConf.to_container(OmegaConf.load(file))
    sharded = written.pop("deepspeed", None)  # it is read by another package, in a process group
    model, data, training, tuning, _ = get_train_args(written)
    files = get_dataset_list(data.dataset, data.dataset_dir)
    tests = get_dataset_list(data.eval_dataset, data.dataset_dir)
    forms = [{**vars(each), "dataset_name": ""} for each in (*files, *tests)]
    kwargs, peak, adapter = training.lr_scheduler_kwargs or {}, training.learning_rate, tuning.finetuning_type
    share, warmup = 0 < training.warmup_steps < 1, training.get_warmup_steps(1000)
    targets = "all-linear" if tuning.lora_target == ["all"] else tuning.lora_target
    return {
        "model": model.model_name_or_path,
        "files": [each.dataset_name for each in files],
        "validation_files": [each.dataset_name for each in tests],
        "data": {json.dumps(each, sort_keys=True) for each in forms}.pop(),
        "split": data.val_size,
        "template": data.template if data.template is None or data.template in TEMPLATES else "unknown",
        "trains": training.do_train and tuning.stage == "sft",
        "adapter": {"lora": True, "full": False}[adapter],
        "bits": model.quantization_bit or 16,
        "four_bits": [model.quantization_method, model.quantization_type, model.double_quantization],
        "rank": tuning.lora_rank if adapter == "lora" else None,
        "alpha": tuning.lora_alpha if adapter == "lora" else None,
        "dropout": tuning.lora_dropout if adapter == "lora" else None,
        "modules": targets if adapter == "lora" else None,
        "saved": tuning.additional_target or [],
        "rslora": tuning.use_rslora,
        "dora": tuning.use_dora,
        "length": data.cutoff_len + bool(data.packing),
        "packing": data.packing,
        "isolated": not data.packing or (data.neat_packing and model.block_diag_attn),
        "train_on": "all" if data.train_on_prompt else "last" if data.mask_history else "assistant",
        "per_device": training.per_device_train_batch_size,
        "per_device_evaluation": training.per_device_eval_batch_size,
        "accumulation": training.gradient_accumulation_steps,
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
        "weights": model.infer_dtype,
        "checkpointing": not model.disable_gradient_checkpointing,
        "evaluation": training.eval_strategy.value,
        "eval_steps": training.eval_steps if training.eval_strategy == "steps" else 0,
        "keeps_best": training.load_best_model_at_end,
        "metric": (training.metric_for_best_model or "eval_loss", bool(training.greater_is_better)),
        "patience": tuning.early_stopping_steps or 0,
        "save_steps": training.save_steps if training.save_strategy == "steps" else None,
        "saves_epochs": training.save_strategy == "epoch",
        "keep": training.save_total_limit,
        "output": training.output_dir,
        "name": training.run_name,
        "trackers": training.report_to,
        "project": training.project,
        "deepspeed": sharded["zero_optimization"]["stage"] if sharded else -1,
        "fsdp": training.fsdp_config.get("version", 0) if training.fsdp else 0,
    }


def templates() -> dict[str, str]:
    """Return LLaMA-Factory's own choice of a template for each model that it lists and has one for."""
    return {
        source: DEFAULT_TEMPLATE[name]
        for name, sources in SUPPORTED_MODELS.items()
        for source in sources.values()
        if name in DEFAULT_TEMPLATE
    }


def fields() -> dict[str, Any]:
    """Return the keys that a config may have, with their defaults."""
    return {name: value for kind in _TRAIN_ARGS for name, value in defaults(kind)}


def main(arguments: list[str]) -> None:
    """Print a line a file, the templates for the argument `--templates`, and the keys for `--fields`."""
    more = {"--templates": templates, "--fields": fields}
    for argument in arguments:
        try:
            said = more[argument]() if argument in more else understood(Path(argument))
        except Exception as error:
            said = {"refused": f"{type(error).__name__}: {error}"}
        print("understood", json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1:])
