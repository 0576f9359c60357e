"""What a layer keeps for its backward pass, in bytes: the tensors that torch saves for autograd.

The formulas follow what transformers and PEFT compute; a test compares them with what torch really saves, for
every architecture.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sftc.estimate.devices import DeviceKind
from sftc.estimate.memory_table import activation_copies
from sftc.estimate.shapes import Layer, Linear, Shape
from sftc.estimate.training_setup import TrainingSetup
from sftc.estimate.weights import is_adapted

_FLOAT: Final = 4
_MASKS: Final[dict[DeviceKind, int]] = {"cpu": 4, "cuda": 1}
"""The bytes of a number's dropout mask: a CPU keeps the factor itself."""


class Rows(NamedTuple):
    """The rows of a forward pass, as the model sees them.

    Attributes:
        number: the rows.
        length: the tokens of each, with padding.
        labelled: the tokens of each that logits are computed for.
        padded: whether the rows differ in length, so that attention needs a mask.
    """

    number: int
    length: int
    labelled: int
    padded: bool

    @property
    def tokens(self) -> int:
        """The tokens of all rows."""
        return self.number * self.length


def kept_bytes(layer: Layer, shape: Shape, setup: TrainingSetup, rows: Rows, kind: DeviceKind) -> float:
    """Return the bytes that a layer keeps until its backward pass.

    PEFT adds the adapter of experts to a copy of their weights, which is kept.
    """
    a_token = (
        sum(_norm(name, size, shape, setup) for name, size in layer.norms)
        + sum(_inputs(layer, shape, setup, kind))
        + _attention(shape, setup, rows)
        + _between(layer, shape, setup)
    )
    merged = sum(
        each.weights * setup.computes
        for each in layer.linear
        if each.experts and is_adapted(each, shape, setup)
    )
    return a_token * rows.tokens + merged


def stream_bytes(shape: Shape, setup: TrainingSetup, rows: Rows) -> int:
    """Return the bytes of what goes from layer to layer."""
    return rows.tokens * shape.hidden * setup.streams


def _norm(name: str, size: int, shape: Shape, setup: TrainingSetup) -> int:
    """Return the bytes a token of a norm: its input, its scale, and its output if its weight is trained."""
    if size in (shape.hidden, 2 * shape.hidden) and not name.startswith("self_attn."):
        width = shape.hidden
    else:
        attention = shape.attention
        width = attention.keys if name.rpartition(".")[2].startswith("k") else attention.queries
    scales = max(width // size, 1)
    return _FLOAT * (width + scales) + (0 if setup.adapter else setup.streams * width)


def _inputs(layer: Layer, shape: Shape, setup: TrainingSetup, kind: DeviceKind) -> Iterator[int]:
    """Yield the bytes a token of what linear layers read, and of the adapters beside them.

    Layers that read the same numbers share them, unless each has a copy of its own: cast, or with dropout.
    What the attention has computed is kept by the attention already.
    """
    size = setup.computes
    shared: dict[bool, int] = {}
    for linear in layer.linear:
        adapted = is_adapted(linear, shape, setup)
        if linear.experts or (setup.adapter and not adapted):
            continue
        reads_attention = linear.is_attention and linear.adds
        if adapted:
            yield setup.rank * size
            if setup.dora:
                yield 2 * linear.outputs * size
        if adapted and setup.dropout:
            yield linear.inputs * (_MASKS[kind] + size)
        elif size < _FLOAT and (adapted or not linear.adds):
            yield linear.inputs * size
        elif reads_attention:
            yield linear.inputs * size if shape.attention.is_eager else 0
        elif linear.adds:
            yield linear.inputs * size
        else:
            shared[linear.is_attention] = linear.inputs * size
    yield from shared.values()


def _attention(shape: Shape, setup: TrainingSetup, rows: Rows) -> int:
    """Return the bytes a token of queries, keys, values and what is made of them."""
    heads, queries, keys, is_eager = shape.attention
    size = setup.computes
    if is_eager:
        scores = heads * rows.length * (_FLOAT + (size if size < _FLOAT else 0))
        return size * 3 * queries + scores
    repeated = queries if rows.padded else keys
    mask = rows.length * size if rows.padded else 0
    return size * (2 * queries + 2 * repeated) + _FLOAT * heads + mask


def _between(layer: Layer, shape: Shape, setup: TrainingSetup) -> int:
    """Return the bytes a token of what is between the linear layers behind the attention, and of experts."""
    size, copies = setup.computes, activation_copies(shape.activation)
    behind = [each for each in layer.linear if not each.is_attention]
    made = 0
    for down in (each for each in behind if each.adds):
        inner, times = down.inputs, shape.chosen if down.experts else 1
        first = sum(each.outputs for each in behind if _feeds(each, down))
        is_gated = first >= 2 * inner
        made += times * size * (inner * copies + (2 * inner if is_gated else 0))
        if down.experts:
            made += times * size * (3 * shape.hidden + inner)
    return made


def _feeds(linear: Linear, down: Linear) -> bool:
    """Return whether the outputs of `linear` become the inputs of `down`: layers of the same part."""
    same = linear.name.rpartition(".")[0] == down.name.rpartition(".")[0]
    return same and not linear.adds and linear.outputs > 1
