"""Compare the training speed of sftc with the command line of TRL, in tokens per second.

Both train the same LoRA job on a randomly initialized Qwen3 model, with rows of equal length. The
model is larger if there is a GPU. Runs of sftc and TRL alternate. The script runs in the test
environment, and creates an environment with TRL.
"""

import ast
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import chance_model
import orjson
import torch
from measure import ENVIRONMENTS, HERE, QUIET, environment, publish

GPU = torch.cuda.is_available()
SHAPES = {
    False: {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 8, "vocab_size": 49152},
    True: {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "vocab_size": 151936},
}
HEADS = {"num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64, "max_position_embeddings": 1024}
THREADS = {"OMP_NUM_THREADS": str(os.cpu_count())}
"""The same number of threads as sftc uses. The launcher of TRL sets it to one."""

SUBSTITUTE = "--allow-substitutions"
PAIRS = 3
STEPS = 6
FIRST = 2
"""Warmup steps, which are not measured."""

CONFIG = """
[job]
model = "chance"
data = "rows.jsonl"

[compute]
gpu_type = "{device}"

[training]
use_qlora = true

[hyperparameters]
global_batch = 8
per_device_batch = 4
sequence_length = 1024
learning_rate = 2e-4

[hyperparameters.parallelism]
bf16 = {bf16}
"""
TRL = {
    "use_peft": True,
    "lora_r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.05,
    "lora_target_modules": "all-linear",
    "max_length": 1024,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 2,
    "learning_rate": 2e-4,
    "num_train_epochs": 1,
    "gradient_checkpointing": False,
    "bf16": GPU,
    "dtype": "bfloat16" if GPU else "float32",
    "logging_steps": 1,
    "report_to": "none",
    "save_strategy": "no",
    "disable_tqdm": True,
}
"""The same job as options of TRL. Most differ from its defaults."""


def write_rows(folder: Path) -> int:
    """Write the training file in both formats, and return the tokens per step."""
    asked = [f"{number:04} " + "What is it that you ask? " * 10 for number in range(8 * STEPS)]
    answer = "This is what it is. " * 6
    talks = [({"role": "user", "content": text}, {"role": "assistant", "content": answer}) for text in asked]
    ours = b"".join(orjson.dumps({"messages": talk}) + b"\n" for talk in talks)
    theirs = b"".join(orjson.dumps({"prompt": [ask], "completion": [say]}) + b"\n" for ask, say in talks)
    (folder / "rows.jsonl").write_bytes(ours)
    (folder / "trl").mkdir(exist_ok=True)
    (folder / "trl/rows.jsonl").write_bytes(theirs)
    words: Any = chance_model.tokenizer(HEADS["max_position_embeddings"])
    return 8 * len(words.apply_chat_template([*talks[0]])["input_ids"])


def ours(folder: Path, programs: Path, *options: str) -> float:
    """Return the median tokens per second of sftc, which trains `job.toml` in `folder`.

    `options` are further options of `sftc train`.

    Raises:
        CalledProcessError: the job failed. Its `stderr` says why.
    """
    env = QUIET | {"XDG_STATE_HOME": str(folder / f"state-{time.time_ns()}")}

    def run(*arguments: str | Path) -> str:
        command = [programs / "sftc", *arguments, "--backend", "local"]
        done = subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)
        return done.stdout

    job = run("train", "--config", "job.toml", "--models-dir", folder, *options).strip()
    lines = [line.split("\t") for line in run("jobs", "metrics", job).splitlines()]
    return median([float(value) for name, _, value in lines if name == "train.tokens_per_second"][FIRST:])


def theirs(folder: Path, programs: Path, tokens: int, changes: Mapping[str, object] | None = None) -> float:
    """Return the median tokens per second of TRL, from the times at which it logs its steps.

    `changes` are options of TRL other than those of `TRL`.
    """
    places = {
        "model_name_or_path": folder / "chance",
        "dataset_name": folder / "trl",
        "output_dir": folder / "out",
    }
    options = [f"--{name}={value}" for name, value in (places | TRL | dict(changes or {})).items()]
    moments = []
    log = folder / "trl.log"
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            [programs / "trl", "sft", *options],
            cwd=folder,
            env={**QUIET, **THREADS, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as run,
    ):
        assert run.stdout  # noqa: S101  stdout=PIPE
        for line in run.stdout:
            if line.startswith("{") and "grad_norm" in ast.literal_eval(line):
                moments.append(time.perf_counter())  # noqa: PERF401  must run once per line
    if run.returncode or len(moments) != STEPS:
        sys.exit(log.read_text(encoding="utf-8"))
    return tokens / median(b - a for a, b in zip(moments[FIRST:], moments[FIRST + 1 :], strict=False))


def trl_version(programs: Path) -> str:
    """Return the version of TRL in the environment of `programs`."""
    command: list[str | Path] = [programs / "python", "-c", "import trl; print(trl.__version__, end='')"]
    return subprocess.run(command, env=QUIET, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Run the benchmark, and publish the results."""
    programs = environment(
        "trl", f"torch=={torch.__version__.partition('+')[0]}", f"{HERE.parent}[train]", "trl"
    )
    with TemporaryDirectory(dir=ENVIRONMENTS) as name:
        folder = Path(name)
        chance_model.write(folder / "chance", SHAPES[GPU] | HEADS)
        tokens = write_rows(folder)
        config = CONFIG.format(device=torch.cuda.get_device_name() if GPU else "CPU", bf16=str(GPU).lower())
        (folder / "job.toml").write_text(config, encoding="utf-8")
        pairs = []
        for _ in range(PAIRS):
            pairs.append((ours(folder, programs, SUBSTITUTE), theirs(folder, programs, tokens)))
            print(*(f"{speed:.0f}" for speed in pairs[-1]), flush=True)
    device = torch.cuda.get_device_name() if GPU else f"{platform.machine()}, {os.cpu_count()} cores"
    trl = trl_version(programs)
    speed, reference = (median(each) for each in zip(*pairs, strict=True))
    ratio = median(a / b for a, b in pairs)
    text = f"""Measured by `benchmarks/beside_trl.py` on {device}. The same LoRA job, with {tokens} tokens
per step, is trained by sftc and by the command line of TRL {trl}. Medians of {PAIRS} pairs of
alternating runs.

| job | sftc, tokens/s | TRL, tokens/s | ratio | target on a GPU |
| --- | --- | --- | --- | --- |
| LoRA, {"bf16" if GPU else "fp32"} | {speed:.0f} | {reference:.0f} | {ratio:.2f} | at least 1.0 |
"""
    publish("Beside trl", text)
    print(text)


if __name__ == "__main__":
    main()
