"""Configs for property tests: valid, odd and spoiled ones, and the payload by the contract.

`payload_of` implements the contract's mapping a second time, by hand and independently of the
mapping rules, so that tests can compare the two.
"""

from typing import Any

import tomlkit
from hypothesis import strategies as st

names = st.text(max_size=8) | st.sampled_from(
    ["a", "b.c", "d e", '"', "~/", "eval_steps", "bf16", "\x7f", "é"]
)
text = st.text(max_size=12)
words = st.text(min_size=1, max_size=12).filter(lambda value: value == value.strip())
counts = st.integers(1, 2**53 - 1)
exact = st.integers(-(2**53) + 1, 2**53 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = text | exact | floats | st.booleans()
open_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
not_json = st.one_of(
    st.dates(),
    st.times(),
    st.datetimes(),
    st.sampled_from([float("inf"), float("-inf"), float("nan"), 2**63, -(2**63) - 1, 2**53, 10**30]),
)
anything = st.recursive(
    scalars | not_json,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)

PARALLELISM = {
    **dict.fromkeys(["use_deepspeed", "fsdp", "bf16", "fp16", "activation_checkpointing"], st.booleans()),
    "deepspeed_stage": st.integers(0, 3),
    "tensor_parallel_size": counts,
    "pipeline_parallel_size": counts,
}
VALIDATION = {
    "enabled": st.booleans(),
    "evaluation_strategy": text,
    "eval_steps": st.integers(0, 2**53 - 1),
    "save_best_model_at_end": st.booleans(),
    "metric_for_best_model": text,
    "greater_is_better": st.booleans(),
}
COUNTS = [
    "batch_size",
    "global_batch",
    "per_device_batch",
    "gradient_accumulation_steps",
    "sequence_length",
]
HYPERPARAMETERS = {
    "n_epochs": counts,
    **dict.fromkeys(COUNTS, counts),
    "learning_rate": st.floats(0, exclude_min=True, allow_infinity=False) | counts,
    "warmup_ratio": st.floats(0, 1) | st.integers(0, 1),
    "train_kind": text,
    "parallelism": st.fixed_dictionaries({}, optional=PARALLELISM),
}
valid = st.fixed_dictionaries(
    {
        "job": st.fixed_dictionaries({"model": words}, optional={"data": text, "data_path": text}),
        "compute": st.fixed_dictionaries(
            {"gpu_type": words}, optional={"gpu_count": counts, "nodes": counts}
        ),
    },
    optional={
        "schema_version": st.just(1),
        "data": st.fixed_dictionaries(
            {},
            optional={"validation_path": text, "topology": st.dictionaries(names, open_values, max_size=3)},
        ),
        "training": st.fixed_dictionaries(
            {},
            optional={
                "mode": text,
                "use_qlora": st.booleans(),
                "validation": st.fixed_dictionaries({}, optional=VALIDATION),
            },
        ),
        "hyperparameters": st.fixed_dictionaries({}, optional=HYPERPARAMETERS),
        "algorithm": st.dictionaries(names, open_values, max_size=3),
    },
)
"""Configs of version 1 that there is nothing to say against."""

modules = st.lists(words, min_size=1, max_size=3, unique=True)
share = st.floats(0, 1, exclude_max=True)
LORA = {
    "r": st.integers(1, 1024),
    "alpha": st.floats(0, exclude_min=True, allow_infinity=False) | counts,
    "dropout": share,
    "target_modules": st.just("all-linear") | modules,
    "modules_to_save": modules,
    "rslora": st.booleans(),
    "dora": st.booleans(),
}
CHECKPOINTS = {"every_steps": counts, "keep": counts}
SAMPLES = {
    "prompts": st.lists(words, max_size=16, unique=True),
    "every_steps": counts,
    "max_tokens": st.integers(1, 1024),
}
EARLY = {"early_stopping_patience": counts, "early_stopping_min_delta": st.floats(0, allow_infinity=False)}
NEW_HYPERPARAMETERS = {
    "max_steps": counts,
    "optimizer": st.sampled_from(["adamw", "adamw_8bit", "adafactor", "sgd"]),
    "adam_beta1": share,
    "adam_beta2": share,
    "adam_epsilon": st.floats(0, exclude_min=True, allow_infinity=False),
    "lr_scheduler": st.sampled_from(["linear", "cosine", "constant"]),
    "min_lr_ratio": share,
    "weight_decay": st.floats(0, allow_infinity=False),
    "max_grad_norm": st.floats(0, allow_infinity=False),
    "seed": st.integers(0, 2**32 - 1),
    "packing": st.booleans(),
    "train_on": st.sampled_from(["assistant", "last", "all"]),
}
files = st.lists(words, min_size=1, max_size=3, unique=True)
trackers = st.lists(st.sampled_from(["tensorboard", "wandb", "trackio", "mlflow"]), max_size=4, unique=True)


def _optional(keys: dict[str, st.SearchStrategy[Any]], **more: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries({}, optional=keys | more)


valid_2 = st.fixed_dictionaries(
    {
        "schema_version": st.just(2),
        "job": st.fixed_dictionaries(
            {"model": words},
            optional={"name": st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True), "data": words | files},
        ),
        "compute": st.fixed_dictionaries({"gpu_type": words}, optional={"gpu_count": counts}),
    },
    optional={
        "training": _optional(
            {"mode": st.sampled_from(["lora", "qlora", "full"])},
            lora=_optional(LORA),
            checkpoints=_optional(CHECKPOINTS),
            samples=_optional(SAMPLES),
            validation=_optional(VALIDATION | EARLY),
        ),
        "hyperparameters": _optional(
            {name: each for name, each in HYPERPARAMETERS.items() if name != "train_kind"}
            | NEW_HYPERPARAMETERS
        ),
        "tracking": _optional({"to": trackers, "project": words}),
        "tags": st.dictionaries(names, words, max_size=3),
    },
)
"""Configs of version 2 that the schemas have nothing to say against."""


odd = st.sampled_from(
    [0, -1, 1, 3, 8, 2.0, True, "", "steps", "lora", "3", [], [1], {}, {"a": 1}, 2**53, float("nan")]
)


def _odd(*names: str, **tables: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return odd | st.fixed_dictionaries({}, optional=dict.fromkeys(names, odd) | tables)


odd_configs = st.fixed_dictionaries(
    {},
    optional={
        "job": _odd("model", "data", "data_path", "poll_seconds", "lora_rank"),
        "compute": _odd("gpu_type", "gpu_count", "nodes"),
        "data": _odd("validation_path", topology=_odd("nodes", "world_size", "gpu_type", "container_count")),
        "training": _odd("mode", "use_qlora", validation=_odd(*VALIDATION)),
        "hyperparameters": _odd(
            *("n_epochs", *COUNTS, "learning_rate", "train_kind"),
            parallelism=_odd(*PARALLELISM, "eval_steps"),
        ),
    },
)
"""Configs with known keys whose values are valid, edge cases or of the wrong type."""


def spoiled(config: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return variants of `config` in which one value is replaced, added or removed anywhere."""
    places = [(), *_tables(config)]

    @st.composite
    def spoil(draw: st.DrawFn) -> dict[str, Any]:
        copy: dict[str, Any] = _copy(config)
        table = copy
        for part in draw(st.sampled_from(places)):
            table = table[part]
        known = sorted(
            {*table, *HYPERPARAMETERS, *VALIDATION, "gpu_type", "world_size", "poll_seconds", "lora"}
        )
        name = draw(st.sampled_from(known) | names)
        if name in table and draw(st.booleans()):
            del table[name]
        else:
            table[name] = draw(anything)
        return copy

    return spoil()


def _tables(config: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, value in config.items():
        if isinstance(value, dict):
            found += [(*path, name), *_tables(value, (*path, name))]
    return found


def _copy(value: Any) -> Any:
    return {name: _copy(child) for name, child in value.items()} if isinstance(value, dict) else value


def payload_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return what a valid config means, by the contract of its version."""
    return _payload_of_2(config) if config.get("schema_version") == 2 else _payload_of_1(config)


def _payload_of_2(config: dict[str, Any]) -> dict[str, Any]:
    training, given = config.get("training", {}), config.get("hyperparameters", {})
    old = {name: training[name] for name in ("mode", "validation") if name in training}
    if "mode" in training:
        old["use_qlora"] = training["mode"] != "full"
    early = {name: each for name, each in training.get("validation", {}).items() if name in EARLY}
    if "validation" in training:
        old["validation"] = {k: v for k, v in training["validation"].items() if k not in EARLY}
    payload = _payload_of_1({**config, "training": old})
    effective = payload["metadata"]["effective_config"]
    more = {name: given[name] for name in NEW_HYPERPARAMETERS if name in given}
    tables = {name: training[name] for name in ("lora", "checkpoints", "samples") if name in training}
    roots = {name: config[name] for name in ("tracking", "tags") if name in config}
    payload["hyperparameters"] |= more
    effective["training"] |= tables
    effective |= roots
    if early:
        effective["training"]["validation"] |= early
    if "name" in config["job"]:
        effective["job"] = {"name": config["job"]["name"]}
    if more or tables or roots or early or "name" in config["job"] or training.get("mode") == "lora":
        payload["metadata"]["schema_version"] = 2
    return payload


def _payload_of_1(config: dict[str, Any]) -> dict[str, Any]:
    training, compute = config.get("training", {}), config.get("compute", {})
    given = config.get("hyperparameters", {})
    hyperparameters = {"n_epochs": 1}
    for name in ["n_epochs", *COUNTS, "learning_rate", "warmup_ratio", "train_kind", "parallelism"]:
        if name in given:
            hyperparameters[name] = given[name]
    sent_training = {name: training[name] for name in ["mode", "use_qlora"] if name in training}
    if "validation" in training:
        validation = {
            "enabled": True,
            "evaluation_strategy": "steps",
            "eval_steps": 0,
            "save_best_model_at_end": True,
            "metric_for_best_model": "val.loss",
            "greater_is_better": False,
            **training["validation"],
        }
        sent_training["validation"] = {"enabled": validation.pop("enabled")}
        hyperparameters |= validation
    return {
        "model": config["job"]["model"],
        "training_type": "sft_offline",
        "training_file_id": None,
        "hyperparameters": hyperparameters,
        "metadata": {
            "effective_config": {
                "compute": {n: compute[n] for n in ["gpu_type", "gpu_count", "nodes"] if n in compute},
                "data": {"topology": config.get("data", {}).get("topology", {})},
                "training": sent_training,
            }
        },
    }


def toml(config: dict[str, Any]) -> str:
    """Return `config` as TOML text."""
    return tomlkit.dumps(config)


SMALL = st.integers(1, 9)
runs = st.fixed_dictionaries(
    {
        "schema_version": st.just(2),
        "job": st.fixed_dictionaries(
            {"model": st.just("Qwen/Qwen3-4B")},
            optional={"data": st.sampled_from(["a.jsonl", ["a.jsonl", "b.jsonl"]]), "name": st.just("run-1")},
        ),
        "compute": _optional({"gpu_type": st.just("H100"), "gpu_count": SMALL, "nodes": st.integers(1, 2)}),
    },
    optional={
        "data": _optional({"validation_path": st.just("val.jsonl")}),
        "training": _optional(
            {"mode": st.sampled_from(["lora", "qlora", "full"])},
            lora=_optional(
                {
                    "r": st.integers(1, 64),
                    "alpha": st.sampled_from([16, 32.0, 0.5, 1e-5]),
                    "dropout": st.sampled_from([0.0, 0.1, 1e-5]),
                    "target_modules": st.sampled_from(["all-linear", ["q_proj"], ["q_proj", "v_proj"]]),
                    "modules_to_save": st.just(["lm_head"]),
                    "rslora": st.booleans(),
                    "dora": st.booleans(),
                }
            ),
            checkpoints=_optional({"every_steps": SMALL, "keep": SMALL}),
            validation=_optional(
                {
                    "enabled": st.booleans(),
                    "evaluation_strategy": st.sampled_from(["no", "steps", "epoch"]),
                    "eval_steps": st.integers(0, 9),
                    "save_best_model_at_end": st.booleans(),
                    "metric_for_best_model": st.just("val.loss"),
                    "early_stopping_patience": SMALL,
                    "early_stopping_min_delta": st.sampled_from([0, 0.01]),
                }
            ),
        ),
        "hyperparameters": _optional(
            {
                "n_epochs": SMALL,
                **dict.fromkeys(["batch_size", "global_batch"], st.integers(1, 64)),
                **dict.fromkeys(["per_device_batch", "gradient_accumulation_steps"], SMALL),
                "sequence_length": st.integers(16, 4096),
                "learning_rate": st.sampled_from([1, 2e-4, 1e-5, 5e-6, 0.0003]),
                "warmup_ratio": st.sampled_from([0, 0.0, 0.03, 0.5, 1]),
                "warmup_steps": st.integers(0, 20),
                "max_steps": SMALL,
                "optimizer": st.sampled_from(["adamw", "adamw_8bit", "adafactor", "sgd"]),
                "adam_beta1": st.sampled_from([0.9, 0.8]),
                "adam_beta2": st.sampled_from([0.999, 0.95]),
                "adam_epsilon": st.sampled_from([1e-8, 1e-6]),
                "lr_scheduler": st.sampled_from(["linear", "cosine", "constant"]),
                "min_lr_ratio": st.sampled_from([0, 0.1, 0.25]),
                "weight_decay": st.sampled_from([0, 0.01]),
                "max_grad_norm": st.sampled_from([0, 1, 0.3]),
                "seed": st.integers(0, 99),
                "packing": st.booleans(),
                "train_on": st.sampled_from(["assistant", "last", "all"]),
            },
            parallelism=_optional(
                {
                    **dict.fromkeys(
                        ["use_deepspeed", "fsdp", "bf16", "fp16", "activation_checkpointing"], st.booleans()
                    ),
                    "deepspeed_stage": st.integers(0, 3),
                }
            ),
        ),
        "tracking": _optional({"to": trackers, "project": st.just("mine")}),
        "tags": st.just({"team": "research"}),
    },
)
"""Configs of version 2 with values of real runs, for other trainers to read."""
