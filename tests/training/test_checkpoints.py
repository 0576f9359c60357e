"""Checkpoints: complete or not there, and an earlier one if the newest is damaged."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from sftc.training import checkpoints
from sftc.training.checkpoints import BEST, CHECKPOINT, SEAL
from support.small_disk import needs_namespaces, small
from support.training_jobs import Bench, Told, contents, rows, settings

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def made(parent: Path, *steps: int) -> None:
    """Write sealed checkpoints."""
    for step in steps:
        folder = parent / f"{CHECKPOINT}{step}"
        (folder / "deep").mkdir(parents=True)
        (folder / "weights").write_bytes(bytes([step]) * 100)
        (folder / "deep/state").write_bytes(b"state")
        checkpoints.seal(folder, {"loss": step / 2})


def test_a_sealed_folder_is_found_with_its_notes(tmp_path: Path) -> None:
    made(tmp_path, 2, 10, 9)
    found = checkpoints.newest(tmp_path, CHECKPOINT)
    assert found == (tmp_path / "checkpoint-10", 10, {"loss": 5.0})
    assert checkpoints.newest(tmp_path, BEST) is None


@property_settings(max_examples=25)
@given(at=st.integers(0, 99), how=st.sampled_from(["flip", "cut", "delete", "grow", "seal", "no seal"]))
def test_a_damaged_folder_is_passed_over_and_said_so(
    tmp_path_factory: pytest.TempPathFactory, at: int, how: str
) -> None:
    parent = tmp_path_factory.mktemp("damaged")
    made(parent, 1, 2)
    file = parent / "checkpoint-2/weights"
    whole = file.read_bytes()
    match how:
        case "flip":
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        case "cut":
            file.write_bytes(whole[:at])
        case "grow":
            file.write_bytes(whole + b"0")
        case "delete":
            file.unlink()
        case "seal":
            (parent / "checkpoint-2" / SEAL).write_bytes(b"{")
        case _:
            (parent / "checkpoint-2" / SEAL).unlink()  # the process ended before it was complete
    said: list[str] = []
    found = checkpoints.newest(parent, CHECKPOINT, said.append)
    assert found
    assert found.step == 1
    assert len(said) == (how != "no seal")
    assert all(each.startswith("checkpoint-2 is damaged (") for each in said)


def test_old_and_incomplete_folders_are_deleted(tmp_path: Path) -> None:
    made(tmp_path, 1, 2, 3)
    (tmp_path / "checkpoint-4").mkdir()
    (tmp_path / "checkpoint-x").mkdir()
    checkpoints.keep_newest(tmp_path, CHECKPOINT, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-2", "checkpoint-3", "checkpoint-x"}


def test_every_file_is_on_the_disk_before_the_seal(tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-1/weights").write_bytes(b"w")
    folder = str(tmp_path / "checkpoint-1")
    program = f"from pathlib import Path; import sftc.training.checkpoints as c; c.seal(Path({folder!r}))"
    command = ["strace", "-y", "-e", "trace=fsync,rename", sys.executable, "-c", program]
    traced = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    order = [
        line for line in traced.splitlines() if line.startswith(("fsync", "rename")) and str(tmp_path) in line
    ]
    places = [
        next(at for at, line in enumerate(order) if part in line)
        for part in ("weights>", "seal.json.part>", "rename")
    ]
    assert places == sorted(places)


def test_a_job_resumes_from_the_checkpoint_before_a_damaged_one(models: Path, tmp_path: Path) -> None:
    sections = {"training.checkpoints": {"every_steps": 2}, "hyperparameters": {"max_steps": 6}}
    bench = Bench(tmp_path / "job", models, settings(**sections))
    expected = contents(bench.train())
    shutil.rmtree(bench.folder / "model")
    weights = bench.folder / "checkpoint-6/adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    told = Told()
    assert contents(bench.train(told)) == expected
    assert told.messages("checkpoint")[0] == (
        "checkpoint-6 is damaged (adapter_model.safetensors has changed) and is not used"
    )
    assert told.data("training")["step"] == 4
    assert not checkpoints.newest(bench.folder, CHECKPOINT) or contents(bench.folder / "checkpoint-6")


CONFIG = """
schema_version = 2
[job]
model = "tiny"
data = "train.jsonl"
[compute]
gpu_type = "CPU"
[training]
mode = "lora"
[training.checkpoints]
every_steps = 1
keep = 100
[hyperparameters]
learning_rate = 5e-3
per_device_batch = 8
"""
TRAIN = "sftc train --type sft --config job.toml --backend local --models-dir models"
FULL = f"""
mkdir state && mount -t tmpfs -o size=3m none state
{TRAIN}; echo status $?
mount -o remount,size=100m state
{TRAIN}; echo status $?
"""
"""The same command twice: the first time on a disk with little room. Nobody else sees the disk."""


PROGRAM = """
import subprocess, sys
from pathlib import Path
from sftc.service.executor import FailedError
from support.training_jobs import Bench, Told, settings

subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", "disk"], check=True)
sections = {"training.checkpoints": {"every_steps": 1, "keep": 100}}
bench = Bench(Path("disk/job"), Path(sys.argv[1]), settings(**sections))
try:
    bench.train()
except FailedError as error:
    print(error.resumes, error)
print(sorted(path.name for path in bench.folder.glob("checkpoint-*")))
subprocess.run(["mount", "-o", "remount,size=100m", "disk"], check=True)
told = Told()
print(bench.train(told), told.data("training")["step"])
"""


@pytest.mark.slow
@needs_namespaces
def test_a_full_disk_fails_the_job_with_what_to_do(models: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", PROGRAM, str(models)]
    done = small(command, tmp_path, PYTHONPATH=path, PYTHONWARNINGS="ignore")
    assert done.returncode == 0, done.stderr
    said = "".join(line for line in done.stdout.splitlines(keepends=True) if not line.startswith("{"))
    found = re.search(
        r"^True the disk is full: checkpoint-(\d+) could not be saved in disk/job\. Free space there, and "
        r"run the same command again: the job continues from checkpoint-(\d+) in disk/job\n",
        said,
    )
    assert found, said
    failed, last = map(int, found.groups())
    assert failed == last + 1
    assert f"checkpoint-{failed}'" not in said
    assert said.endswith(f"disk/job/model {last}\n")


@pytest.mark.skipif("SOAK" not in os.environ, reason="`make soak`: it takes half a minute")
def test_the_same_command_continues_a_job_that_filled_the_disk(
    models: Path, own_folder: Path, sftc_program: str
) -> None:
    shutil.copytree(models / "tiny", "models/tiny")
    Path("job.toml").write_text(CONFIG)
    Path("train.jsonl").write_text(rows(64))
    programs = f"{Path(sftc_program).parent}:{os.environ['PATH']}"
    state = str(own_folder / "state")
    done = small(["sh", "-c", FULL], own_folder, PATH=programs, XDG_STATE_HOME=state)
    first, second = done.stdout.split("status ")[1:]
    assert (first[0], second[0]) == ("5", "0"), done.stderr
    before, _, after = done.stderr.partition("creating a new job")
    assert re.search(r"failed: the disk (of the service )?is full: .* run the same command again", before)
    assert "continues job-" in after
    assert re.search(r"training: steps 8, step [1-7],", after)
