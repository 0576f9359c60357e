"""Settings of runs and shapes of models for tests of the estimate."""

from typing import Any

from sftc.estimate.shapes import Shape, shape_of
from sftc.estimate.training_setup import TrainingSetup

QWEN = {
    "model_type": "qwen3",
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 32_000,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
}
"""The numbers of a small model."""


def qwen(**changes: Any) -> Shape:
    """Return the shape of the small model, with `changes` to its numbers."""
    return shape_of({**QWEN, **changes})


def setup(**changes: Any) -> TrainingSetup:
    """Return the settings of a run: LoRA in 16 bits on one device, with `changes`."""
    plain = TrainingSetup(
        mode="lora",
        rank=16,
        dropout=0.05,
        dora=False,
        targets="all-linear",
        saved=(),
        precision="bf16",
        optimizer="adamw",
        per_device=2,
        accumulation=1,
        devices=1,
        length=512,
        packing=False,
        checkpointing=False,
        deepspeed=-1,
        fsdp=False,
    )
    return plain._replace(**changes)
