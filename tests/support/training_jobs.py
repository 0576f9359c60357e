"""Jobs for the training executors, and a recorder of their reports."""

import asyncio
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit

import sftc
from sftc.service.executor import Task
from sftc.training import job_spec
from sftc.training.job_spec import ExecutorOptions
from sftc.training.local import LocalExecutor
from sftc.training.machine import Machine, probe
from sftc.training.reporter import Reporter
from sftc.training.run_job import prepare_job, train_job
from sftc.training.tokens import TokenRows


def rows(count: int) -> str:
    """Return rows with sums, which a tiny model can learn."""
    talks = [
        [
            {"role": "user", "content": f"{at % 7} + {at % 5}?"},
            {"role": "assistant", "content": f"{at % 7 + at % 5}."},
        ]
        for at in range(count)
    ]
    return "".join(json.dumps({"messages": talk}) + "\n" for talk in talks)


def uneven(count: int) -> str:
    """Return rows of different lengths, of which different shares are trained on."""
    talks = [
        [
            {"role": "user", "content": "?" * (1 + at * 7 % 40)},
            {"role": "assistant", "content": "yes " * (1 + at * at % 9)},
        ]
        for at in range(count)
    ]
    return "".join(json.dumps({"messages": talk}) + "\n" for talk in talks)


def token_loss(model: Any, rows: TokenRows) -> float:
    """Return the mean loss of a model over all tokens that have a label, measured a row at a time."""
    model.eval()
    total, count = 0.0, 0
    for at in range(len(rows)):
        row = rows[at]
        labelled = int((row["labels"][1:] >= 0).sum())
        loss = model(input_ids=row["input_ids"][None], labels=row["labels"][None]).loss.item()
        total, count = total + loss * labelled, count + labelled
    return total / count


def payload(gpus: int = 1, **hyperparameters: Any) -> dict[str, Any]:
    """Return a job for the tiny model."""
    config = {
        "compute": {"gpu_type": "H100", "gpu_count": gpus},
        "data": {"topology": {}},
        "training": {"use_qlora": True},
    }
    learns = {"n_epochs": 3, "learning_rate": 5e-3, "global_batch": 8, **hyperparameters}
    return {
        "model": "tiny",
        "training_type": "sft_offline",
        "training_file_id": "file",
        "hyperparameters": learns,
        "metadata": {"effective_config": config},
    }


def settings(**sections: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of a config of version 2 that trains the tiny model on this machine.

    Args:
        sections: the values of each section. Nested tables are merged.
    """
    config: dict[str, Any] = {
        "job": {"model": "tiny"},
        "compute": {"gpu_type": "CPU"},
        "training": {"mode": "lora"},
        "hyperparameters": {"n_epochs": 3, "learning_rate": 5e-3, "global_batch": 8},
    }
    text = tomlkit.dumps({"schema_version": 2, **{name: {} for name in sections}, **config})
    values = {
        f"{section}.{name}": value for section, table in sections.items() for name, value in table.items()
    }
    compiled = sftc.compile(text, overrides=values)
    assert compiled.ok, compiled.findings
    return compiled.payload


class Told:
    """A report that records events and metrics. `each` is called after each event."""

    def __init__(self, each: Callable[["Told"], None] = lambda told: None) -> None:
        self.events: list[tuple[str, str, Mapping[str, Any]]] = []
        self.metrics: dict[str, dict[int, float]] = {}
        self._each = each

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Record an event."""
        self.events.append((type, message, data or {}))
        self._each(self)

    def metric(self, name: str, step: int, value: float) -> None:
        """Record a metric point."""
        self.metrics.setdefault(name, {})[step] = value

    def data(self, type: str) -> Mapping[str, Any]:
        """Return the data of the last event of a type."""
        return [data for kind, _, data in self.events if kind == type][-1]

    def messages(self, type: str) -> list[str]:
        """Return the messages of the events of a type."""
        return [message for kind, message, _ in self.events if kind == type]


class Bench:
    """A job with its folder and executor. `count` and `validation` are the numbers of rows."""

    def __init__(  # noqa: PLR0913  each is one setting
        self,
        folder: Path,
        models: Path,
        job: dict[str, Any],
        validation: int = 0,
        count: int = 64,
        *,
        substitutes: bool = True,
        git_revision: str | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        paths = [folder.with_suffix(f".{name}.jsonl") for name in ("training", "validation")]
        paths[0].write_text(rows(count))
        paths[1].write_text(uneven(validation))
        self._task = Task("job", job, paths[0], paths[1] if validation else None, folder, 1, git_revision)
        self._options = ExecutorOptions(str(models), download=False, substitutes=substitutes)

    def work(self) -> job_spec.JobSpec:
        """Return the job specification for a training process."""
        return job_spec.read_spec(job_spec.write_spec(self._task, self._options))

    async def begin(self, told: Told) -> str:
        """Run the job."""
        return await LocalExecutor(self._options).run(self._task, told)

    def run(self, told: Told) -> str:
        """Run the job to its end."""
        return asyncio.run(self.begin(told))

    def train(self, told: Told | None = None, machine: Machine | None = None) -> Path:
        """Run the job in this process, which is quicker than in one of its own, and return the model."""
        stream = _Stream(told or Told())
        prepare_job(self.work(), machine or probe(), Reporter(stream))
        train_job(self.work(), Reporter(stream))
        return stream.model


class _Stream(io.StringIO):
    """A stream of a reporter that a `Told` hears."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self._told = told
        self.model = Path()

    def write(self, text: str) -> int:
        match json.loads(text):
            case {"event": [type, message, data]}:
                self._told.event(type, message, data)
            case {"metric": [name, step, value]}:
                self._told.metric(name, step, value)
            case {"done": model}:
                self.model = Path(model)
        return len(text)


def run(folder: str, models: str) -> None:
    """Train a long job in two processes, and print a line once they train."""

    def say(told: Told) -> None:
        if told.messages("training"):
            print("training", flush=True)  # noqa: T201  the test waits for this

    Bench(Path(folder), Path(models), payload(2, n_epochs=10_000)).run(Told(say))


def workers(folder: Path) -> list[int]:
    """Return the ids of the processes that train the job of a folder."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if b"sftc.training.worker" in command and str(folder).encode() in command:
            found.append(int(entry))
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Return the contents of the files in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
