"""The model of a job, ready for training."""

from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM

from sftc.training.base_model import BaseModel, loading
from sftc.training.plan import Plan

RANK: Final = 16
ALPHA: Final = 32
DROPOUT: Final = 0.05
"""Settings of the adapter: the service chooses them, as configs have no key for them."""

_DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def build_trainable(plan: Plan, base: BaseModel) -> Any:
    """Return the model to train: the base with an adapter on all linear layers, or the base itself."""
    dtype = _DTYPES[plan.precision]
    options: dict[str, Any] = {"dtype": dtype if plan.adapter else torch.float32, **base.options()}
    if plan.four_bit:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]  # theirs
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype if plan.fsdp else torch.uint8,  # FSDP shards floats alone
        )
    with loading(base):
        model: Any = AutoModelForCausalLM.from_pretrained(base.folder, **options)
    model.config.use_cache = False
    if not plan.adapter:
        return model
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if plan.four_bit:
        for (
            layer
        ) in model.modules():  # on a CPU, evaluating would pack weights: no gradient comes through them
            if hasattr(layer, "support_avx512bf16_for_cpu"):
                layer.support_avx512bf16_for_cpu = False
        model = prepare_model_for_kbit_training(  # type: ignore[no-untyped-call]  # theirs
            model, use_gradient_checkpointing=plan.checkpointing
        )
    elif plan.checkpointing:
        model.enable_input_require_grads()
    return get_peft_model(
        model,
        LoraConfig(
            r=RANK,
            lora_alpha=ALPHA,
            lora_dropout=DROPOUT,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
