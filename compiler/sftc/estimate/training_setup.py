"""What a config says about the memory of its run, with nothing left open."""

from typing import Any, Final, NamedTuple

from sftc.checks.config import Config, Setting
from sftc.checks.rules.lora import SAVED
from sftc.checks.rules.run import SEQUENCE_LENGTH

RANK: Final = Setting("training.lora.r", int)
DROPOUT: Final = Setting("training.lora.dropout", float)
DORA: Final = Setting("training.lora.dora", bool)
PACKING: Final = Setting("hyperparameters.packing", bool)

_BYTES: Final = {"fp32": 4, "bf16": 2, "fp16": 2}


class TrainingSetup(NamedTuple):
    """The settings of a run that decide how much memory it takes.

    Attributes:
        mode: `lora`, `qlora` or `full`.
        rank: the rank of the adapter.
        dropout: the share of the adapter's inputs that are dropped.
        dora: whether direction and magnitude are trained apart.
        targets: the names of the layers that get an adapter, or `all-linear`.
        saved: the names of the layers that are trained whole beside the adapter.
        precision: `fp32`, `bf16` or `fp16`.
        optimizer: `adamw`, `adamw_8bit`, `adafactor` or `sgd`.
        per_device: rows per device and forward pass.
        accumulation: forward passes per optimizer step.
        devices: the number of devices.
        length: the maximum tokens of a row; 0 for the model's own limit.
        packing: whether several rows share a sequence.
        checkpointing: whether activations are computed again in the backward pass.
        deepspeed: the ZeRO stage; -1 to train without DeepSpeed.
        fsdp: whether to shard the model with FSDP.
    """

    mode: str
    rank: int
    dropout: float
    dora: bool
    targets: str | tuple[str, ...]
    saved: tuple[str, ...]
    precision: str
    optimizer: str
    per_device: int
    accumulation: int
    devices: int
    length: int
    packing: bool
    checkpointing: bool
    deepspeed: int
    fsdp: bool

    @property
    def batch(self) -> int:
        """The rows, or packed sequences, of an optimizer step."""
        return self.per_device * self.accumulation * self.devices

    @property
    def adapter(self) -> bool:
        """Whether an adapter is trained instead of all weights."""
        return self.mode != "full"

    @property
    def four_bit(self) -> bool:
        """Whether the base model is in 4 bits."""
        return self.mode == "qlora"

    @property
    def computes(self) -> int:
        """The bytes of a number that layers compute."""
        return _BYTES[self.precision]

    @property
    def holds(self) -> int:
        """The bytes of a trained number in the model: DeepSpeed keeps its 32 bits apart."""
        return self.computes if self.deepspeed >= 0 else 4

    @property
    def streams(self) -> int:
        """The bytes of a number that goes from layer to layer: that of the norms, which may be wider."""
        casts_all = self.mode == "full" and (self.deepspeed >= 0 or self.fsdp)
        return self.computes if self.mode == "lora" or casts_all else 4


def training_setup(config: Config) -> TrainingSetup:
    """Return the settings of the run that a config without errors means."""
    run: dict[str, Any] = config.meant.values["run"]
    targets = run.get("target_modules", "all-linear")
    return TrainingSetup(
        mode=run["mode"],
        rank=config.effective(RANK) or 0,
        dropout=config.effective(DROPOUT) or 0.0,
        dora=config.effective(DORA) or False,
        targets=targets if isinstance(targets, str) else tuple(targets),
        saved=tuple(map(str, config.given(SAVED) or ())),
        precision=run["precision"],
        optimizer=run["optimizer"],
        per_device=run["per_device"],
        accumulation=run["accumulation"],
        devices=run["devices"],
        length=config.given(SEQUENCE_LENGTH) or 0,
        packing=config.effective(PACKING) or False,
        checkpointing=run["checkpointing"],
        deepspeed=run.get("deepspeed_stage", -1),
        fsdp=run["fsdp"],
    )
