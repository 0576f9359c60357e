"""What the real parsers of the targets understand of what is written for them is what the config means.

The plan of the embedded trainer says what a config means.
"""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import sftc
from sftc.contract.operations import OPERATIONS
from sftc.contract.versions import PACKAGED
from sftc.findings.stage_rules.other_trainers import UNFINISHED
from sftc.text.keys import ABSENT
from sftc.training.machine import PACKAGES as OPTIONAL
from sftc.training.machine import Machine
from sftc.training.make_plan import UnsupportedJobError, make_plan
from sftc.training.plan import Plan
from support.round_trips import GENERATED, expressible, texts
from support.target_readers import run_reader

ROOT = Path(__file__).parents[2]
MACHINE = Machine("cuda", ("NVIDIA H100 80GB HBM3",) * 18, True, frozenset(OPTIONAL), nodes=2)


class Case(NamedTuple):
    """A config that a target takes: its values, what it means, and the files that are written for it."""

    text: str
    config: dict[str, Any]
    plan: Plan
    files: dict[str, bytes]


def cases(target: str) -> Iterator[Case]:
    """Yield the configs with data that `target` can express and the embedded trainer can train."""
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


def axolotl(case: Case) -> dict[str, Any]:
    """Return what Axolotl must understand besides."""
    plan = case.plan
    named = [each in plan.trackers for each in ("wandb", "trackio", "mlflow")]
    form = {
        "path": "",
        "rows": ["json", "chat_template", "train", "messages"],
        "trains": ["assistant"],
        "weight": "weight",
        "ends": "turn",
    }
    return {
        "unknown": [],
        "data": json.dumps(form),
        "template": "tokenizer_default",
        "long_rows": "truncate",
        "tf32": False,
        "trackers": [each for each in ("tensorboard", "wandb", "trackio", "mlflow") if each in plan.trackers],
        "projects": [plan.project or None if each else None for each in named],
        "runs": [plan.name or None if each else None for each in named],
    }


