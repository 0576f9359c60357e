"""Load the base model and prepare it for training."""

from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM

from sftc.service.executor import FailedError
from sftc.training.base_model import BaseModel, loading
from sftc.training.machine import out_of_memory
from sftc.training.plan import Plan

_DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def build_trainable(plan: Plan, base: BaseModel) -> Any:
    """Return the model to train.

    It is the base model, with a LoRA adapter if `plan.adapter` is set.

    Raises:
        FailedError: the model cannot be loaded, or cannot have this adapter.
    """
    dtype = _DTYPES[plan.precision]
    options: dict[str, Any] = {"dtype": dtype if plan.adapter else torch.float32, **base.options()}
    if plan.four_bit:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]  # theirs
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype if plan.fsdp else torch.uint8,  # FSDP shards only float tensors
        )
    with loading(base):
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
        model = prepare_model_for_kbit_training(  # type: ignore[no-untyped-call]  # theirs
            model, use_gradient_checkpointing=plan.checkpointing
        )
    elif plan.checkpointing:
        model.enable_input_require_grads()
    return _adapted(model, plan)


def _adapted(model: Any, plan: Plan) -> Any:
    """Return `model` with the adapter of the plan.

    Raises:
        FailedError: the model does not have a layer that the config names, or PEFT cannot adapt it.
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
    config = LoraConfig(
        r=plan.lora_r,
        lora_alpha=int(plan.lora_alpha) if float(plan.lora_alpha).is_integer() else plan.lora_alpha,  # type: ignore[arg-type]  # takes a float, but the annotation lacks it
        lora_dropout=plan.lora_dropout,
        target_modules=plan.lora_targets,
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
    for word, key in (("dora", "dora"), ("dropout", "dropout"), ("floating point", "modules_to_save")):
        if word in said:
            return f"training.lora.{key}"
    return "training.lora.target_modules" if isinstance(plan.lora_targets, list) else "training.mode"
