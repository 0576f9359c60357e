"""The shape of a model: its tensors, from the numbers in its `config.json` and the table of architectures."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from sftc.estimate.packaged_table import packaged_table

_EMBEDDING: Final = "embed_tokens"
_ACTIVATIONS: Final = ("hidden_activation", "hidden_act", "activation_function")
"""The keys of `config.json` that name the function between two linear layers, the one that counts first."""


class UnknownShapeError(Exception):
    """A `config.json` does not say what the model's tensors are. The message names the reason."""


class Linear(NamedTuple):
    """A linear layer, or all `experts` of a layer in one tensor: `inputs` to `outputs` numbers a token.

    `adds` is whether the outputs are added to the residual stream, and `bias` how many biases there are.
    """

    name: str
    inputs: int
    outputs: int
    bias: int
    adds: bool
    experts: int = 0

    @property
    def is_attention(self) -> bool:
        """Whether it is a layer of the attention, instead of one behind it."""
        return "att" in self.name.partition(".")[0]

    @property
    def weights(self) -> int:
        """The weights, without the bias."""
        return self.inputs * self.outputs * (self.experts or 1)


class Layer(NamedTuple):
    """The tensors of a layer: linear layers, the widths of norms, and all else by size."""

    linear: tuple[Linear, ...]
    norms: tuple[tuple[str, int], ...]
    other: tuple[tuple[str, int], ...]

    @property
    def parameters(self) -> int:
        """The parameters of the layer."""
        return (
            sum(each.weights + each.bias for each in self.linear)
            + sum(size for _, size in self.norms)
            + sum(size for _, size in self.other)
        )


class Attention(NamedTuple):
    """The attention of a layer: its heads, the numbers of all queries of a token, and of all keys.

    `is_eager` is whether it computes with plain operations, that keep every score.
    """

    heads: int
    queries: int
    keys: int
    is_eager: bool


class Shape(NamedTuple):
    """The shape of a model.

    Attributes:
        family: its `model_type`.
        layers: every layer, in order.
        attention: the attention of every layer.
        chosen: the experts that a token goes through.
        activation: the name of the function between two linear layers.
        longest: the longest sequence that it reads, in tokens, if the config says so.
        adapts_experts: whether `all-linear` gives an adapter to experts and routers.
        adapts_dense: whether `all-linear` gives an adapter to the linear layers behind the attention.
        kept: the bounds of what layers keep for the backward pass, as a share of the formula, if special.
        hidden: the width of the residual stream.
        vocabulary: the words that it knows.
        embeddings: the tables of embeddings, with their sizes.
        last: the norms outside the layers, with their sizes.
        head_bias: the biases of the output layer.
        tied: whether the output layer is the table of words.
    """

    family: str
    layers: tuple[Layer, ...]
    attention: Attention
    chosen: int
    activation: str
    longest: int
    adapts_experts: bool
    adapts_dense: bool
    kept: tuple[float, float] | None
    hidden: int
    vocabulary: int
    embeddings: tuple[tuple[str, int], ...]
    last: tuple[tuple[str, int], ...]
    head_bias: int
    tied: bool

    @property
    def head_weights(self) -> int:
        """The weights that only the output layer has."""
        return (0 if self.tied else self.vocabulary * self.hidden) + self.head_bias

    @property
    def parameters(self) -> int:
        """The parameters of the model; shared tensors count once."""
        inside = sum(each.parameters for each in self.layers)
        return inside + self.outside

    @property
    def outside(self) -> int:
        """The parameters outside the layers."""
        tables = sum(size for _, size in self.embeddings)
        return tables + sum(size for _, size in self.last) + self.head_weights

    @property
    def linear(self) -> Iterable[Linear]:
        """The linear layers of all layers; the output layer is not among them."""
        return (each for layer in self.layers for each in layer.linear)


def families() -> tuple[str, ...]:
    """Return the model types that the table has."""
    return tuple(name for name in packaged_table("architectures") if name not in ("dims", "parts"))


