"""Load the base model and prepare it for training."""

from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM

from sftc.training.base_model import BaseModel, loading
from sftc.training.plan import Plan

RANK: Final = 16
ALPHA: Final = 32
DROPOUT: Final = 0.05
"""Fixed LoRA hyperparameters: the config has no keys for them."""

_DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def build_trainable(plan: Plan, base: BaseModel) -> Any:
    """Return the model to train.

    It is the base model, with a LoRA adapter on all linear layers if `plan.adapter` is set.
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
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if plan.four_bit:
        # On a CPU, evaluation would pack the weights, and no gradient flows through packed weights.
        for layer in model.modules():
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
