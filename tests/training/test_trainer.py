"""The local executor, with real processes and a tiny model."""

import asyncio
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import set_peft_model_state_dict
from safetensors.torch import load_file

from sftc.service.executor import FailedError
from sftc.training.base_model import find_base_model
from sftc.training.job_spec import ExecutorOptions
from sftc.training.machine import out_of_memory, probe
from sftc.training.make_plan import UnsupportedJobError
from sftc.training.reporter import Reporter
from sftc.training.run_job import prepare_job
from sftc.training.tokens import TokenRows
from sftc.training.trainable import build_trainable
from support.program import awaited
from support.training_jobs import Bench, Told, contents, payload, token_loss, workers
from support.waiting import eventually

EVALUATED = {
    "evaluation_strategy": "steps",
    "eval_steps": 7,
    "save_best_model_at_end": True,
    "metric_for_best_model": "val.loss",
}


def prepared(bench: Bench, models: Path) -> Any:
    """Return the model that a job trains, as it is before."""
    plan = prepare_job(bench.work(), probe(), Reporter(io.StringIO()))
    return build_trainable(plan, find_base_model("tiny", models, download=False)).model


@pytest.mark.measured
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_a_killed_job_gives_the_same_bytes_and_two_processes_give_the_same_loss(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "3")  # as if the service runs in one process of a cluster job
    base = contents(models / "tiny")
    whole, told = Bench(tmp_path / "whole", models, payload()), Told()
    model = Path(whole.run(told))
    losses = told.metrics["train.loss"]
    assert losses[24] < losses[1] / 2
    assert {"train.learning_rate", "train.tokens_per_second", "train.grad_norm"} <= told.metrics.keys()

    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # coverage measures only the first run
    killed = Bench(tmp_path / "killed", models, payload())

    def kill(told: Told) -> None:
        if told.events[-1][1] == "saved after step 3":
            os.kill(workers(killed.folder)[0], signal.SIGKILL)

    again = Told(kill)
    other = Path(killed.run(again))
    assert again.messages("restart") == ["the training process was killed (SIGKILL)"]
    assert again.data("training")["step"] >= 3
    assert contents(other) == contents(model)
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "README.md"} <= contents(
        model
    ).keys()
    together, evaluated = Told(), payload(2, **EVALUATED)
    spread = Bench(tmp_path / "together", models, evaluated, validation=9)
    made = spread.run(together)
    best = prepared(spread, models)
    set_peft_model_state_dict(best, load_file(Path(made) / "adapter_model.safetensors"))
    truth = token_loss(best, TokenRows(spread.folder / "validation"))
    assert min(together.metrics["val.loss"].values()) == pytest.approx(truth, rel=1e-5)
    assert (told.data("training")["processes"], together.data("training")["processes"]) == (1, 2)
    assert together.data("training")["model"] == "DistributedDataParallel"
    assert together.metrics["train.loss"] == pytest.approx(losses, rel=0.1)
    assert contents(models / "tiny") == base


@pytest.mark.slow
@pytest.mark.parametrize("gpus", [1, 2])
def test_a_job_that_is_cancelled_stops_and_keeps_its_checkpoint(
    tmp_path: Path, models: Path, gpus: int
) -> None:
    bench = Bench(tmp_path / "job", models, payload(gpus, n_epochs=10_000))

    async def cancelled() -> float:
        saved = asyncio.Event()
        told = Told(lambda told: saved.set() if told.messages("training") else None)
        running = asyncio.create_task(bench.begin(told))
        await saved.wait()
        begin = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return time.monotonic() - begin

    assert asyncio.run(cancelled()) < 5  # cancellation must take less than 5 seconds
    eventually(lambda: not workers(bench.folder))


@pytest.mark.slow
def test_processes_do_not_outlive_the_service(tmp_path: Path, models: Path) -> None:
    bench = Bench(tmp_path / "job", models, payload(2, n_epochs=10_000))
    program = f"from support import training_jobs; training_jobs.run({str(bench.folder)!r}, {str(models)!r})"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with awaited(
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    ) as service:
        assert service.stdout
        assert service.stdout.readline() == b"training\n"
        assert len(workers(bench.folder)) == 3
        service.kill()
    eventually(lambda: not workers(bench.folder))


