"""What the real parsers of the targets understand of what is written for them is what the config means.

The plan of the embedded trainer says what a config means.
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tomlkit
from hypothesis import given, settings

import sftc
from sftc.contract.versions import PACKAGED
from sftc.findings.stage_rules.other_trainers import UNFINISHED
from sftc.training.machine import PACKAGES as OPTIONAL
from sftc.training.machine import Machine
from sftc.training.plan import Plan, UnsupportedJobError, make_plan
from support.configs import runs
from support.target_readers import run_reader

ROOT = Path(__file__).parents[2]
MACHINE = Machine("cuda", ("NVIDIA H100 80GB HBM3",) * 18, True, frozenset(OPTIONAL), nodes=2)
GENERATED = 200


@cache
def texts() -> tuple[str, ...]:
    """Return the golden configs, the examples, and configs that are generated, the same in every run."""
    files = [*sorted(ROOT.glob("golden/accept/*/config.toml")), *sorted(ROOT.glob("examples/*.toml"))]
    made = [file.read_bytes().decode() for file in files]

    @settings(max_examples=GENERATED, derandomize=True, database=None)
    @given(runs)
    def generate(config: dict[str, Any]) -> None:
        made.append(tomlkit.dumps(config))

    generate()
    return tuple(dict.fromkeys(made))


def expressible(text: str, target: str) -> str:
    """Return the config without the keys that `target` cannot express, and with those that it needs."""
    config = tomllib.loads(text)
    if "job" not in config or config.get("schema_version") != 2:
        return text
    config["job"].setdefault("data", "train.jsonl")
    config.setdefault("hyperparameters", {}).setdefault("sequence_length", 1024)
    if target == "fireworks":
        config.setdefault("training", {})["mode"] = "lora"
    for _ in range(4):
        written = sftc.compile(tomlkit.dumps(config), target=target)
        if written.ok:
            break
        for found in written.findings:
            if found.is_error and found.path:
                table = config
                for part in found.path[:-1]:
                    table = table.get(part, {})
                table.pop(found.path[-1], None)
    return tomlkit.dumps(config)


class Case(NamedTuple):
    """A config that a target takes: its values, what it means, and the files that are written for it."""

    text: str
    config: dict[str, Any]
    plan: Plan
    files: dict[str, bytes]


def cases(target: str) -> Iterator[Case]:
    """Yield the configs that `target` can express, that name their data and that we can train ourselves."""
    for text in dict.fromkeys([*texts(), *(expressible(text, target) for text in texts())]):
        written = sftc.compile(text, target=target)
        if not written.ok or any(found.id == UNFINISHED.id for found in written.findings):
            continue
        own = sftc.compile(text, overrides={"compute.gpu_type": "H100"})
        config = tomllib.loads(text)
        validates = "validation_path" in config.get("data", {})
        try:
            plan = make_plan(own.payload, PACKAGED, MACHINE, substitutes=False, validates=validates)
        except UnsupportedJobError:
            continue
        yield Case(text, config, plan, written.files("job"))


def read(target: str, found: list[Case], folder: Path) -> list[dict[str, Any]]:
    """Write the files of all cases, each to a folder of its own, and return what the parser understands."""
    main = []
    for number, case in enumerate(found):
        place = folder / str(number)
        place.mkdir()
        for name, data in case.files.items():
            (place / name).write_bytes(data)
        main.append(next(place / name for name in case.files if name.startswith("job")))
    return run_reader(target, main, folder)


def meaning(case: Case) -> dict[str, Any]:
    """Return what a reader must understand of a config."""
    plan, config = case.plan, case.config
    adapter, name = plan.adapter, plan.name or None
    data = config["job"].get("data", config["job"].get("data_path"))
    by_epoch = plan.evaluation == "steps" and not plan.eval_steps
    evaluation = "epoch" if by_epoch else plan.evaluation
    eval_steps = plan.eval_steps if evaluation == "steps" else 0
    at_evaluations = plan.keep_best or plan.patience > 0
    validates = evaluation != "no"
    return {
        "model": config["job"]["model"],
        "files": data if isinstance(data, list) else [data],
        "validation_files": [config["data"]["validation_path"]] if validates else [],
        "split": 0.0,
        "adapter": adapter,
        "bits": 4 if plan.four_bit else 16,
        "rank": plan.lora_r if adapter else None,
        "alpha": plan.lora_alpha if adapter else None,
        "dropout": plan.lora_dropout if adapter else None,
        "modules": plan.lora_targets if adapter else None,
        "saved": plan.lora_saved if adapter else [],
        "rslora": adapter and plan.rslora,
        "dora": adapter and plan.dora,
        "length": plan.sequence_length,
        "packing": plan.packing,
        "isolated": True,
        "train_on": plan.train_on,
        "per_device": plan.per_device,
        "per_device_evaluation": plan.per_device,
        "accumulation": plan.accumulation,
        "epochs": plan.epochs,
        "max_steps": plan.max_steps,
        "optimizer": plan.optimizer,
        "adam": [plan.adam_beta1, plan.adam_beta2, plan.adam_epsilon],
        "weight_decay": plan.weight_decay,
        "max_grad_norm": plan.max_grad_norm,
        "learning_rate": plan.learning_rate,
        "schedule": plan.schedule,
        "power": 1.0,
        "floor": pytest.approx(plan.min_lr_ratio if plan.schedule != "constant" else 0.0),
        "warmup": {
            "steps": max(0, plan.warmup_steps),
            "share": plan.warmup_ratio if plan.warmup_steps < 0 else 0.0,
        },
        "seed": plan.seed,
        "precision": plan.precision,
        "checkpointing": plan.checkpointing,
        "evaluation": evaluation,
        "eval_steps": eval_steps,
        "keeps_best": plan.keep_best,
        "metric": ["eval_loss", at_evaluations and plan.greater_is_better],
        "patience": plan.patience,
        "save_steps": (eval_steps or None) if at_evaluations else plan.save_steps or 0.1,
        "saves_epochs": at_evaluations and evaluation == "epoch",
        "keep": plan.keep,
        "output": name or "trained-model",
        "deepspeed": plan.deepspeed,
        "fsdp": 2 if plan.fsdp else 0,
    }


def trl(case: Case) -> dict[str, Any]:
    """Return what TRL must understand besides."""
    plan = case.plan
    weights = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}[plan.precision]
    alone = plan.lora_targets[0] if len(plan.lora_targets) == 1 else plan.lora_targets
    return {
        "unknown": [],
        "forms": ["json train"],
        "four_bits": ["nf4", True, f"torch.{weights}"] if plan.four_bit else None,
        "weights": weights if plan.adapter else "float32",
        "modules": alone if plan.adapter else None,
        "packs": "bfd",
        "processes": plan.processes,
        "data_seed": plan.seed,
        "name": plan.name or None,
        "trackers": plan.trackers,
        "projects": [plan.project or "huggingface", plan.project or None, plan.project or None],
    }


def together(case: Case) -> dict[str, Any]:
    """Return what Together must understand besides."""
    plan = case.plan
    validates = plan.evaluation != "no"
    return {
        "unknown": [],
        "unbound": True,
        "same_request": True,
        "rows": [plan.per_device * plan.accumulation * plan.processes, 1],
        "validates": validates,
        "evaluations": plan.epochs if validates else 0,
        "min_delta": plan.min_delta if plan.patience else 0.0,
        "skipped": 0,
        "checkpoints": 1,
        "name": plan.name or None,
    }


MEANINGS = {"together": together, "trl": trl}


@pytest.mark.slow
@pytest.mark.parametrize("target", MEANINGS)
def test_what_the_parser_understands_is_what_the_config_means(target: str, tmp_path: Path) -> None:
    found = list(cases(target))
    assert len(found) > GENERATED / 3
    said = read(target, found, tmp_path)
    assert len(said) == len(found)
    for case, each in zip(found, said, strict=True):
        wanted = meaning(case) | MEANINGS[target](case)
        assert "refused" not in each, f"{each['refused']}\n{case.text}\n{case.files}"
        assert each.keys() >= MEANINGS[target](case).keys()
        assert each == {key: wanted[key] for key in each}, case.text