def llamafactory(case: Case) -> dict[str, Any]:
    """Return what LLaMA-Factory must understand besides."""
    plan = case.plan
    beside_adapter = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}[plan.precision]
    return {
        "length": plan.sequence_length or 2**20,
        "trains": True,
        "four_bits": ["bnb", "nf4", True],
        "weights": beside_adapter if plan.adapter else "float32",
        "data_seed": plan.seed,
        "name": plan.name or None,
        "trackers": plan.trackers,
        "project": plan.project or "huggingface",
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


MEANINGS = {"axolotl": axolotl, "llamafactory": llamafactory, "together": together, "trl": trl}
LEFT_OUT = {"llamafactory": {"data", "template"}}
"""What a parser understands and tests of their own look at."""


@pytest.mark.slow
@pytest.mark.parametrize("target", MEANINGS)
def test_what_the_parser_understands_is_what_the_config_means(target: str, tmp_path: Path) -> None:
    found = list(cases(target))
    assert len(found) > GENERATED / 3
    for case, said in zip(found, read(target, found, tmp_path), strict=True):
        assert "refused" not in said, f"{said['refused']}\n{case.text}\n{case.files}"
        own = MEANINGS[target](case)
        heard = {key: said[key] for key in said.keys() - LEFT_OUT.get(target, set())}
        assert heard.keys() >= own.keys()
        wanted = meaning(case) | own
        assert heard == {key: wanted[key] for key in heard}, case.text


@pytest.mark.slow
def test_the_client_of_fireworks_takes_each_job(tmp_path: Path) -> None:
    """The two names of uploaded files are null until they are bound at submission."""
    found = []
    for case in cases("fireworks"):
        job = json.loads(case.files["job.json"])
        bound = {key: f"{key}-1" if value is None else value for key, value in job.items()}
        found.append(case._replace(files={"job.json": json.dumps(bound).encode()}))
    assert len(found) > GENERATED / 2
    for case, said in zip(found, read("fireworks", found, tmp_path), strict=True):
        plan, config = case.plan, case.config
        name = {"display_name": plan.name, "output_model": plan.name} if plan.name else {}
        nodes, saves = config.get("compute", {}).get("nodes"), plan.save_steps
        tracked = {"enabled": True} | ({"project": plan.project} if plan.project else {})
        assert said == {
            "base_model": config["job"]["model"],
            "dataset": "dataset-1",
            **({"evaluation_dataset": "evaluationDataset-1"} if plan.evaluation != "no" else {}),
            "eval_auto_carveout": False,
            **name,
            "epochs": plan.epochs,
            "batch_size_samples": plan.per_device * plan.accumulation * plan.processes,
            "gradient_accumulation_steps": 1,
            **({"max_context_length": plan.sequence_length} if plan.sequence_length else {}),
            "learning_rate": plan.learning_rate,
            "learning_rate_warmup_steps": max(0, plan.warmup_steps),
            "optimizer_weight_decay": plan.weight_decay,
            "lora_rank": plan.lora_r,
            **({"sampler_checkpoint_save_interval_steps": saves} if saves else {}),
            "early_stop": False,
            **({"nodes": nodes} if nodes else {}),
            **({"wandb_config": tracked} if "wandb" in plan.trackers else {}),
        }


WRONG = {
    "axolotl": ("job.yaml", "micro_batch_size:", "micro_batch:", "unknown"),
    "llamafactory": ("job.yaml", "per_device_train_batch_size:", "per_device_batch:", "refused"),
    "fireworks": ("job.json", '"loraRank":', '"loraRang":', "refused"),
}
"""For each target, a field in a file, the name that it is changed to, and where the reader tells."""

LORA = """schema_version = 2
[job]
model = "Qwen/Qwen3-4B"
data = ["a.jsonl", "b.jsonl"]
[training]
mode = "lora"
[hyperparameters]
sequence_length = 2048
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", WRONG)
def test_a_field_that_the_parser_lacks_is_seen(target: str, tmp_path: Path) -> None:
    name, field, other, where = WRONG[target]
    written = sftc.compile(expressible(LORA, target), target=target).files("job")
    for file, data in written.items():
        (tmp_path / file).write_bytes(data.replace(b"null", b'"file-1"'))
    good, bad = tmp_path / name, tmp_path / f"bad-{name}"
    bad.write_bytes(good.read_bytes().replace(field.encode(), other.encode()))
    right, wrong = run_reader(target, [good, bad], tmp_path)
    assert not right.get(where)
    assert wrong[where]


@pytest.mark.slow
def test_llamafactory_reads_conversations_as_they_are(tmp_path: Path) -> None:
    """Its form `openai` would add words of its own to every system message."""
    for name, data in sftc.compile(LORA, target="llamafactory").files("job").items():
        (tmp_path / name).write_bytes(data)
    said, own = run_reader("llamafactory", [tmp_path / "job.yaml", "--templates"], tmp_path)
    form = json.loads(said["data"])
    assert (form["load_from"], form["split"], form["formatting"]) == ("file", "train", "sharegpt")
    assert (form["messages"], form["role_tag"], form["content_tag"]) == ("messages", "role", "content")
    roles = ("system", "user", "assistant", "observation")
    assert [form[f"{role}_tag"] for role in roles] == ["system", "user", "assistant", "tool"]
    assert [form[key] for key in ("prompt", "response", "system", "tools", "ranking")] == [None] * 4 + [False]
    _compare_templates(own)


def _compare_templates(own: dict[str, str]) -> None:
    """Compare: a model of the table gets the template that LLaMA-Factory has for it; some models get none."""
    table = PACKAGED.target("llamafactory").mapping
    [row] = [row for row in table.rows if row.op == "match"]
    chosen = {model: OPERATIONS["match"](row, {"job": {"model": model}}) for model in own}
    named = {model: name for model, name in chosen.items() if name is not ABSENT}
    assert named == {model: own[model] for model in named}
    assert len(named) > len(own) / 2
    assert {each["value"] for each in row.options["patterns"]} <= set(own.values())
