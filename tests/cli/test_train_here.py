"""`sftc train` and `sftc chat` with the example config, on this machine."""

import json
import os
import re
import shutil
import signal
import socket
from pathlib import Path

import pytest
from safetensors import safe_open

from support import tiny_model
from support.program import Program, processes, rest, told
from support.training_jobs import contents, rows
from support.waiting import eventually

FASTER = {
    "learning_rate = 2e-4": "learning_rate = 5e-3",
    "sequence_length = 4096": "sequence_length = 256",
    "eval_steps = 20": "eval_steps = 6",
}
"""Replacements that adapt the example to a tiny model and few rows."""
FILES = {"train.jsonl": rows(64), "val.jsonl": rows(16)}


@pytest.fixture
def sftc(sftc_program: str, root: Path, folder: Path) -> Program:
    """Return the command, in a folder with the example, its rows and its model."""
    text = (root / "examples/lora.toml").read_text(encoding="utf-8")
    for old, new in FASTER.items():
        assert old in text
        text = text.replace(old, new)
    Path("lora.toml").write_text(text)
    tiny_model.write(folder / "models/Qwen/Qwen3-4B")
    return Program(sftc_program)


TRAIN = ["train", "--type", "sft", "--config", "lora.toml", "--backend", "local", "--models-dir", "models"]


@pytest.mark.slow
def test_the_example_trains_locally_and_changes_the_answers(sftc: Program, tmp_path: Path) -> None:
    base = contents(tmp_path / "models/Qwen/Qwen3-4B")
    code, out, said = sftc(*TRAIN)
    assert code == 5
    failed = out.strip()
    code, out, refused = sftc("chat", failed)
    assert code == 1
    assert f"Error: {failed} has no model; its status is failed: the job cannot run as configured" in refused
    assert "`compute.gpu_type`: it is H100, but this machine does not have a GPU" in said

    code, out, said = sftc(*TRAIN, "--allow-substitutions")
    assert code == 0, said
    job = out.strip()
    assert "sftc: deviation: `compute.gpu_type`: it is H100" in said
    assert "training: steps 24, step 0, device cpu, processes 1" in said
    first, last = map(float, re.findall(r"train.loss ([\d.]+) [▁-█]{24} ([\d.]+)", said)[0])
    assert last < first / 2

    body = json.loads(sftc("jobs", "show", job, "--backend", "local")[1])
    model = Path(body["fine_tuned_model"])
    with safe_open(model / "adapter_model.safetensors", "pt") as weights:
        assert {name.rsplit(".", 2)[1] for name in weights.keys()} == {"lora_A", "lora_B"}  # noqa: SIM118  not a dict
    card = (model / "README.md").read_text(encoding="utf-8")
    assert "`compute.gpu_type`: it is H100" in card
    assert contents(tmp_path / "models/Qwen/Qwen3-4B") == base

    points = [line.split("\t") for line in sftc("jobs", "metrics", job, "--backend", "local")[1].splitlines()]
    assert [int(step) for name, step, _ in points if name == "train.loss"] == [*range(1, 25)]
    assert [int(step) for name, step, _ in points if name == "val.loss"] == [6, 12, 18, 24]

    code, out, said = sftc("chat", job, "--prompt", "3 + 4?")
    assert code == 0, said
    before, after = (re.search(rf"^{when} +(.*)$", out, re.MULTILINE) for when in ("before", "after"))
    assert before
    assert after
    assert before[1] != after[1]
    assert re.fullmatch(r"\d+\.", after[1])

    code, out, said = sftc("export", job, "--merge", "--output", "merged", "--dtype", "bf16")
    assert (code, out) == (0, "merged\n"), said
    assert "asking it 8 prompts" in said
    code, out, said = sftc("chat", "merged", "--prompt", "3 + 4?")
    assert code == 0, said
    assert re.fullmatch(r"after +\d+\.\n", out)

    shutil.move(tmp_path / "models", tmp_path / "elsewhere")
    code, out, said = sftc("chat", job, "--prompt", "3 + 4?")
    assert (code, out) == (1, "")
    assert "was not found" in said


