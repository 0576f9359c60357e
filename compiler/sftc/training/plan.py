"""The plan of a training run: every setting of it."""

from typing import Final, Literal, NamedTuple

TrainOn = Literal["assistant", "last", "all"]

DATE: Final = "2026-01-01"
"""The day that chat templates print which ask for today's.

It is the same in every job: the same config trains the same model on any day, in any time zone.
"""


class Plan(NamedTuple):
    """All settings of a training run. Every field has a JSON type.

    Attributes:
        adapter: whether to train a LoRA adapter instead of all weights.
        four_bit: whether to load the base model in 4 bits.
        lora_r: the rank of the adapter.
        lora_alpha: the scale of the adapter.
        lora_dropout: the share of the adapter's inputs that are dropped.
        keeps_dropout: whether a model that cannot have this dropout is refused, instead of trained without.
        lora_targets: the names of the layers that get an adapter, or `all-linear`.
        lora_saved: the names of the layers that are trained whole beside the adapter.
        rslora: whether the scale is `alpha / sqrt(r)` instead of `alpha / r`.
        dora: whether direction and magnitude are trained apart.
        processes: the number of processes, one per device.
        precision: `fp32`, `bf16` or `fp16`.
        epochs: the number of epochs.
        max_steps: the maximum number of optimizer steps; 0 for no maximum.
        optimizer: `adamw`, `adamw_8bit`, `adafactor` or `sgd`.
        adam_beta1: the decay of the mean of the gradients.
        adam_beta2: the decay of the mean of their squares.
        adam_epsilon: what is added to the denominator.
        weight_decay: the decoupled weight decay.
        max_grad_norm: the norm that gradients are clipped to; 0 for no clipping.
        learning_rate: the peak learning rate.
        schedule: how the rate falls after the warmup: `linear`, `cosine` or `constant`.
        min_lr_ratio: the lowest rate after the warmup, as a share of the peak.
        warmup_ratio: the share of steps used for warmup, 0 to 1.
        warmup_steps: the steps used for warmup; -1 if `warmup_ratio` decides.
        per_device: rows per device and forward pass.
        accumulation: forward passes per optimizer step.
        sequence_length: the maximum tokens of a row; 0 for the model's own limit.
        packing: whether several rows share a sequence.
        train_on: the messages that are trained on: `assistant`, `last` or `all`.
        seed: the seed of everything random.
        date: the day that the chat template prints if it asks for today's.
        save_steps: steps between checkpoints; 0 for about ten a run.
        keep: the number of checkpoints that are kept.
        prompts: what the model is asked before, during and after training.
        sample_steps: steps between its answers; 0 for none during training.
        sample_tokens: the maximum tokens of an answer.
        evaluation: when to evaluate: `no`, `steps` or `epoch`.
        eval_steps: steps between evaluations; 0 for once an epoch.
        keep_best: whether to keep the best model instead of the last one.
        greater_is_better: whether a higher metric is better.
        patience: evaluations without improvement after which the run stops; 0 for never.
        min_delta: the least change that is an improvement.
        checkpointing: whether to use activation checkpointing.
        deepspeed: the ZeRO stage; -1 to train without DeepSpeed.
        fsdp: whether to shard the model with FSDP.
        trackers: the trackers that get the metrics.
        project: the name of the project in the trackers; may be empty.
        name: the name of the run; may be empty.
        tags: the words that the config keeps with the job.
        deviations: for each substituted setting, what the trainer does instead.
    """

    adapter: bool
    four_bit: bool
    lora_r: int
    lora_alpha: float
    lora_dropout: float
    keeps_dropout: bool
    lora_targets: str | list[str]
    lora_saved: list[str]
    rslora: bool
    dora: bool
    processes: int
    precision: str
    epochs: int
    max_steps: int
    optimizer: str
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    weight_decay: float
    max_grad_norm: float
    learning_rate: float
    schedule: str
    min_lr_ratio: float
    warmup_ratio: float
    warmup_steps: int
    per_device: int
    accumulation: int
    sequence_length: int
    packing: bool
    train_on: TrainOn
    seed: int
    date: str
    save_steps: int
    keep: int
    prompts: list[str]
    sample_steps: int
    sample_tokens: int
    evaluation: str
    eval_steps: int
    keep_best: bool
    greater_is_better: bool
    patience: int
    min_delta: float
    checkpointing: bool
    deepspeed: int
    fsdp: bool
    trackers: list[str]
    project: str
    name: str
    tags: dict[str, str]
    deviations: list[str]

    @property
    def is_distributed(self) -> bool:
        """Whether training needs a process group: several processes, DeepSpeed or FSDP."""
        return self.processes > 1 or self.deepspeed >= 0 or self.fsdp

    def steps_in_epoch(self, sequences: int) -> int:
        """Return the optimizer steps of an epoch of `sequences` rows, or packed sequences of rows."""
        return -(-sequences // (self.per_device * self.accumulation * self.processes))

    def steps(self, sequences: int) -> int:
        """Return the optimizer steps of the whole run."""
        steps = self.steps_in_epoch(sequences) * self.epochs
        return min(steps, self.max_steps) if self.max_steps else steps
