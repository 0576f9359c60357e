"""All that only a GPU can show, in one command.

Tokens per second and peak memory of sftc beside the command line of TRL, in bf16: LoRA, LoRA in 4
bits, all weights. After that, short runs of what needs a GPU: fp16, FSDP, DeepSpeed and a mixture of
experts. `--smoke` walks the same code with a tiny model, also without a GPU; nothing is published then.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import beside_trl
import chance_model
import torch
from measure import ENVIRONMENTS, HERE, QUIET, environment, publish

GPU = torch.cuda.is_available()
DEVICES = torch.cuda.device_count() or 1
PAIRS = 3
OPTIONS = () if GPU else (beside_trl.SUBSTITUTE,)
"""On a GPU, a run that is not the one that the config asks for has to fail."""

CONFIG = """
schema_version = 2

[job]
model = "{model}"
data = "rows.jsonl"

[compute]
gpu_type = "{device}"
gpu_count = {devices}

[training]
mode = "{mode}"

[hyperparameters]
global_batch = {rows}
per_device_batch = 4
sequence_length = 1024
learning_rate = 2e-4

[hyperparameters.parallelism]
{parallelism}
"""


class Kind(NamedTuple):
    """What is trained: the `mode` of sftc, and the options of TRL that do the same."""

    title: str
    mode: str
    trl: dict[str, object]


KINDS = (
    Kind("LoRA", "lora", {}),
    Kind(
        "LoRA in 4 bits",
        "qlora",
        {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "use_bnb_nested_quant": True},
    ),
    Kind("all weights", "full", {"use_peft": False, "dtype": "float32"}),
)


class Short(NamedTuple):
    """A short run: what it shows, the model, the mode, and the settings of `parallelism`."""

    title: str
    model: str
    mode: str
    parallelism: str
    devices: int
    on_cpu: bool = True


SHORT = (
    Short("fp16", "chance", "lora", "fp16 = true", 1, on_cpu=False),
    Short("FSDP", "chance", "lora", "bf16 = true\nfsdp = true", DEVICES, on_cpu=False),
    *(
        Short(
            f"DeepSpeed, stage {stage}",
            "chance",
            "full",
            f"bf16 = true\nuse_deepspeed = true\ndeepspeed_stage = {stage}",
            DEVICES,
            on_cpu=False,
        )
        for stage in (2, 3)
    ),
    Short("mixture of experts", "experts", "lora", "bf16 = true", 1),
)


class Measured(NamedTuple):
    """Tokens per second, and the peak of the memory in bytes that tensors took and that was reserved."""

    speed: float
    allocated: float
    reserved: float


def measured(run: Callable[[], float], folder: Path) -> Measured:
    """Run a job, and return its speed and the peak of the process that took most.

    Without a GPU, both peaks are those of the resident memory.
    """
    peaks = folder / "peaks.jsonl"
    peaks.unlink(missing_ok=True)
    QUIET.update({"PEAKS": str(peaks), "PYTHONPATH": str(HERE / "peaks")})
    try:
        speed = run()
    finally:
        for name in ("PEAKS", "PYTHONPATH"):
            del QUIET[name]
    found = [json.loads(line) for line in peaks.read_text(encoding="ascii").splitlines()]
    return Measured(
        speed,
        max(each.get("allocated", each["resident"] * (not GPU)) for each in found),
        max(each.get("reserved", each["resident"] * (not GPU)) for each in found),
    )


def config(mode: str, parallelism: str, *, model: str = "chance", devices: int = 1) -> str:
    """Return the config of a job."""
    device = torch.cuda.get_device_name() if GPU else "CPU"
    return CONFIG.format(
        model=model, device=device, devices=devices, mode=mode, rows=8 * devices, parallelism=parallelism
    )


def compare(kind: Kind, folder: Path, programs: Path, tokens: int, pairs: int) -> str:
    """Train a kind with sftc and TRL in turn, and return the row of the table."""
    (folder / "job.toml").write_text(config(kind.mode, f"bf16 = {str(GPU).lower()}"), encoding="utf-8")
    try:
        runs = [
            (
                measured(lambda: beside_trl.ours(folder, programs, *OPTIONS), folder),
                measured(lambda: beside_trl.theirs(folder, programs, tokens, kind.trl), folder),
            )
            for _ in range(pairs)
        ]
    except subprocess.CalledProcessError as error:
        return f"| {kind.title} | {_failure('sftc', error.stderr)} | | | | | | |"
    except SystemExit as error:
        return f"| {kind.title} | {_failure('TRL', str(error.code))} | | | | | | |"
    ours, theirs = (_medians([run[at] for run in runs]) for at in (0, 1))
    ratio = median(one.speed / other.speed for one, other in runs)
    sizes = (ours.allocated, theirs.allocated, ours.reserved, theirs.reserved)
    gib = [f"{size / 2**30:.2f}" for size in sizes]
    return f"| {kind.title} | {ours.speed:.0f} | {theirs.speed:.0f} | {ratio:.2f} | {' | '.join(gib)} |"


def _medians(runs: list[Measured]) -> Measured:
    return Measured(*(median(values) for values in zip(*runs, strict=True)))


def _failure(program: str, output: str) -> str:
    return f"{program} failed: {(output.strip().splitlines() or ['without a message'])[-1]}"


def outcome(short: Short, folder: Path, programs: Path) -> str:
    """Return how a short run ended: its speed and its peak, or the last line of the error."""
    if not (GPU or short.on_cpu):
        return "skipped: it needs a GPU"
    text = config(short.mode, short.parallelism, model=short.model, devices=short.devices)
    (folder / "job.toml").write_text(text, encoding="utf-8")
    try:
        done = measured(lambda: beside_trl.ours(folder, programs, *OPTIONS), folder)
    except subprocess.CalledProcessError as error:
        return _failure("sftc", error.stderr)
    return f"{done.speed:.0f} tokens/s, {done.allocated / 2**30:.2f} GiB"


def main() -> None:
    """Run all, and publish the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="walk through with a tiny model")
    smoke = parser.parse_args().smoke
    if not GPU and not smoke:
        sys.exit("There is no GPU. --smoke walks through on the CPU.")
    extras = "train,qlora,deepspeed" if GPU else "train,qlora"
    torch_version = torch.__version__.partition("+")[0]
    programs = environment("trl", f"torch=={torch_version}", f"{HERE.parent}[{extras}]", "trl")
    shape = chance_model.SMALL | beside_trl.HEADS if smoke else beside_trl.SHAPES[True] | beside_trl.HEADS
    kinds = KINDS if GPU else tuple(kind for kind in KINDS if kind.mode != "qlora")
    lines, shorts = [], []
    with TemporaryDirectory(dir=ENVIRONMENTS) as name:
        folder = Path(name)
        chance_model.write(folder / "chance", shape)
        chance_model.write(folder / "experts", shape | {"num_hidden_layers": 2}, experts=4)
        tokens = beside_trl.write_rows(folder)
        for kind in kinds:
            lines.append(compare(kind, folder, programs, tokens, 1 if smoke else PAIRS))
            print(lines[-1], flush=True)
        for short in SHORT:
            shorts.append(f"| {short.title} | {short.devices} | {outcome(short, folder, programs)} |")
            print(shorts[-1], flush=True)
    if smoke:
        return
    driver = subprocess.run(
        ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],  # noqa: S607  from the driver
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()[0]
    machine = f"{DEVICES} x {torch.cuda.get_device_name()}, driver {driver}, {os.cpu_count()} cores"
    versions = f"torch {torch.__version__}, TRL {beside_trl.trl_version(programs)}"
    text = f"""Measured by `benchmarks/on_gpu.py` on {machine}, {versions}.
The same jobs in bf16, with {tokens} tokens per step, on one GPU: medians of {PAIRS} pairs of
alternating runs. Memory is the peak that tensors took, and that torch reserved, in GiB.

| job | sftc, tokens/s | TRL, tokens/s | ratio | sftc, taken | TRL, taken | sftc, reserved | TRL, reserved |
| --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}

Short runs of sftc, once each:

| run | GPUs | outcome |
| --- | --- | --- |
{chr(10).join(shorts)}
"""
    publish("On a GPU", text)
    print(text)


if __name__ == "__main__":
    main()
