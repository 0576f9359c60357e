"""Peaks that others have published for known models, beside what `sftc estimate` says about the same runs.

They were measured with other trainers, so they check the parts and not the promise. A last column has what
the usual formulas give: 2 bytes a weight and 16 a trained one (ZeRO, arXiv:1910.02054, section 3.1), and
activations with checkpointing as in arXiv:2205.05198, table 2, which has no logits.
"""

from statistics import median
from typing import Any, Final, NamedTuple

from measure import publish

from sftc.estimate.activations import Rows
from sftc.estimate.interval import Interval
from sftc.estimate.memory import estimate_memory
from sftc.estimate.shapes import Shape, shape_of
from sftc.estimate.training_setup import TrainingSetup
from sftc.estimate.weights import trained_in_layer

_GIB: Final = 1 << 30
_LENGTHS: Final = (256, 512, 1024, 2048, 4096, 8192)
_QWEN: Final = {
    "1.8B": ((2048, 24, 16, 5504), (6.7, 7.4, 8.4, 11.0, 16.2, 21.8)),
    "7B": ((4096, 32, 32, 11008), (20.1, 20.4, 21.5, 23.8, 29.7, 36.6)),
    "14B": ((5120, 40, 40, 13696), (34.6, 35.1, 35.3, 37.4, 42.5, 55.2)),
}
"""By size: width, layers, heads and inner width of Qwen 1; and the published GB of LoRA by length."""

SETUP: Final = TrainingSetup(
    mode="lora",
    rank=64,
    dropout=0.05,
    dora=False,
    targets="all-linear",
    saved=(),
    precision="bf16",
    optimizer="adamw",
    per_device=1,
    accumulation=8,
    devices=1,
    length=0,
    packing=False,
    checkpointing=True,
    deepspeed=-1,
    fsdp=False,
)
"""`finetune/finetune_lora_single_gpu.sh` of QwenLM/Qwen, with one row a pass as its README says."""


class Row(NamedTuple):
    """A published peak in GiB, beside ours and that of the usual formulas."""

    name: str
    published: float
    said: Interval
    usual: float


def qwen(width: int, layers: int, heads: int, inner: int) -> Shape:
    """Return the shape of a Qwen 1: that of Qwen 2 with as many keys as queries."""
    numbers: dict[str, Any] = {
        "model_type": "qwen2",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "intermediate_size": inner,
        "vocab_size": 151_936,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": False,
    }
    return shape_of(numbers)


def usual(shape: Shape, length: int) -> float:
    """Return the GiB of the usual formulas: weights, states, and activations with checkpointing."""
    adapter = sum(
        each.numbers for at in range(len(shape.layers)) for each in trained_in_layer(shape, SETUP, at)
    )
    activations = length * shape.hidden * (2 * len(shape.layers) + 34)
    return (2 * shape.parameters + 16 * adapter + activations) / _GIB


def rows() -> list[Row]:
    """Return all rows."""
    found = []
    for size, (numbers, peaks) in _QWEN.items():
        shape = qwen(*numbers)
        for length, peak in zip(_LENGTHS, peaks, strict=True):
            batch = Rows(1, length, length, padded=False)
            said = estimate_memory(shape, SETUP, batch, "cuda").total.times(1 / _GIB)
            found.append(
                Row(f"Qwen {size}, {length:,} tokens", peak * 1e9 / _GIB, said, usual(shape, length))
            )
    return found


def main() -> None:
    """Print the table, and publish it."""
    found = rows()
    lines = [
        f"| {each.name} | {each.published:.1f} | {each.said.low:.1f} | {each.said.expected:.1f} | "
        f"{each.said.high:.1f} | {each.usual:.1f} |"
        for each in found
    ]
    inside = sum(each.said.low <= each.published <= each.said.high for each in found)
    above = sum(each.published > each.said.high for each in found)
    ours = median(abs(each.said.expected / each.published - 1) for each in found)
    theirs = median(abs(each.usual / each.published - 1) for each in found)
    text = f"""Printed by `benchmarks/published_peaks.py`: LoRA of rank 64 on all linear layers, one row a
pass, with activation checkpointing in bf16, on one A100-80GB, as the README of QwenLM/Qwen publishes it
(commit 03cd81f, "Profiling of Memory and Speed"). GB are taken for 10^9 bytes; all numbers here are GiB.
The model is the first Qwen, with its own code and trainer. The usual formulas are those of
arXiv:1910.02054 and arXiv:2205.05198.

Within our interval: {inside} of {len(found)}; above it: {above}. The median error is {ours:.0%}
of the published peak, that of the usual formulas {theirs:.0%}.

| run | published | low | expected | high | usual formulas |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}
"""
    publish("Published peaks", text)
    print(text)


if __name__ == "__main__":
    main()