@pytest.mark.slow
def test_a_command_does_not_wait_for_a_killed_embedded_service(sftc: Program) -> None:
    Path("lora.toml").write_text(Path("lora.toml").read_text().replace("n_epochs = 3", "n_epochs = 10_000"))
    with sftc.started(*TRAIN, "--allow-substitutions") as run:
        assert run.stdout
        job = run.stdout.readline().strip()
        told(run, "training: steps")
        with sftc.started("jobs", "follow", job) as other:
            told(other, "training: steps")
            [service] = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text(encoding="ascii").split()
            os.kill(int(service), signal.SIGKILL)
            for process, command in ((run, "train"), (other, "jobs follow")):
                code, _, said = rest(process)
                assert code == 4
                assert f"the embedded service has ended; to follow it, run: sftc {command}" in said
    _, listed, said = sftc("jobs", "list")  # starts its own service, which runs no jobs
    assert listed.splitlines()[1].split()[1] == "queued"
    assert "already running" not in said
    Path("lora.toml").write_text(Path("lora.toml").read_text().replace("n_epochs = 10_000", "n_epochs = 1"))
    with sftc.started(*TRAIN, "--allow-substitutions") as run:
        told(run, f"waits for {job}: `sftc jobs cancel` removes one")


@pytest.mark.slow
def test_commands_share_the_embedded_service_until_the_last_one_ends(sftc: Program, tmp_path: Path) -> None:
    Path("lora.toml").write_text(Path("lora.toml").read_text().replace("n_epochs = 3", "n_epochs = 10_000"))
    train = [*TRAIN, "--allow-substitutions"]
    with sftc.started(*train) as first:
        told(first, "training: steps")  # it has started the service
        with sftc.started(*train) as second:
            assert first.stdout
            assert second.stdout
            job = first.stdout.readline().strip()
            assert second.stdout.readline().strip() == job

            code, _, said = sftc(*TRAIN)
            assert code == 2
            assert re.search(
                r"is already running, with --models-dir \S+/models --allow-substitutions: pass the same", said
            )
            code, _, said = sftc("submit", "payload.json", "--dataset", "train.jsonl")
            assert code == 2
            assert "ends with the commands that use it: end them and run `sftc serve`" in said

            first.send_signal(signal.SIGINT)
            code, _, said = rest(first)
            assert code == 130
            assert f"{job} stops unless another command uses the service; to resume, run: sftc train" in said
            code, listed, said = sftc("jobs", "list")
            assert (code, listed.splitlines()[1].split()[:2]) == (0, [job, "running"])
            assert "the embedded service that is already running" in said
            assert sftc("jobs", "cancel", job)[0] == 0
            assert rest(second)[0] == 6
    eventually(lambda: not processes(str(tmp_path / "state")))
    assert sftc("jobs", "list")[1].splitlines()[1].split()[:2] == [job, "cancelled"]


def test_the_ray_engine_and_its_address_need_each_other(sftc: Program) -> None:
    for options in (["--engine", "ray"], ["--address", "127.0.0.1:8265"]):
        code, _, said = sftc("serve", "--port", "0", *options)
        assert code == 2
        assert "--engine ray and --address HOST:PORT need each other" in said


@pytest.mark.measured
def test_a_service_that_cannot_start_says_why(sftc: Program, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, _, said = sftc("serve", "--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert code == 1
    assert f"Error: port {port} of 127.0.0.1 is in use: pass --port with another one, or 0 for" in said
    (tmp_path / "file").touch()
    code, _, said = sftc("serve", "--port", "0", "--data-dir", str(tmp_path / "file"))
    assert (code, said) == (1, f"sftc: {tmp_path / 'file'}: Not a directory\n")


@pytest.mark.measured
def test_chat_without_a_model_is_an_error(sftc: Program) -> None:
    for job, expected, reason in (
        ("job-1", 3, "no such job, and no folder is called job-1"),
        ("../job-1", 2, "'../job-1' is not the id of a job"),
        ("models", 1, "no model in models"),
    ):
        code, out, said = sftc("chat", job)
        assert (code, out) == (expected, "")
        assert reason in said
