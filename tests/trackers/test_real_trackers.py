"""Weights & Biases, trackio and MLflow themselves: what they have of a job, and what their faults do to it.

Each job trains in a process of its own, as users' jobs do.
"""

import json
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sftc.payload.encoding import digest
from support.training_jobs import Bench, Told, contents, settings, workers

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow, which this reads with

STEPS = {"max_steps": 3}
TAGS = {"team": "research: größe", "git": "0a1b2c3"}
NAMES = ["wandb", "trackio", "mlflow"]
COMMIT = "0123456789" * 4


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log out of all accounts."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [each for each in os.environ if each.startswith(("WANDB_", "MLFLOW_", "TRACKIO_"))]:
        monkeypatch.delenv(name)


def tracked(folder: Path, models: Path, *trackers: str, **hyperparameters: int) -> Bench:
    job = settings(
        job={"name": "sums-1"},
        tracking={"to": [*trackers], "project": "sums"},
        tags=TAGS,
        hyperparameters=STEPS | hyperparameters,
    )
    return Bench(folder, models, job, git_revision=COMMIT)


def warnings(told: Told) -> list[str]:
    return [said for said in told.messages("warning") if "tracker" in said]


def in_wandb(folder: Path) -> str:
    """Return what the file of an offline run has, as text: a log of records in blocks of 32 KiB."""
    [file] = folder.glob("wandb/offline-run-*/*.wandb")
    data, at, text = file.read_bytes(), 7, b""
    while at + 7 < len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        size = int.from_bytes(data[at + 4 : at + 6], "little")
        text += data[at + 7 : at + 7 + size]
        at += 7 + size
    return text.decode("utf-8", "replace")


def in_trackio(folder: Path) -> tuple[str, dict[str, Any], list[float]]:
    with closing(sqlite3.connect(folder / "sums.db")) as database:
        [(name, config)] = database.execute("SELECT run_name, config FROM configs")
        points = [json.loads(each) for (each,) in database.execute("SELECT metrics FROM metrics ORDER BY id")]
    return name, json.loads(config)["sftc"], [each["train/loss"] for each in points if "train/loss" in each]


def in_mlflow(uri: str) -> Any:
    """Return the only run."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    [experiment] = [each for each in client.search_experiments() if each.name == "sums"]
    [run] = client.search_runs([experiment.experiment_id])
    return run


def test_each_tracker_gets_the_metrics_and_what_the_job_is(models: Path, tmp_path: Path) -> None:
    told = Told()
    bench = tracked(tmp_path / "job", models, *NAMES)
    model = Path(bench.run(told))
    places = {name: bench.folder / "tracking" / name for name in NAMES}
    assert told.data("tracking") == {name: str(place) for name, place in places.items()}
    assert not warnings(told)
    losses = [*told.metrics["train.loss"].values()]
    payload = bench.work().payload
    facts = {
        "git_revision": COMMIT,
        "payload_digest": digest(payload),
        "training_digest": told.data("data")["digest"],
    }

    said = in_wandb(places["wandb"])
    for text in (*facts.values(), "sums-1", "git:0a1b2c3", f'"git":"{TAGS["git"]}"', '"learning_rate":0.005'):
        assert text in said
    for loss in losses:
        assert str(loss) in said

    name, record, points = in_trackio(places["trackio"])
    assert name == "sums-1"
    assert record == {**facts, "job": "job", "payload": payload, "tags": TAGS}
    assert points == losses

    run = in_mlflow(f"sqlite:///{places['mlflow']}/mlflow.db")
    assert (run.info.run_name, run.info.status) == ("sums-1", "FINISHED")
    assert run.data.tags.items() >= {**TAGS, "mlflow.source.name": "sftc"}.items()
    git = {name: value for name, value in run.data.tags.items() if "source.git" in name}
    assert git == {"mlflow.source.git.commit": COMMIT}  # and not that of the trainer
    assert run.data.params["sftc.payload_digest"] == facts["payload_digest"]
    assert run.data.params["sftc.payload.hyperparameters.learning_rate"] == "0.005"
    assert run.data.metrics["loss"] == losses[-1]

    without = Path(tracked(tmp_path / "without", models).run(Told()))
    name = "adapter_model.safetensors"
    assert contents(model)[name] == contents(without)[name]


def test_a_job_that_resumes_continues_its_run(models: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_once(told: Told) -> None:
        if told.messages("checkpoint") and not killed:
            killed.extend(workers(tmp_path / "job"))
            os.kill(killed[0], signal.SIGKILL)

    told = Told(kill_once)
    bench = tracked(tmp_path / "job", models, "mlflow", "trackio", max_steps=6)
    bench.run(told)
    assert told.messages("restart")
    assert not warnings(told)
    run = in_mlflow(f"sqlite:///{bench.folder}/tracking/mlflow/mlflow.db")
    assert (run.info.status, run.data.metrics["loss"]) == ("FINISHED", told.metrics["train.loss"][6])
    assert in_trackio(bench.folder / "tracking/trackio")[2][-1] == told.metrics["train.loss"][6]


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("is_up", [False, True], ids=["refuses", "never-answers"])
def test_a_server_that_is_down_is_a_warning(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: str, *, is_up: bool
) -> None:
    address = silent if is_up else "http://127.0.0.1:9"
    monkeypatch.setenv("WANDB_BASE_URL", address)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    told = Told()
    tracked(tmp_path / "job", models, "wandb", "mlflow", "trackio").run(told)
    failed = {each["tracker"] for kind, _, each in told.events if kind == "warning" and "tracker" in each}
    assert failed == {"wandb", "mlflow"}
    assert len(told.metrics["train.loss"]) == 3
    assert [*told.data("tracking")] == ["trackio"]
    assert "0" * 40 not in json.dumps(told.events)
