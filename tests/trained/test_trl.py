"""TRL's own command line makes the run of a config that the embedded trainer makes, too."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chance_model import TEMPLATE

import sftc
from support.environment import unmeasured
from support.target_readers import packages
from support.tiny_model import tokenizer, write
from support.training_jobs import uneven

JOB = """schema_version = 2
[job]
model = "tiny"
data = "rows.jsonl"
[compute]
gpu_type = "CPU"
[training]
mode = "lora"
[training.lora]
r = 4
dropout = 0.0
[hyperparameters]
n_epochs = 2
learning_rate = 5e-3
global_batch = 8
per_device_batch = 4
weight_decay = 0.01
lr_scheduler = "{schedule}"
min_lr_ratio = 0.1
train_on = "{train_on}"
"""
MARKED = TEMPLATE.replace(
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}",
    "{%- if message.role == 'assistant' %}{{- '<|im_start|>assistant\n' }}{% generation %}"
    "{{- message.content + '<|im_end|>' }}{% endgeneration %}{{- '\n' }}{%- else %}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{%- endif %}",
)
"""The same texts, with the marks around answers that TRL needs to train on nothing else."""

TRL = "import sys; sys.argv[0] = 'trl'; from trl.cli.main import main; main()"
PROGRESS = ["--logging_steps", "1", "--disable_tqdm", "true", "--use_cpu", "true"]
"""What the config does not decide."""


@pytest.mark.parametrize(("schedule", "train_on"), [("cosine", "assistant"), ("linear", "all")])
def test_trl_makes_the_same_run(schedule: str, train_on: str, tmp_path: Path, sftc_program: str) -> None:
    assert MARKED != TEMPLATE
    write(tmp_path / "tiny")
    tokenizer(MARKED).save_pretrained(tmp_path / "tiny")
    (tmp_path / "rows.jsonl").write_text(uneven(48))
    job = JOB.format(schedule=schedule, train_on=train_on)
    (tmp_path / "job.toml").write_text(job)
    [config] = sftc.compile(job, target="trl").files("job").values()
    (tmp_path / "job.yaml").write_bytes(config)

    theirs, ours = trained_by_trl(tmp_path), trained_by_sftc(tmp_path, sftc_program)
    assert len(ours["losses"]) == 12
    assert theirs["rates"] == pytest.approx(ours["rates"], rel=1e-3)  # TRL prints four digits
    assert theirs["losses"] == pytest.approx(ours["losses"], rel=0.01)
    assert theirs["adapter"] == ours["adapter"]


def trained_by_trl(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", TRL, "sft", "--config", "job.yaml", *PROGRESS]
    variables = {"PYTHONPATH": str(packages("trl")), "HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    said = _run(command, folder, variables)
    steps = [ast.literal_eval(line) for line in said.splitlines() if line.startswith("{'loss'")]
    return {
        "losses": [float(step["loss"]) for step in steps],
        "rates": [float(step["learning_rate"]) for step in steps],
        "adapter": _adapter(folder / "trained-model"),
    }


def trained_by_sftc(folder: Path, program: str) -> dict[str, Any]:
    variables = {"XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}
    options = ["--backend", "local", "--models-dir", ".", "--allow-substitutions"]
    job = _run([program, "train", "--config", "job.toml", *options], folder, variables).strip()
    lines = _run([program, "jobs", "metrics", job, "--backend", "local"], folder, variables).splitlines()
    metrics: dict[str, list[float]] = {}
    for name, _, value in (line.split("\t") for line in lines):
        metrics.setdefault(name, []).append(float(value))
    [adapter] = (folder / "state").rglob("model/adapter_config.json")
    return {
        "losses": metrics["train.loss"],
        "rates": metrics["train.learning_rate"],
        "adapter": _adapter(adapter.parent),
    }


def _run(command: list[str], folder: Path, variables: dict[str, str]) -> str:
    env = {**unmeasured(), **variables, "OMP_NUM_THREADS": str(os.cpu_count()), "TOKENIZERS_PARALLELISM": "0"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def _adapter(folder: Path) -> dict[str, Any]:
    """Return the settings of an adapter, apart from the path of its base model."""
    settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    settings["target_modules"].sort()
    return {name: value for name, value in settings.items() if name != "base_model_name_or_path"}
