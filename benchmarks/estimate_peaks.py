"""The peaks of real runs beside what `sftc estimate` says, over a grid of models and settings.

Each cell is trained for three steps by the embedded trainer, in a process of its own. On a CPU, the peak is
the resident memory of the process, beside the most that malloc gave out (`peaks/count_memory.c`); on a GPU,
what torch reserved and allocated. Cells that were measured are kept in a file, so that a run can continue
another one. A cell is left out if it may need more memory than there is.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import chance_model
import numpy as np
import torch
from measure import HERE, publish

import sftc
from sftc.estimate.activations import Rows
from sftc.estimate.devices import DeviceKind, find_device
from sftc.estimate.interval import Interval
from sftc.estimate.memory import MemoryEstimate, estimate_memory
from sftc.estimate.shapes import shape_of
from sftc.estimate.training_setup import training_setup
from sftc.training.job_spec import ExecutorOptions, JobSpec

GPU: Final = torch.cuda.is_available()
KIND: Final[DeviceKind] = "cuda" if GPU else "cpu"
FOUND: Final = HERE / f"estimate_peaks_{KIND}.jsonl"
_OVERHEAD: Final = 21
"""The tokens of a row beside its texts."""

CONFIG: Final = """
schema_version = 2

[job]
model = "{model}"
data = "rows.jsonl"

[compute]
gpu_type = "{device}"

[training]
mode = "{mode}"

[hyperparameters]
per_device_batch = {batch}
gradient_accumulation_steps = 1
n_epochs = 1
sequence_length = {length}
learning_rate = 1e-5

