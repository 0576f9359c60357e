"""Load the base model and prepare it for training."""

from collections import Counter
from typing import Any, Final, NamedTuple

import torch
from transformers import AutoModelForCausalLM

from sftc.service.executor import FailedError
from sftc.training.base_model import BaseModel, loading
from sftc.training.machine import out_of_memory
from sftc.training.plan import Plan

_DROPOUT: Final = "training.lora.dropout"
_NO_DROPOUT: Final = "the experts of this model are one tensor, for which PEFT has no dropout"

_MAMBA: Final = ("mamba", "mamba2", "falcon_mamba", "falcon_h1", "nemotron_h")
_NOT_IN_MAMBA: Final = ["out_proj", "conv1d", "dt_proj"]
"""The layers of Mamba that no adapter has an effect on: its kernels read their weights directly."""

_EXPERTS: Final = 3
"""The dimensions of a tensor that has the weights of all experts."""

DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Trainable(NamedTuple):
    """The model to train, and what is done otherwise than the plan says."""

    model: Any
    deviations: list[str]


def build_trainable(plan: Plan, base: BaseModel) -> Trainable:
    """Return the model to train: the base model, with a LoRA adapter if `plan.adapter` is set.

    Raises:
        FailedError: the model cannot be loaded, or cannot have this adapter.
    """
    if not plan.adapter:
        return Trainable(_load(plan, base), [])
    try:
        return Trainable(_adapted(_load(plan, base), plan), [])
    except _DropoutError as error:
        if plan.keeps_dropout:
            raise FailedError(
                f"`{_DROPOUT}`: it is {plan.lora_dropout}, but {_NO_DROPOUT}; set it to 0"
            ) from error
    plan = plan._replace(lora_dropout=0.0)  # a model in which PEFT has failed has a part of the adapter
    return Trainable(_adapted(_load(plan, base), plan), [f"`{_DROPOUT}`: {_NO_DROPOUT}; trained with 0"])


def _load(plan: Plan, base: BaseModel) -> Any:
    dtype = DTYPES[plan.precision]
    options: dict[str, Any] = {"dtype": dtype if plan.adapter else torch.float32, **base.options()}
    if plan.four_bit:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype if plan.fsdp else torch.uint8,  # FSDP shards only float tensors
        )
    with loading(base, "job.model"):
        model: Any = AutoModelForCausalLM.from_pretrained(base.folder, **options)
    model.config.use_cache = False
    if not plan.adapter:
        return model
    if plan.four_bit:
        from peft import prepare_model_for_kbit_training

        # On a CPU, evaluation would pack the weights, and no gradient flows through packed weights.
        for layer in model.modules():
            if hasattr(layer, "support_avx512bf16_for_cpu"):
                layer.support_avx512bf16_for_cpu = False
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=plan.checkpointing)
    elif plan.checkpointing:
        model.enable_input_require_grads()
    return model


class _DropoutError(Exception):
    """PEFT has no dropout for a layer of the model."""


def _adapted(model: Any, plan: Plan) -> Any:
    """Return `model` with the adapter of the plan.

    Raises:
        FailedError: the model does not have a layer that the config names, or PEFT cannot adapt it.
        _DropoutError: the model cannot have the adapter's dropout.
    """
    from peft import LoraConfig, get_peft_model

    layers = {name: module for name, module in model.named_modules() if name}
    for key, names in (("target_modules", plan.lora_targets), ("modules_to_save", plan.lora_saved)):
        for name in names if isinstance(names, list) else ():
            if not any(f".{each}".endswith(f".{name}") for each in layers):
                raise FailedError(
                    f"`training.lora.{key}`: the model has no layer {name!r}; its linear layers are "
                    f"{', '.join(_linear(layers))}"
                )
    is_all = plan.lora_targets == "all-linear"
    config = LoraConfig(
        r=plan.lora_r,
        lora_alpha=int(plan.lora_alpha) if float(plan.lora_alpha).is_integer() else plan.lora_alpha,
        lora_dropout=plan.lora_dropout,
        target_modules=plan.lora_targets,
        exclude_modules=_NOT_IN_MAMBA if is_all and model.config.model_type in _MAMBA else None,
        modules_to_save=[each for name in plan.lora_saved for each in _exact(name, layers)] or None,
        use_rslora=plan.rslora,
        use_dora=plan.dora,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except (ValueError, NotImplementedError, RuntimeError, TypeError) as error:
        if out_of_memory(error):
            raise
        reason = str(error).strip().splitlines()[0]
        if "dropout" in reason.lower() and plan.lora_dropout:
            raise _DropoutError from error
        raise FailedError(f"`{_blamed(reason, plan)}`: PEFT cannot train this adapter: {reason}") from error


def _exact(name: str, layers: dict[str, Any]) -> list[str]:
    """Return what PEFT must be given to save the layers called `name`: `norm` would match `q_norm`, too."""
    called = [each for each in layers if f".{each}".endswith(f".{name}")]
    return [name] if called == [each for each in layers if each.endswith(name)] else called


def _linear(layers: dict[str, Any]) -> list[str]:
    """Return the names of the linear layers of a model, without their place in it."""
    return sorted(
        {name.rpartition(".")[2] for name, each in layers.items() if "Linear" in type(each).__name__}
    )


def _blamed(reason: str, plan: Plan) -> str:
    """Return the config key that an error of PEFT is about."""
    said = reason.lower()
    for word, key in (("dora", "dora"), ("floating point", "modules_to_save")):
        if word in said:
            return f"training.lora.{key}"
    return "training.lora.target_modules" if isinstance(plan.lora_targets, list) else "training.mode"


def adapted_layers(model: Any) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many layers have an adapter and how many linear layers have none, by their names.

    Experts that are one tensor count as linear layers, by the name of the tensor.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    adapted, others = Counter[str](), Counter[str]()
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules():
        if name.startswith(inside):
            continue
        last = name.rpartition(".")[2]
        if isinstance(module, BaseTunerLayer | ModulesToSaveWrapper):
            inside = (*inside, f"{name}.")
            layer: Any = module
            while isinstance(layer, BaseTunerLayer | ModulesToSaveWrapper):  # one around another: two tensors
                adapted[getattr(layer, "parameter_name", last)] += 1
                layer = getattr(layer, "base_layer", None)
        elif "Linear" in type(module).__name__ or type(module).__name__ == "Conv1D":
            others[last] += 1
        elif not isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d):
            others.update(
                each for each, weight in module.named_parameters(recurse=False) if weight.dim() == _EXPERTS
            )
    return dict(adapted), dict(others)
