"""Trackers get the metrics of a job and what it is; one that fails or hangs does not stop it."""

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from sftc.payload.encoding import digest
from sftc.training import process_exit, tracking
from sftc.training.tracker_kinds import RunRecord, set_up
from support.training_jobs import Bench, Told, contents, settings

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

STEPS = {"hyperparameters": {"max_steps": 3}}


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Restore the variables that trackers set."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def untracked(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the adapter of a job without trackers."""
    return weights(Bench(tmp_path_factory.mktemp("untracked") / "job", models, settings(**STEPS)).train())


def weights(model: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(model).items() if name.endswith(".safetensors")}


def tracked(folder: Path, models: Path, tracker: str, **sections: dict[str, Any]) -> tuple[Path, Told]:
    """Train a job with a tracker, and return its model and what it reported."""
    told = Told()
    job = settings(tracking={"to": [tracker], "project": "sums"}, **STEPS, **sections)
    return Bench(folder, models, job).train(told), told


def test_tensorboard_gets_the_metrics_and_what_the_job_is(
    models: Path, tmp_path: Path, untracked: dict[str, bytes]
) -> None:
    folder, tags = tmp_path / "job", {"team": "research", "git": "0a1b2c3"}
    told = Told()
    job = settings(tracking={"to": ["tensorboard"]}, job={"name": "sums-1"}, tags=tags, **STEPS)
    model = Bench(folder, models, job, git_revision="0123456789" * 4).train(told)
    assert weights(model) == untracked
    place = folder / "tracking/tensorboard"
    assert told.data("tracking") == {"tensorboard": str(place)}
    events = EventAccumulator(str(place))
    events.Reload()
    points = {each.step: each.value for each in events.Scalars("train/loss")}
    assert points == pytest.approx(told.metrics["train.loss"])
    [text] = events.Tensors("sftc/text_summary")
    said = text.tensor_proto.string_val[0].decode()
    payload = Bench(folder, models, {}).work().payload  # as the job has it
    data = told.data("data")["digest"]
    revision = f'"git_revision": "{"0123456789" * 4}"'
    facts = ('"name": "sums-1"', digest(payload), data, '"git": "0a1b2c3"', '"learning_rate": 0.005')
    for fact in (revision, *facts):
        assert fact in said


def fails(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def leaks(*_: object) -> NoReturn:
    raise ConnectionError("no answer from http://me:opensesame@example.org/" + "x" * 1000)


def hangs(*_: object) -> None:
    Event().wait()


@pytest.mark.parametrize(
    ("fault", "step", "reason"),
    [
        (("setitem", sys.modules, "tensorboard", None), 0, "not installed: pip install tensorboard"),
        (("setenv", "TENSORBOARD_LOGGING_DIR", "/dev/null/runs"), 0, "NotADirectoryError: [Errno 20]"),
        (("setattr", SummaryWriter, "add_scalar", fails), 1, "OSError: [Errno 28] No space left on device"),
        (("setattr", SummaryWriter, "add_scalar", leaks), 1, "http://me:open******@example.org/xxx"),
        (("setattr", SummaryWriter, "add_scalar", hangs), 1, "it did not answer within 0.5 seconds"),
        (("setattr", SummaryWriter, "close", fails), 3, "OSError: [Errno 28] No space left on device"),
    ],
)
def test_a_tracker_that_fails_is_a_warning_and_training_continues(  # noqa: PLR0913, PLR0917  cases and fixtures
    models: Path,
    tmp_path: Path,
    untracked: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    fault: tuple[Any, ...],
    step: int,
    reason: str,
) -> None:
    hung = Event()
    monkeypatch.setattr(tracking, "_PATIENCE", 0.5)
    monkeypatch.setattr(process_exit, "_HANGS", hung)
    getattr(monkeypatch, fault[0])(*fault[1:])
    model, told = tracked(tmp_path / "job", models, "tensorboard")
    assert weights(model) == untracked
    [warning] = [said for said in told.messages("warning") if "tracker" in said]
    assert warning.startswith(f"the tracker tensorboard failed at step {step}: ")
    assert reason in warning
    assert len(warning) < 500
    assert warning.endswith(". Training continues without it")
    assert hung.is_set() == ("did not answer" in reason)
    assert len(told.metrics["train.loss"]) == 3


@pytest.mark.parametrize("key", ["", "secret"])
def test_trackers_without_an_account_record_in_the_folder_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_API_KEY", key)
    record = RunRecord("sums-1", "sums", {}, {}, tmp_path / "job-1")
    places = {name: set_up(name, record) for name in ("wandb", "mlflow")}
    assert places == {name: str(tmp_path / "job-1/tracking" / name) for name in places}
    assert os.environ["WANDB_DIR"] == places["wandb"]
    assert os.environ["WANDB_RUN_ID"] == "job-1"  # a job that resumes continues its run
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{places['mlflow']}/mlflow.db"
    assert (os.environ["WANDB_PROJECT"], os.environ["MLFLOW_EXPERIMENT_NAME"]) == ("sums", "sums")
    assert os.environ.get("WANDB_MODE") == (None if key else "offline")


def test_a_place_that_the_person_has_chosen_is_kept_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "http://someone:password@127.0.0.1:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    record = RunRecord("sums-1", "", {}, {}, tmp_path / "job-1")
    assert set_up("mlflow", record) == "$MLFLOW_TRACKING_URI"
    assert os.environ["MLFLOW_TRACKING_URI"] == uri
    assert "MLFLOW_EXPERIMENT_NAME" not in os.environ
    assert not (tmp_path / "job-1/tracking").exists()