[hyperparameters.parallelism]
bf16 = {bf16}
activation_checkpointing = {checkpointing}
"""


class Model(NamedTuple):
    """A model of the grid: widths, layers and vocabulary; and the share of tokens that have a label."""

    hidden: int
    layers: int
    inner: int
    vocabulary: int
    labelled: float

    @property
    def config(self) -> dict[str, int]:
        """What its `config.json` has."""
        heads = self.hidden // 64
        return {
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads // 2,
            "head_dim": 64,
            "max_position_embeddings": 4096,
            "vocab_size": self.vocabulary,
        }


class Cell(NamedTuple):
    """A cell of the grid; `bf16` is whether it computes in 16 bits."""

    mode: str
    batch: int
    length: int
    checkpointing: bool
    bf16: bool
    model: Model


MODELS: Final = (
    Model(256, 4, 768, 32_000, 0.5),
    Model(512, 8, 1536, 32_000, 0.5),
    Model(256, 4, 768, 151_936, 0.125),
    Model(512, 8, 1536, 151_936, 0.125),
    Model(768, 12, 2048, 151_936, 0.125),
)
"""Models of 11 to 195 million parameters, with two vocabularies."""

LENGTHS: Final = (256, 512, 1024, 2048, 4096)


def grid() -> Iterator[Cell]:
    """Yield all cells; on a GPU they compute in 16 bits."""
    for mode, batch, length, checkpointing, model in product(
        ("lora", "qlora", "full"), (1, 2, 4), LENGTHS, (False, True), MODELS
    ):
        yield Cell(mode, batch, length, checkpointing, GPU, model)


def work(cell: Cell) -> float:
    """Return about how long a cell takes: tokens of a pass x billions of parameters, four times in 4 bits."""
    parameters = shape_of(
        {**cell.model.config, "model_type": "qwen3", "tie_word_embeddings": True}
    ).parameters
    return cell.batch * cell.length * parameters / 1e9 * (4 if cell.mode == "qlora" else 1)


def config(cell: Cell, folder: Path) -> str:
    """Return the config of a cell, whose model is in `folder`."""
    return CONFIG.format(
        model=folder,
        device=torch.cuda.get_device_name() if GPU else "CPU",
        mode=cell.mode,
        batch=cell.batch,
        length=cell.length,
        bf16=str(cell.bf16).lower(),
        checkpointing=str(cell.checkpointing).lower(),
    )


def estimate(cell: Cell, labelled: int) -> MemoryEstimate:
    """Return what the estimate says about a cell whose rows have `labelled` tokens with a label."""
    compiled = sftc.compile(config(cell, Path("model")))
    values = {**cell.model.config, "model_type": "qwen3", "tie_word_embeddings": True}
    rows = Rows(cell.batch, cell.length, labelled, padded=False)
    return estimate_memory(shape_of(values), training_setup(compiled.checked), rows, KIND)


def measure(cell: Cell, models: Path, preload: Path | None) -> dict[str, Any]:
    """Train a cell, and return the peaks of its process and the tokens with a label of a row."""
    base = models / "-".join(map(str, cell.model))
    if not base.exists():
        chance_model.write(base, cell.model.config)
    with TemporaryDirectory() as name:
        folder = Path(name)
        answer = int(cell.length * cell.model.labelled)
        row = [
            {"role": "user", "content": "x" * (cell.length - answer - _OVERHEAD)},
            {"role": "assistant", "content": "y" * answer},
        ]
        rows = folder / "rows.jsonl"
        rows.write_text((json.dumps({"messages": row}) + "\n") * (3 * cell.batch), encoding="utf-8")
        payload = {**sftc.compile(config(cell, base)).payload, "training_file_id": "file"}
        spec = JobSpec("peak", payload, str(rows), None, str(folder), ExecutorOptions(substitutes=not GPU))
        written = spec._asdict() | {"options": spec.options._asdict()}
        (folder / "work.json").write_text(json.dumps(written), encoding="utf-8")
        environment = os.environ | {"PEAKS": str(folder / "peaks"), "PYTHONPATH": str(HERE / "peaks")}
        if preload:
            environment["LD_PRELOAD"] = str(preload)
        command = [sys.executable, "-m", "sftc.training.worker", str(folder / "work.json")]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        if done.returncode:
            sys.exit(done.stdout.decode()[-500:] + done.stderr.decode()[-2000:])
        peaks: dict[str, Any] = json.loads((folder / "peaks").read_text(encoding="ascii").splitlines()[0])
        starts, labels = (np.load(folder / f"training/{each}.npy") for each in ("starts", "labels"))
        first = labels[starts[0] : starts[1]]
        if len(first) != cell.length:
            sys.exit(f"a row has {len(first)} tokens instead of {cell.length}")
        return {**peaks, "labelled": int((first[1:] >= 0).sum())}


def counter(folder: Path) -> Path | None:
    """Compile the counter of memory, and return its library; `None` on a GPU, where torch counts."""
    if GPU:
        return None
    library = folder / "count_memory.so"
    source = HERE / "peaks/count_memory.c"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)  # noqa: S607
    return library


def run(minutes: float, most_work: float) -> None:
    """Measure cells in random order until the time is over, and none with more than `most_work`."""
    known = {json.dumps(each["cell"]) for each in results()}
    cells = [each for each in grid() if work(each) <= most_work]
    random.Random(0).shuffle(cells)  # noqa: S311  the same order each time
    device = find_device("cpu")
    end = time.monotonic() + 60 * minutes
    models = HERE.parent / "build" / "estimate_peaks"
    models.mkdir(parents=True, exist_ok=True)
    library = counter(models)
    for cell in cells:
        if time.monotonic() > end:
            break
        told = json.loads(json.dumps(cell))
        expected = estimate(cell, int(cell.length * cell.model.labelled)).total
        if json.dumps(told) in known or (not GPU and device and expected.high > 0.6 * device.usable):
            continue
        start = time.monotonic()
        found = {"cell": told, **measure(cell, models, library), "seconds": time.monotonic() - start}
        with FOUND.open("a", encoding="ascii") as file:
            file.write(json.dumps(found) + "\n")
        print(line(found), flush=True)


def results() -> list[dict[str, Any]]:
    """Return all cells that were measured."""
    if not FOUND.exists():
        return []
    return [json.loads(each) for each in FOUND.read_text(encoding="ascii").splitlines()]


class Compared(NamedTuple):
    """A measured peak in bytes, beside its estimate; and what the allocator gave out beyond the parts."""

    cell: Cell
    peak: float
    said: Interval
    beyond: float


def compared(found: dict[str, Any]) -> Compared:
    """Return a cell's peak, beside what the estimate says now."""
    mode, batch, length, checkpointing, bf16, model = found["cell"]
    cell = Cell(mode, batch, length, checkpointing, bf16, Model(*model))
    said = estimate(cell, found["labelled"])
    library = said.peak.parts["library"]
    peak = found["reserved"] + library.expected if GPU else found["resident"]
    moment = said.peak.parts
    tensors = sum(part.expected for name, part in moment.items() if name not in ("library", "fragmentation"))
    mapped = 0.0 if GPU or cell.mode == "qlora" else moment["weights"].expected
    beyond = found["allocated" if GPU else "counted"] - (tensors - mapped)
    return Compared(cell, peak, said.total, beyond)


