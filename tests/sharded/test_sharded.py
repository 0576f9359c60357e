"""Models sharded over processes with DeepSpeed and FSDP, on CPUs."""

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sftc.training.machine import PACKAGES, Machine
from sftc.training.reporter import Reporter
from sftc.training.run_job import prepare_job
from support import tiny_model
from support.training_jobs import Bench, Told, payload, workers

GPUS = Machine("cuda", ("NVIDIA H100",) * 2, True, frozenset(PACKAGES))
FSDP = {"fsdp": True}
STAGES = [{"use_deepspeed": True, "deepspeed_stage": stage} for stage in range(4)]
EVALUATES = {
    "evaluation_strategy": "steps",
    "eval_steps": 6,
    "save_best_model_at_end": True,
    "metric_for_best_model": "val.loss",
}
KINDS = ("LoRA", "LoRA in 4 bits", "all weights")

Weights = dict[str, torch.Tensor]
Make = Callable[..., Bench]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return a function that makes a job of two processes, planned for a machine with two GPUs."""
    folder = tmp_path_factory.mktemp("sharded")
    tiny_model.write(folder / "tiny")

    def made(kind: str, samples: dict[str, Any] | None = None, **parallelism: bool | int) -> Bench:
        job = payload(2, parallelism=parallelism)
        job["metadata"]["effective_config"]["training"]["use_qlora"] = kind != "all weights"
        job["hyperparameters"] |= EVALUATES
        if samples:
            job["metadata"]["schema_version"] = 2
            mode = {"LoRA": "lora", "LoRA in 4 bits": "qlora", "all weights": "full"}[kind]
            job["metadata"]["effective_config"]["training"] |= {"mode": mode, "samples": samples}
        bench = Bench(folder / f"job-{len(list(folder.iterdir()))}", folder, job, validation=19)
        packages = GPUS.packages - (set() if kind == "LoRA in 4 bits" else {"bitsandbytes"})
        prepare_job(bench.work(), GPUS._replace(packages=frozenset(packages)), Reporter(io.StringIO()))
        return bench

    return made


@pytest.fixture(scope="module")
def whole(make: Make) -> dict[str, tuple[Told, Weights]]:
    """Return the result of each kind of training if each process has a full copy of the model."""
    return {kind: trained(make(kind)) for kind in KINDS}


@pytest.fixture(autouse=True)
def _fsdp_on_cpu(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "FSDP" in request.node.name:
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "fsdp_on_cpu"))


def trained(bench: Bench, each: Callable[[Told], None] = lambda told: None) -> tuple[Told, Weights]:
    told = Told(each)
    [file] = Path(bench.run(told)).glob("*.safetensors")
    return told, load_file(file)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("parallelism", "wrapper"),
    [(FSDP, "FSDP"), *((stage, "DeepSpeedEngine") for stage in STAGES)],
    ids=["FSDP", *(f"DeepSpeed {stage['deepspeed_stage']}" for stage in STAGES)],
)
def test_sharded_training_gives_the_same_weights_as_full_copies(
    make: Make,
    whole: dict[str, tuple[Told, Weights]],
    kind: str,
    parallelism: dict[str, bool | int],
    wrapper: str,
) -> None:
    reference, expected = whole[kind]
    told, weights = trained(make(kind, **parallelism))
    assert told.data("training")["model"].startswith(wrapper)
    assert told.data("training")["processes"] == 2
    for name in ("train.loss", "val.loss"):
        assert told.metrics[name] == pytest.approx(reference.metrics[name], rel=1e-3)
    assert weights.keys() >= expected.keys()
    assert all(torch.allclose(weights[name], expected[name], atol=1e-3) for name in expected)


@pytest.mark.parametrize("kind", ["LoRA", "all weights"])
@pytest.mark.parametrize(
    "parallelism", [{}, FSDP, STAGES[2], STAGES[3]], ids=["DDP", "FSDP", "ZeRO 2", "ZeRO 3"]
)
def test_a_sharded_model_answers_without_disturbing_the_run(
    make: Make, kind: str, parallelism: dict[str, bool | int]
) -> None:
    samples = {"prompts": ["3 + 4?", "1 + 1?"], "every_steps": 4, "max_tokens": 8}
    _, expected = trained(make(kind, **parallelism))
    told, weights = trained(make(kind, samples, **parallelism))
    assert {data["step"] for event, _, data in told.events if event == "sample"} == {*range(0, 25, 4)}
    assert not [said for said in told.messages("warning") if "samples" in said]
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parallelism", [FSDP, STAGES[3]], ids=["FSDP", "DeepSpeed 3"])
def test_a_killed_sharded_job_resumes(make: Make, kind: str, parallelism: dict[str, bool | int]) -> None:
    _, expected = trained(make(kind, bf16=True, **parallelism))
    bench = make(kind, bf16=True, **parallelism)

    def kill(told: Told) -> None:
        if told.events[-1][1] == "saved after step 6":
            os.kill(max(workers(bench.folder)), signal.SIGKILL)

    told, weights = trained(bench, kill)
    assert told.messages("restart") == ["the training process was killed (SIGKILL)"]
    assert told.data("training")["step"] == 6
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
