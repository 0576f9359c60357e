"""Jobs on a real Ray cluster, with two processes on this machine.

Run with `make test-ray`. Needs the extra `ray`, and root for a separate network namespace.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from sftc.service.executor import SERVICE_ENDS, FailedError, Task
from sftc.training.checkpoints import CHECKPOINT, newest
from sftc.training.job_spec import ExecutorOptions
from sftc.training.ray_cluster import RayExecutor
from support import ray_cluster
from support.training_jobs import Told, contents, payload, rows

pytestmark = pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning")  # Ray's own


class Bench:
    """A job on a cluster."""

    def __init__(
        self, address: str, folder: Path, models: Path, job: dict[str, Any], *, substitutes: bool = True
    ) -> None:
        self.folder = folder
        self.address = address
        folder.mkdir()
        file = folder.with_suffix(".jsonl")
        file.write_text(rows(64))
        self._task = Task(folder.name, job, file, None, folder, 1)
        self._options = ExecutorOptions(str(models), download=False, substitutes=substitutes)

    async def begin(self, told: Told) -> str:
        """Run the job with a new executor."""
        return await RayExecutor(self._options, self.address).run(self._task, told)

    def run(self, told: Told) -> str:
        """Run the job to its end."""
        return asyncio.run(self.begin(told))

    def cancelled(self, at: str, message: str | None = None) -> tuple[Told, float]:
        """Cancel the job at an event of type `at`. Return its reports, and the seconds until it stopped."""

        async def run() -> tuple[Told, float]:
            there = asyncio.Event()
            told = Told(lambda told: there.set() if told.messages(at) else None)
            running = asyncio.create_task(self.begin(told))
            await asyncio.wait(
                [running, asyncio.create_task(there.wait())], return_when=asyncio.FIRST_COMPLETED
            )
            begin = time.monotonic()
            running.cancel(message)
            with pytest.raises(asyncio.CancelledError):
                await running
            return told, time.monotonic() - begin

        return asyncio.run(run())

    def on_cluster(self) -> list[str]:
        """Return the statuses of the Ray jobs of this job."""
        from ray.job_submission import JobSubmissionClient  # the import reads the token

        jobs = JobSubmissionClient(self.address).list_jobs()
        return [str(job.status) for job in jobs if job.submission_id == self.folder.name]


def worker() -> int:
    """Return a training process in this network namespace."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        place = Path("/proc", entry)
        with suppress(OSError):  # it has exited
            if (
                b"RayTrainWorker" in (place / "cmdline").read_bytes()
                and (place / "ns/net").readlink() == Path("/proc/thread-self/ns/net").readlink()
            ):
                return int(entry)
    raise AssertionError("nothing trains")


Make = Callable[..., Bench]


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with ray_cluster.apart(tmp_path_factory.mktemp("ray") / "token"):
        yield


@pytest.fixture(scope="module")
def cluster(apart: None) -> Iterator[str]:
    with ray_cluster.started() as address:
        yield address


@pytest.fixture
def make(cluster: str, tmp_path: Path, models: Path) -> Make:
    def made(name: str, *, substitutes: bool = True, **settings: Any) -> Bench:
        return Bench(cluster, tmp_path / name, models, payload(**settings), substitutes=substitutes)

    return made


def test_two_processes_on_a_cluster_train_one_model(make: Make, models: Path) -> None:
    base = contents(models / "tiny")
    bench, told = make("two", gpus=2), Told()
    model = Path(bench.run(told))
    assert told.data("plan")["processes"] == 2
    assert told.data("workers")["machines"] == {"127.0.0.1": 2}
    used = told.data("training")
    assert (used["processes"], used["model"]) == (2, "DistributedDataParallel")
    losses = told.metrics["train.loss"]
    assert [*losses] == [*range(1, 25)]
    assert losses[24] < losses[1] / 2
    assert model.parent == bench.folder
    adapter = load_file(model / "adapter_model.safetensors")
    assert any(weights.any() for name, weights in adapter.items() if "lora_B" in name)
    assert contents(models / "tiny") == base
    assert bench.on_cluster() == ["SUCCEEDED"]


def test_a_restarted_service_follows_the_existing_job(make: Make) -> None:
    bench = make("again", gpus=2, n_epochs=6)
    first, _ = bench.cancelled("training", SERVICE_ENDS)
    assert bench.on_cluster() == ["RUNNING"]
    second = Told()
    assert Path(bench.run(second)).is_dir()
    assert bench.on_cluster() == ["SUCCEEDED"]
    kinds = [kind for kind, _, _ in first.events + second.events]
    assert kinds.count("plan") == kinds.count("training") == 1
    losses = [first.metrics.get("train.loss", {}), second.metrics["train.loss"]]
    assert sorted(step for each in losses for step in each) == [*range(1, 49)]
    third = Told()
    assert Path(bench.run(third)).is_dir()
    assert (third.events, third.metrics) == ([], {})


def test_a_lost_process_is_restarted_and_resumes(make: Make) -> None:
    bench = make("lost", gpus=2, n_epochs=100)
    killed: list[int] = []

    def kill(told: Told) -> None:
        if told.messages("checkpoint") and not killed:
            killed.append(worker())
            os.kill(killed[0], signal.SIGKILL)

    told = Told(kill)
    assert Path(bench.run(told)).is_dir()
    assert [data["step"] > 0 for kind, _, data in told.events if kind == "training"] == [False, True]


def test_a_job_that_is_cancelled_stops_and_keeps_its_checkpoint(make: Make) -> None:
    bench = make("cancelled", gpus=2, n_epochs=200)
    _, seconds = bench.cancelled("checkpoint")
    assert seconds < 5  # cancellation must take less than 5 seconds
    assert newest(bench.folder, CHECKPOINT)
    assert bench.on_cluster() == ["STOPPED"]
    with pytest.raises(FailedError, match="the Ray job was stopped outside sftc"):
        bench.run(Told())


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        (
            "many",
            {"gpus": 3, "substitutes": False},
            "`compute.gpu_count`: the config asks for 3 processes, but there are 2 cores",
        ),
        (
            "split",
            {"parallelism": {"tensor_parallel_size": 2}},
            ("`hyperparameters.parallelism.tensor_parallel_size`: it is 2, but the trainer supports only 1"),
        ),
        (
            "long",
            {"sequence_length": 1000},
            "`hyperparameters.sequence_length`: it is 1,000, but the model reads 256 tokens",
        ),
    ],
)
def test_a_job_that_cannot_run_reports_why(
    make: Make, name: str, settings: dict[str, Any], reason: str
) -> None:
    bench = make(name, **settings)
    with pytest.raises(FailedError) as error:
        bench.run(Told())
    assert reason in str(error.value)
    assert bench.on_cluster() == ["FAILED"]


def test_an_unreachable_cluster_is_reported(apart: None, tmp_path: Path, models: Path) -> None:
    bench = Bench("http://127.0.0.1:1", tmp_path / "none", models, payload())
    with pytest.raises(FailedError, match=r"the Ray cluster at http://127.0.0.1:1 rejected the job"):
        bench.run(Told())