@pytest.mark.skipif("SOAK" not in os.environ, reason="`make soak`: it takes half a minute")
def test_a_job_resumes_if_one_of_its_processes_is_killed(tmp_path: Path, models: Path) -> None:
    bench = Bench(tmp_path / "job", models, payload(2))

    def kill(told: Told) -> None:
        if told.events[-1][1] == "saved after step 6":
            os.kill(max(workers(bench.folder)), signal.SIGKILL)

    told = Told(kill)
    assert (Path(bench.run(told)) / "adapter_model.safetensors").exists()
    assert told.messages("restart") == ["the training process was killed (SIGKILL)"]
    assert told.data("training")["step"] >= 3


def test_a_job_that_cannot_run_reports_why(tmp_path: Path, models: Path) -> None:
    spread = payload(parallelism={"tensor_parallel_size": 2})
    with pytest.raises(FailedError, match=r"parallelism.tensor_parallel_size`: it is 2"):
        Bench(tmp_path / "job", models, spread).run(Told())


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (payload() | {"model": "no/such"}, "`job.model`: the model no/such was not found"),
        (
            payload(sequence_length=1000),
            "`hyperparameters.sequence_length`: it is 1,000, but the model reads 256",
        ),
        (
            payload(sequence_length=4),
            "`hyperparameters.sequence_length`: no row has an answer within 4 tokens",
        ),
    ],
)
def test_missing_models_and_unusable_lengths_are_reported(
    tmp_path: Path, models: Path, job: dict[str, Any], reason: str
) -> None:
    bench = Bench(tmp_path / "job", models, job)
    with pytest.raises(FailedError, match=reason):
        prepare_job(bench.work(), probe(), Reporter(io.StringIO()))


def test_a_plan_with_substitutes_is_kept_only_if_they_are_allowed(tmp_path: Path, models: Path) -> None:
    bench = Bench(tmp_path / "job", models, payload())
    plan = prepare_job(bench.work(), probe(), Reporter(io.StringIO()))
    assert plan.deviations
    assert prepare_job(bench.work(), probe(), Reporter(io.StringIO())) == plan
    strict = bench.work()._replace(options=ExecutorOptions(str(models)))
    with pytest.raises(UnsupportedJobError):
        prepare_job(strict, probe(), Reporter(io.StringIO()))


def test_a_broken_model_is_reported(tmp_path: Path, models: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(models / "tiny", broken)
    bench = Bench(tmp_path / "job", models, payload() | {"model": str(broken)})
    plan = prepare_job(bench.work(), probe(), Reporter(io.StringIO()))
    for name in ("model.safetensors", "config.json"):
        (broken / name).write_bytes(b"{")
        with pytest.raises(FailedError, match=r"`job.model`: the model in .* cannot be loaded: "):
            build_trainable(plan, find_base_model(str(broken), None, download=False))
    (bench.folder / "plan.json").unlink()
    for path in (models / "tiny").iterdir():
        if not path.name.startswith("tokenizer"):
            shutil.copy(path, broken)
        else:
            (broken / path.name).unlink()
    with pytest.raises(
        FailedError, match=r"`job.model`: the model in .* (has no tokenizer|cannot be loaded)"
    ):
        prepare_job(bench.work(), probe(), Reporter(io.StringIO()))
    (broken / "config.json").write_bytes(b"{")
    with pytest.raises(FailedError, match=r"`job.model`: the model in .* cannot be loaded: "):
        prepare_job(bench.work(), probe(), Reporter(io.StringIO()))
    (broken / "config.json").unlink()
    with pytest.raises(
        FailedError, match=r"`job.model`: the folder .*broken has no model: neither config.json"
    ):
        prepare_job(bench.work(), probe(), Reporter(io.StringIO()))


def test_truncated_rows_and_deviations_are_reported(tmp_path: Path, models: Path) -> None:
    bench, told = Bench(tmp_path / "job", models, payload(sequence_length=29)), io.StringIO()
    plan = prepare_job(bench.work(), probe(), Reporter(told))
    events = [json.loads(line)["event"] for line in told.getvalue().splitlines()]
    [data] = [data for kind, _, data in events if kind == "data"]
    assert (data["read"], data["rows"], data["empty"]) == (64, 64, 0)
    assert 0 < data["cut"] < 64
    assert f"{data['cut']} rows are cut to length" in next(text for kind, text, _ in events if kind == "data")
    assert [text for kind, text, _ in events if kind == "deviation"] == plan.deviations != []
    rows = TokenRows(bench.folder / "training")
    assert len(rows) == 64
    assert max(len(rows[at]["input_ids"]) for at in range(64)) == 29


def test_the_advice_for_out_of_memory_names_settings_to_lower() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(1 << 55)
    assert "hyperparameters.per_device_batch" in (out_of_memory(error.value) or "")
    assert out_of_memory(RuntimeError("something else")) is None