def line(found: dict[str, Any]) -> str:
    """Return a cell as a line of text."""
    cell, peak, said, _ = compared(found)
    low, expected, high = (each / 2**30 for each in said)
    return (
        f"{cell.mode:5} {cell.batch} x {cell.length:4} checkpointing {cell.checkpointing:d} "
        f"{cell.model.hidden}/{cell.model.vocabulary}: {peak / 2**30:.2f} GiB, "
        f"estimate {low:.2f} {expected:.2f} {high:.2f}"
        + ("" if said.low <= peak <= said.high else "  OUTSIDE")
        + f"  {found['seconds']:.0f} s"
    )


def report() -> str:
    """Return the results as a page."""
    rows = [compared(each) for each in results()]
    inside = [each for each in rows if each.said.low <= each.peak <= each.said.high]
    above = [each for each in rows if each.peak > each.said.high]
    lines = []
    for mode, checkpointing in product(("lora", "qlora", "full"), (False, True)):
        part = [each for each in rows if (each.cell.mode, each.cell.checkpointing) == (mode, checkpointing)]
        if not part:
            continue
        lines.append(
            f"| {mode} | {'on' if checkpointing else 'off'} | {len(part)} | "
            f"{sum(each in inside for each in part)} | {sum(each in above for each in part)} | "
            f"{median(each.peak / each.said.expected for each in part):.2f} | "
            f"{median(each.said.high / each.said.low for each in part):.2f} |"
        )
    sizes = sorted(each.peak / 2**30 for each in rows)
    beyond = sorted(each.beyond / 2**30 for each in rows)
    widths = median(each.said.high / each.said.low for each in rows)
    where = torch.cuda.get_device_name() if GPU else f"{os.cpu_count()} cores"
    inside_share = len(inside) / len(rows)
    return f"""Measured by `benchmarks/estimate_peaks.py` on {where}, torch {torch.__version__}:
{len(rows)} cells of the grid, drawn at random, each trained for three steps by the embedded trainer in a
process of its own. The models have 11 to 195 million parameters and a vocabulary of 32,000 or 151,936;
batches have 1, 2 or 4 rows of one length. Peaks are {sizes[0]:.1f} to {sizes[-1]:.1f} GiB.

Within the interval: {len(inside)} of {len(rows)} ({inside_share:.1%}; target: 95 %).
Above the high bound: {len(above)} (target: 0).
Median width, high / low: {widths:.2f} (target: at most 1.5). On a CPU, the constants of `memory.toml` were
set with the first 34 cells, and those after them were measured with the constants at hand.

The allocator gave out {beyond[0]:.2f} to {beyond[-1]:.2f} GiB more than the parts of the expected peak,
without libraries and fragmentation; the median is {median(beyond):.2f}. On a CPU, weights that are mapped
from the file of the model do not come from the allocator, and Python's own objects do.

| mode | checkpointing | cells | inside | above | peak / expected | high / low |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}
"""


def main() -> None:
    """Measure, and publish what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after this time [default: 60]")
    parser.add_argument(
        "--most-work", type=float, default=float("inf"), help="leave out cells with more, see `work`"
    )
    options = parser.parse_args()
    run(options.minutes, options.most_work)
    publish(f"Peaks beside the estimate, {KIND}", report())


if __name__ == "__main__":
    main()
