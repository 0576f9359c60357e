"""The weights of a run: those of the base model, as the trainer loads it, and those that are trained."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sftc.estimate.shapes import Linear, Shape
from sftc.estimate.training_setup import TrainingSetup

_FOUR_BITS: Final = 1 / 2 + 1 / 64 + 4 / (64 * 256)
"""The bytes of a weight in 4 bits: a scale of 8 bits for 64 weights, one of 32 bits for 256 scales."""

_ALL: Final = "all-linear"
_HEAD: Final = "lm_head"
_WORDS: Final = "embed_tokens"
_BYTES: Final = 4


class Trained(NamedTuple):
    """A trained tensor: its rows and columns, how many there are, and whether it is a table of words."""

    rows: int
    columns: int
    copies: int = 1
    is_table: bool = False

    @property
    def numbers(self) -> int:
        """The numbers of all of them."""
        return self.rows * self.columns * self.copies


def base_bytes(shape: Shape, setup: TrainingSetup, parameters: int) -> float:
    """Return the bytes of the base model in memory, of which `parameters` is the whole number of weights."""
    if not setup.four_bit:
        return parameters * (setup.computes if setup.adapter else setup.holds)
    packed = sum(each.weights for each in shape.linear if not each.experts)
    return packed * _FOUR_BITS + (parameters - packed) * _BYTES


def trained_in_layer(shape: Shape, setup: TrainingSetup, layer: int) -> Iterator[Trained]:
    """Yield the trained tensors of a layer."""
    parts = shape.layers[layer]
    if not setup.adapter:
        yield from (Trained(each.outputs, each.inputs, each.experts or 1) for each in parts.linear)
        yield from (Trained(size, 1) for _, size in (*parts.norms, *parts.other))
        yield from (Trained(each.bias, 1) for each in parts.linear if each.bias)
        return
    for each in parts.linear:
        if is_adapted(each, shape, setup):
            yield from _adapter(each.inputs, each.outputs, _rank(each, setup), dora=setup.dora)
        elif _names(setup.saved, each.name):
            yield Trained(each.outputs, each.inputs)
    for name, size in (*parts.norms, *parts.other):
        if shape.adapts_experts and setup.targets == _ALL and name == "mlp.gate":
            yield from _adapter(shape.hidden, size // shape.hidden, setup.rank, dora=setup.dora)
        elif _names(setup.saved, name):
            yield Trained(size, 1)


def trained_outside(shape: Shape, setup: TrainingSetup) -> Iterator[Trained]:
    """Yield the trained tensors outside the layers: embeddings, the last norms, the output layer."""
    hidden, vocabulary = shape.hidden, shape.vocabulary
    if not setup.adapter:
        yield from (Trained(size // hidden, hidden, is_table=True) for _, size in shape.embeddings)
        yield from (Trained(size, 1) for _, size in shape.last)
        if shape.head_weights:
            yield Trained(vocabulary, hidden)
        return
    targets = () if isinstance(setup.targets, str) else setup.targets
    for name in (_WORDS, _HEAD):
        if _names(setup.saved, name):
            yield Trained(vocabulary, hidden, is_table=name == _WORDS)
        elif _names(targets, name):
            yield from _adapter(hidden, vocabulary, setup.rank, dora=setup.dora)
    yield from (Trained(size, 1) for name, size in shape.last if _names(setup.saved, name))


def is_adapted(linear: Linear, shape: Shape, setup: TrainingSetup) -> bool:
    """Return whether a linear layer gets an adapter."""
    if not setup.adapter:
        return False
    if setup.targets != _ALL:
        return _names(setup.targets, linear.name)
    if linear.experts:
        return shape.adapts_experts
    return shape.adapts_dense or linear.is_attention


def _adapter(inputs: int, outputs: int, rank: int, *, dora: bool) -> Iterator[Trained]:
    yield Trained(rank, inputs)
    yield Trained(outputs, rank)
    if dora:
        yield Trained(outputs, 1)


def _rank(linear: Linear, setup: TrainingSetup) -> int:
    """Return the rows of an adapter: PEFT has a rank for each expert, and twice that for two fused layers."""
    if not linear.experts:
        return setup.rank
    return setup.rank * linear.experts * (2 if linear.name.endswith("gate_up_proj") else 1)


def _names(entries: str | tuple[str, ...], name: str) -> bool:
    """Return whether an entry names a layer as PEFT reads it: the whole name, or its last parts."""
    return any(
        f".{name}".endswith(f".{each}") for each in ([entries] if isinstance(entries, str) else entries)
    )
