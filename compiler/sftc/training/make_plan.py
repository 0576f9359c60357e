"""Turn a payload into a training plan for a machine, or refuse settings that are not supported."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from sftc.contract.training_kind import says_adapter
from sftc.contract.versions import Contracts
from sftc.text.keys import dotted
from sftc.training.batch_split import split_batch
from sftc.training.machine import Machine
from sftc.training.plan import DATE, Plan
from sftc.training.settings import PayloadSettings

_PARALLELISM = "hyperparameters.parallelism"
_VALIDATION = "training.validation"
_PATIENCE = f"{_VALIDATION}.early_stopping_patience"
_LORA = "training.lora"
_SAMPLES = "training.samples"
_OPTIMIZER = "hyperparameters.optimizer"
_LEARNING_RATES = {True: 2e-4, False: 2e-5}
"""Default learning rate, by whether an adapter is trained."""

_METRICS = ("val.loss", "eval_loss", "loss")
"""Accepted names of the only metric for model selection, the validation loss."""


KEYS: Final = (
    "job.name",
    "job.model",
    "compute.gpu_type",
    "compute.gpu_count",
    "compute.nodes",
    "training.mode",
    "training.lora.r",
    "training.lora.alpha",
    "training.lora.dropout",
    "training.lora.target_modules",
    "training.lora.modules_to_save",
    "training.lora.rslora",
    "training.lora.dora",
    "training.checkpoints.every_steps",
    "training.checkpoints.keep",
    "training.samples.prompts",
    "training.samples.every_steps",
    "training.samples.max_tokens",
    "training.validation.enabled",
    "training.validation.evaluation_strategy",
    "training.validation.eval_steps",
    "training.validation.save_best_model_at_end",
    "training.validation.metric_for_best_model",
    "training.validation.greater_is_better",
    "training.validation.early_stopping_patience",
    "training.validation.early_stopping_min_delta",
    "hyperparameters.n_epochs",
    "hyperparameters.batch_size",
    "hyperparameters.global_batch",
    "hyperparameters.per_device_batch",
    "hyperparameters.gradient_accumulation_steps",
    "hyperparameters.sequence_length",
    "hyperparameters.learning_rate",
    "hyperparameters.warmup_ratio",
    "hyperparameters.warmup_steps",
    "hyperparameters.train_kind",
    "hyperparameters.max_steps",
    "hyperparameters.optimizer",
    "hyperparameters.adam_beta1",
    "hyperparameters.adam_beta2",
    "hyperparameters.adam_epsilon",
    "hyperparameters.lr_scheduler",
    "hyperparameters.min_lr_ratio",
    "hyperparameters.weight_decay",
    "hyperparameters.max_grad_norm",
    "hyperparameters.seed",
    "hyperparameters.packing",
    "hyperparameters.train_on",
    "hyperparameters.parallelism.bf16",
    "hyperparameters.parallelism.fp16",
    "hyperparameters.parallelism.activation_checkpointing",
    "hyperparameters.parallelism.use_deepspeed",
    "hyperparameters.parallelism.deepspeed_stage",
    "hyperparameters.parallelism.fsdp",
    "hyperparameters.parallelism.tensor_parallel_size",
    "hyperparameters.parallelism.pipeline_parallel_size",
    "tracking.to",
    "tracking.project",
    "tags",
)
"""The config keys that the trainer reads. It refuses a payload that sets any other key."""

Asked = Mapping[str, Any]
"""The settings of a payload by config key, `None` if not set."""


class Refusal(NamedTuple):
    """A setting that the trainer cannot apply on this machine.

    Attributes:
        key: its key in the config.
        reason: what is wrong, with the value.
        instead: what the trainer does if substitutions are allowed; empty if there is no substitute.
    """

    key: str
    reason: str
    instead: str = ""

    def __str__(self) -> str:
        return f"`{self.key}`: {self.reason}"


class UnsupportedJobError(Exception):
    """A job has settings that the trainer cannot apply. `refusals` lists them."""

    def __init__(self, refusals: list[Refusal]) -> None:
        lines = [str(each) for each in refusals]
        if all(each.instead for each in refusals):
            substitutes = "; ".join(f"{each.instead}" for each in refusals)
            lines.append(f"with --allow-substitutions: {substitutes}")
        super().__init__("the job cannot run as configured: " + "; ".join(lines))
        self.refusals = refusals


def make_plan(
    payload: Mapping[str, Any], contracts: Contracts, machine: Machine, *, substitutes: bool, validates: bool
) -> Plan:
    """Return the plan that trains `payload` on `machine`.

    Args:
        payload: a bound payload.
        contracts: the versions of the contract.
        machine: the devices to train on.
        substitutes: whether substitutes are allowed.
        validates: whether there is a validation file.

    Raises:
        UnsupportedJobError: a setting cannot be applied and has no permitted substitute.
    """
    settings = PayloadSettings(payload, contracts)
    asked = {key: settings[key] for key in KEYS}
    used = {key: settings.effective(key) for key in KEYS}
    processes = (asked["compute.gpu_count"] or 1) * (asked["compute.nodes"] or 1)
    most = machine.cpus if machine.kind == "cpu" else len(machine.names)
    devices = min(processes, most)
    batches = split_batch(asked, devices)
    refusals = [
        *_compute(asked, machine, processes, most),
        *_kind(asked, settings, machine),
        *_precision(asked, machine),
        *_spread(asked, machine),
        *_evaluates(asked, validates=validates),
        *_adapts(asked),
        *_optimizes(asked, machine),
        *(Refusal(key, reason) for key, reason in batches.contradictions),
        *(
            Refusal(key, "the trainer does not support this key", "trained without it")
            for key in settings.unread()
        ),
    ]
    if blocking := [each for each in refusals if not (substitutes and each.instead)]:
        raise UnsupportedJobError(blocking)
    mode = _mode(asked)
    adapter = mode != "full"
    evaluation = _evaluation(asked) if validates else "no"
    evaluation = evaluation if evaluation in ("steps", "epoch") else "no"
    fp16 = asked[f"{_PARALLELISM}.fp16"] and machine.kind != "cpu"
    bf16 = asked[f"{_PARALLELISM}.bf16"] and machine.bf16
    warmup_steps = asked["hyperparameters.warmup_steps"]
    return Plan(
        adapter=adapter,
        four_bit=mode == "qlora" and "bitsandbytes" in machine.packages and machine.kind != "mps",
        lora_r=used[f"{_LORA}.r"],
        lora_alpha=used[f"{_LORA}.alpha"],
        lora_dropout=used[f"{_LORA}.dropout"],
        keeps_dropout=asked[f"{_LORA}.dropout"] is not None and not substitutes,
        lora_targets=used[f"{_LORA}.target_modules"],
        lora_saved=used[f"{_LORA}.modules_to_save"] or [],
        rslora=used[f"{_LORA}.rslora"],
        dora=used[f"{_LORA}.dora"],
        processes=devices,
        precision="bf16" if bf16 else "fp16" if fp16 else "fp32",
        epochs=asked["hyperparameters.n_epochs"],
        max_steps=asked["hyperparameters.max_steps"] or 0,
        optimizer=_optimizer(used, machine),
        adam_beta1=used["hyperparameters.adam_beta1"],
        adam_beta2=used["hyperparameters.adam_beta2"],
        adam_epsilon=used["hyperparameters.adam_epsilon"],
        weight_decay=used["hyperparameters.weight_decay"],
        max_grad_norm=used["hyperparameters.max_grad_norm"],
        learning_rate=asked["hyperparameters.learning_rate"] or _LEARNING_RATES[adapter],
        schedule=used["hyperparameters.lr_scheduler"],
        min_lr_ratio=used["hyperparameters.min_lr_ratio"],
        warmup_ratio=asked["hyperparameters.warmup_ratio"] or 0.0,
        warmup_steps=-1 if warmup_steps is None else warmup_steps,
        per_device=batches.per_device,
        accumulation=batches.accumulation,
        sequence_length=asked["hyperparameters.sequence_length"] or 0,
        packing=used["hyperparameters.packing"],
        train_on=used["hyperparameters.train_on"],
        seed=used["hyperparameters.seed"],
        date=DATE,
        save_steps=asked["training.checkpoints.every_steps"] or 0,
        keep=used["training.checkpoints.keep"],
        prompts=used[f"{_SAMPLES}.prompts"],
        sample_steps=asked[f"{_SAMPLES}.every_steps"] or 0,
        sample_tokens=used[f"{_SAMPLES}.max_tokens"],
        evaluation=evaluation,
        eval_steps=asked[f"{_VALIDATION}.eval_steps"] or 0,
        keep_best=evaluation != "no" and asked[f"{_VALIDATION}.save_best_model_at_end"] is True,
        greater_is_better=asked[f"{_VALIDATION}.greater_is_better"] is True,
        patience=(asked[_PATIENCE] or 0) if evaluation != "no" else 0,
        min_delta=used[f"{_VALIDATION}.early_stopping_min_delta"],
        checkpointing=asked[f"{_PARALLELISM}.activation_checkpointing"] is True,
        deepspeed=_stage(asked) if "deepspeed" in machine.packages else -1,
        fsdp=asked[f"{_PARALLELISM}.fsdp"] is True and machine.kind == "cuda",
        trackers=used["tracking.to"],
        project=asked["tracking.project"] or "",
        name=asked["job.name"] or "",
        tags=asked["tags"] or {},
        deviations=[f"{each}; {each.instead}" for each in refusals],
    )


def _compute(asked: Asked, machine: Machine, processes: int, most: int) -> Iterator[Refusal]:
    wanted, here = str(asked["compute.gpu_type"] or ""), ", ".join(sorted(set(machine.names)))
    if wanted and not any(_plain(wanted) in _plain(name) for name in machine.names):
        there = "a GPU" if machine.kind == "cpu" else "such a GPU"
        reason = f"it is {wanted}, but this machine does not have {there}"
        yield Refusal("compute.gpu_type", reason, f"trained on the {here}")
    if processes > most:
        wanted, has = ("processes", "core") if machine.kind == "cpu" else ("GPUs", "GPU")
        there = f"is one {has}" if most == 1 else f"are {most} {has}s"
        yield Refusal(
            "compute.gpu_count",
            f"the config asks for {processes} {wanted}, but there {there}",
            f"trained on {most}",
        )
    if (nodes := asked["compute.nodes"] or 1) > machine.nodes:
        there = "is one machine" if machine.nodes == 1 else f"are {machine.nodes} machines"
        reason = f"the config asks for {nodes} machines, but there {there}"
        yield Refusal("compute.nodes", reason, f"trained on {machine.nodes}")


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _mode(asked: Asked) -> str:
    return asked["training.mode"] or "full"


def _kind(asked: Asked, settings: PayloadSettings, machine: Machine) -> Iterator[Refusal]:
    mode, decider = _mode(asked), settings.key("training.mode")
    meaning = "all weights are" if mode == "full" else "an adapter is"
    for path, word in settings.conflicts:
        yield Refusal(dotted(path), f"it is {word!r}, but {meaning} trained by `{decider}`")
    kind = asked["hyperparameters.train_kind"]
    says = says_adapter(kind or "")
    if says is not None and says != (mode != "full"):
        yield Refusal("hyperparameters.train_kind", f"it is {kind!r}, but {meaning} trained by `{decider}`")
    if mode == "qlora" and machine.kind == "mps":
        yield Refusal(decider, "Apple GPUs cannot hold weights in 4 bits", "LoRA on the model as it is")
    elif mode == "qlora" and "bitsandbytes" not in machine.packages:
        reason = "weights in 4 bits need another package: pip install 'sftc[qlora]'"
        yield Refusal(decider, reason, "LoRA on the model as it is")


def _precision(asked: Asked, machine: Machine) -> Iterator[Refusal]:
    bf16, fp16 = (asked[f"{_PARALLELISM}.{name}"] is True for name in ("bf16", "fp16"))
    if bf16 and fp16:
        yield Refusal(f"{_PARALLELISM}.fp16", "it is on, but `bf16` is also on; set only one")
    elif fp16 and machine.kind == "cpu":
        yield Refusal(
            f"{_PARALLELISM}.fp16", "this machine has no GPU, and a CPU computes in fp32", "trained in fp32"
        )
    elif bf16 and not machine.bf16:
        yield Refusal(f"{_PARALLELISM}.bf16", f"{machine.names[0]} does not support bf16", "trained in fp32")


def _stage(asked: Asked) -> int:
    stage = asked[f"{_PARALLELISM}.deepspeed_stage"]
    return -1 if asked[f"{_PARALLELISM}.use_deepspeed"] is not True else 2 if stage is None else stage


def _spread(asked: Asked, machine: Machine) -> Iterator[Refusal]:
    for name in ("tensor_parallel_size", "pipeline_parallel_size"):
        if (size := asked[f"{_PARALLELISM}.{name}"] or 1) > 1:
            reason = f"it is {size}, but the trainer supports only 1"
            yield Refusal(f"{_PARALLELISM}.{name}", reason)
    sharded = _stage(asked) >= 0
    fsdp = asked[f"{_PARALLELISM}.fsdp"] is True
    if fsdp and sharded:
        yield Refusal(f"{_PARALLELISM}.fsdp", "it is on, but `use_deepspeed` is also on; set only one")
    elif fsdp and machine.kind != "cuda":
        yield Refusal(
            f"{_PARALLELISM}.fsdp",
            "FSDP needs CUDA GPUs, and this machine has none",
            "trained without sharding",
        )
    if sharded and "deepspeed" not in machine.packages:
        reason = "it needs the package deepspeed: pip install 'sftc[deepspeed]'"
        yield Refusal(f"{_PARALLELISM}.use_deepspeed", reason, "trained without DeepSpeed")


def _evaluation(asked: Asked) -> str:
    """Return the evaluation strategy of the config; `no` if evaluation is off."""
    strategy = asked[f"{_VALIDATION}.evaluation_strategy"]
    enabled = asked[f"{_VALIDATION}.enabled"]
    return "no" if strategy is None or enabled is False else str(strategy)


def _evaluates(asked: Asked, *, validates: bool) -> Iterator[Refusal]:
    strategy = _evaluation(asked)
    if strategy not in ("no", "steps", "epoch"):
        reason = f"it is {strategy!r}; write `steps`, `epoch` or `no`"
        yield Refusal(f"{_VALIDATION}.evaluation_strategy", reason, "trained without evaluation")
    if (
        asked[f"{_VALIDATION}.save_best_model_at_end"] is True
        and asked[f"{_VALIDATION}.enabled"] is not False
    ):
        metric = asked[f"{_VALIDATION}.metric_for_best_model"]
        if strategy == "no" or not validates:
            why = "there is no validation file" if not validates else "evaluation is off"
            reason = f"the best model cannot be selected: {why}"
            yield Refusal(f"{_VALIDATION}.save_best_model_at_end", reason, "the last model is kept")
        elif metric not in _METRICS:
            reason = f"it is {metric!r}, but the trainer measures only `val.loss`"
            yield Refusal(f"{_VALIDATION}.metric_for_best_model", reason, "the best by `val.loss` is kept")
    if (
        asked[_PATIENCE]
        and asked[f"{_VALIDATION}.enabled"] is not False
        and (strategy == "no" or not validates)
    ):
        why = "there is no validation file" if not validates else "evaluation is off"
        yield Refusal(_PATIENCE, f"the run cannot stop early: {why}", "trained to the end")


def _adapts(asked: Asked) -> Iterator[Refusal]:
    targets, saved = asked[f"{_LORA}.target_modules"], asked[f"{_LORA}.modules_to_save"] or []
    for name in targets if isinstance(targets, list) else ():
        if name in saved:
            reason = f"it names {name}, which `target_modules` also names; keep one of them"
            yield Refusal(f"{_LORA}.modules_to_save", reason)


def _optimizer(used: Asked, machine: Machine) -> str:
    optimizer: str = used[_OPTIMIZER]
    return "adamw" if optimizer == "adamw_8bit" and _lacks_8_bits(machine) else optimizer


def _lacks_8_bits(machine: Machine) -> str | None:
    """Return why an optimizer cannot keep its states in 8 bits on `machine`, or `None` if it can."""
    if machine.kind == "mps":
        return "Apple GPUs cannot hold optimizer states in 8 bits"
    if "bitsandbytes" not in machine.packages:
        return "optimizer states in 8 bits need another package: pip install 'sftc[qlora]'"
    return None


def _optimizes(asked: Asked, machine: Machine) -> Iterator[Refusal]:
    if (
        asked["hyperparameters.warmup_steps"] is not None
        and asked["hyperparameters.warmup_ratio"] is not None
    ):
        yield Refusal(
            "hyperparameters.warmup_ratio", "it is set, but `warmup_steps` is also set; set only one"
        )
    if asked[_OPTIMIZER] == "adamw_8bit" and (reason := _lacks_8_bits(machine)):
        yield Refusal(_OPTIMIZER, reason, "trained with AdamW")
    elif asked[_OPTIMIZER] == "adamw_8bit" and (_stage(asked) >= 0 or asked[f"{_PARALLELISM}.fsdp"]):
        yield Refusal(_OPTIMIZER, "optimizer states in 8 bits cannot be sharded; set another optimizer")