def shape_of(config: Mapping[str, Any]) -> Shape:
    """Return the shape of the model that a `config.json` describes; of its text part, if it has several.

    Raises:
        UnknownShapeError: the table does not have the architecture, or the config lacks a number.
    """
    text = config.get("text_config")
    config = text if isinstance(text, dict) and "model_type" in text else config
    family = config.get("model_type")
    if family not in families():
        raise UnknownShapeError(f"the table of shapes has no architecture {family!r}")
    row = packaged_table("architectures")[family]
    numbers = _Numbers(config, {**packaged_table("architectures")["dims"], **row.get("dims", {})})
    for key, value in row.get("only", {}).items():
        wanted = numbers[value] if isinstance(value, str) else value
        if config.get(key, wanted) not in (wanted, None):
            raise UnknownShapeError(f"the table of shapes has no {family} with `{key} = {config[key]}`")
    count = numbers["layers"]
    layer = _layer(row["layer"], numbers)
    first = min(numbers[row["first_layers"]], count) if "first" in row else 0
    layers = (_layer(row["first"], numbers),) * first if first else ()
    hidden, vocabulary = numbers["hidden"], numbers["vocab"]
    return Shape(
        family=family,
        layers=layers + (layer,) * (count - first),
        attention=Attention(
            numbers["heads"],
            numbers["heads*head"],
            numbers["kv_heads*head"],
            row.get("attention") == "eager",
        ),
        chosen=numbers["chosen"],
        activation=str(next((config[key] for key in _ACTIVATIONS if config.get(key)), "silu")),
        longest=numbers["longest"],
        adapts_experts=row.get("adapts_experts", False),
        adapts_dense=row.get("adapts_dense", True),
        kept=(row["kept"][0], row["kept"][1]) if "kept" in row else None,
        hidden=hidden,
        vocabulary=vocabulary,
        embeddings=(
            (_EMBEDDING, vocabulary * hidden),
            *((name, numbers[size] * hidden) for name, size in row.get("embeddings", ())),
        ),
        last=tuple((name, numbers[size]) for name, size in row["last"]),
        head_bias=vocabulary if "head_bias" in row else 0,
        tied=bool(numbers["tied"]),
    )


def _layer(parts: Iterable[str], numbers: "_Numbers") -> Layer:
    linear: list[Linear] = []
    norms: list[tuple[str, int]] = []
    other: list[tuple[str, int]] = []
    for part in (packaged_table("architectures")["parts"][name] for name in parts):
        for name, inputs, outputs, bias in part.get("linear", ()):
            out = numbers[outputs]
            linear.append(
                Linear(name, numbers[inputs], out, out if numbers[bias] else 0, outputs == "hidden")
            )
        for name, experts, inputs, outputs in part.get("experts", ()):
            linear.append(
                Linear(name, numbers[inputs], numbers[outputs], 0, outputs == "hidden", numbers[experts])
            )
        norms += ((name, numbers[size]) for name, size in part.get("norms", ()))
        other += ((name, numbers[size]) for name, size in part.get("other", ()))
    return Layer(tuple(linear), tuple(norms), tuple(other))


class _Numbers:
    """The numbers of a config by the names of the table, or by sums and products of them.

    Example: with `heads = 4` and `head = 8`, `numbers["heads*head+2*head"]` is 48.
    """

    def __init__(self, config: Mapping[str, Any], dims: Mapping[str, list[Any]]) -> None:
        self._config = config
        self._dims = dims

    def __getitem__(self, expression: str) -> int:
        return sum(self._product(term) for term in expression.split("+"))

    def _product(self, term: str) -> int:
        made = 1
        for factor in term.split("*"):
            number, _, divisor = factor.partition("/")
            made = made * self._number(number) // (self._number(divisor) if divisor else 1)
        return made

    def _number(self, name: str) -> int:
        if name.isdigit():
            return int(name)
        for choice in self._dims.get(name, [name]):
            if isinstance(choice, bool | int):
                return int(choice)
            if (found := self._config.get(choice)) is not None:
                return _counted(found, choice)
            if choice != name and (choice in self._dims or not choice.isidentifier()):
                return self[choice]
        raise UnknownShapeError(f"config.json does not say `{self._dims.get(name, [name])[0]}`")


def _counted(value: object, key: str) -> int:
    if not isinstance(value, bool | int) or not 0 <= value < 1 << 40:
        raise UnknownShapeError(f"config.json has `{key} = {value!r}`, which is not a count")
    return int(value)
