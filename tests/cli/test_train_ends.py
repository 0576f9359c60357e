"""How `sftc train` ends: its exit codes, interruptions, and what is left behind."""

import os
import random
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

from sftc.backend.executor import Executor
from submission_helpers import (
    KEY,
    Answer,
    Embedded,
    Waits,
    closing_database,
    embedded,
    isolate,
    nothing_listens,
    odd_service,
    until,
)
from submission_lines import Passing, line
from submission_program import CONFIG, Program, processes, rest, told
from training_files import GOOD

TRAIN = ["train", "--config", "config.toml", "--poll-interval", "0.05"]
KILLS = 50 if os.environ.get("SOAK") else 10
STAGES = ["before it is sent", "half of it is sent", "before its answer", "after its answer"]
MOMENTS = [(number, stage) for number, stage in product(range(1, 11), STAGES)]
"""When a client may be killed: at one of its first requests, and where in it."""

random.Random(5).shuffle(MOMENTS)  # noqa: S311  it is no secret


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text(GOOD)
    Path("config.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def sftc(sftc_program: str) -> Program:
    return Program(sftc_program)


@pytest.fixture(scope="module", autouse=True)
def in_vain(sftc_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    """Start a client of a service that is not there; it tries for half a minute, while others run."""
    folder = tmp_path_factory.mktemp("in-vain")
    with pytest.MonkeyPatch.context() as patch, nothing_listens() as url:
        isolate(patch, folder)
        patch.chdir(folder)
        Path("rows.jsonl").write_text(GOOD)
        Path("config.toml").write_text(CONFIG)
        with Program(sftc_program, url).started(*TRAIN) as process:
            patch.undo()
            yield process


@contextmanager
def serving(
    sftc: Program, folder: Path, executor: Executor | None = None
) -> Iterator[tuple[Program, Embedded]]:
    with embedded(folder / "data", executor) as service:
        yield sftc.at(service.url), service


@contextmanager
def serve(sftc: Program, folder: Path) -> Iterator[Program]:
    """Run the service as a person does: `sftc serve`."""
    with sftc.started("serve", "--port", "0", "--data-dir", str(folder / "data"), "--token", KEY) as process:
        assert process.stdout
        yield sftc.at(process.stdout.readline().removeprefix("Listening on ").strip())
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in rest(process)[2]


def test_a_job_that_succeeds(sftc: Program, folder: Path) -> None:
    with serving(sftc, folder) as (live, service):
        code, out, errors = live(*TRAIN)
        [job] = service.jobs()
    assert (code, out) == (0, f"{job['id']}\n"), errors
    assert f"sftc: {job['id']} succeeded: ft-m\n" in errors
    for text in ("sftc: succeeded\n", "sftc: note: half of it is done\n", "sftc: step 3: train.loss 1\n"):
        assert errors.count(text) == 1


def test_a_service_of_an_installation_that_cannot_train(sftc: Program, folder: Path) -> None:
    with serve(sftc, folder) as live:
        code, job, errors = live(*TRAIN, "--no-poll")
        assert (code, errors) == (0, "sftc: file rows.jsonl: 10 rows, 931 bytes\n")
        until(lambda: "failed" in live("jobs", "list")[1])
        code, other, errors = live(*TRAIN)
        assert code == 5
        assert f"sftc: {job.strip()} ended as failed: this is another try\n" in errors
        assert f"sftc: {other.strip()} failed: this installation cannot train: pip install 'sftc[" in errors


def test_a_wrong_key_is_refused(sftc: Program, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTH_API_KEY", f"{KEY}-of-another")
    with serving(sftc, folder) as (live, service):
        code, out, errors = live(*TRAIN)
        assert (code, out) == (3, "")
        assert (
            "sftc: the service refuses with HTTP 401 `unauthorized`: the token is missing or wrong (req"
            in errors
        )
        assert service.files() == []


def test_a_job_that_takes_too_long_runs_on(sftc: Program, folder: Path) -> None:
    with serving(sftc, folder, Waits()) as (live, service):
        code, _, errors = live(*TRAIN, "--poll-timeout", "0.1")
        [job] = service.jobs()
        assert code == 4
        assert f"sftc: {job['id']} has not ended after 0 s; it may still run\n" in errors
        assert job["status"] in {"queued", "running"}


def test_a_service_that_does_not_speak_the_contract_is_out_of_reach(sftc: Program) -> None:
    with odd_service([Answer({"hello": "you"})]) as service:
        code, out, errors = sftc.at(service.url)(*TRAIN)
    assert (code, out) == (4, "")
    assert errors.endswith("sftc: the service answers without `id`\n")


def test_a_job_that_is_cancelled_from_elsewhere(sftc: Program, folder: Path) -> None:
    with serving(sftc, folder, Waits()) as (live, service), live.started(*TRAIN) as process:
        told(process, "sftc: running\n")
        [job] = service.jobs()
        assert live("jobs", "cancel", job["id"])[0] == 0
        code, out, errors = rest(process)
        assert (code, out) == (6, f"{job['id']}\n")
        assert errors.endswith(f"sftc: cancelled\nsftc: {job['id']} was cancelled\n")


@pytest.mark.parametrize("command", ["train", "jobs follow"])
def test_ctrl_c_leaves_the_job_running_and_says_how_to_come_back(
    sftc: Program, folder: Path, command: str
) -> None:
    with (
        serving(sftc, folder, waits := Waits()) as (live, service),
        odd_service([Answer({}, 400)]) as other,
    ):
        start = TRAIN
        if command == "jobs follow":
            start = ["jobs", "follow", live(*TRAIN, "--no-poll")[1].strip(), "--poll-interval", "0.05"]
        elsewhere = sftc.at(other.url)  # which the environment names, and the flag overrides
        with elsewhere.started(*start, "--backend", service.url) as process:
            told(process, "sftc: running\n")
            os.killpg(process.pid, signal.SIGINT)
            code, out, errors = rest(process)
        [job] = service.jobs()
        assert (code, out) == (130, f"{job['id']}\n" if command == "train" else "")
        assert "Traceback" not in errors
        assert job["status"] == "running"
        again = errors.partition(f"sftc: {job['id']} runs on; come back with: ")[2].splitlines()[0]
        waits.done = True
        assert shlex.split(again)[0] == "sftc"
        code, _, errors = elsewhere(*shlex.split(again)[1:])
        assert code == 0, f"{again}\n{errors}"
        assert len(service.jobs()) == 1


def test_the_embedded_service_goes_with_the_command(sftc: Program, folder: Path) -> None:
    data = str(folder / "state/sftc/service")
    code, job, errors = sftc(*TRAIN, "--backend", "local")
    assert code == 5
    assert f"sftc: using the embedded service of this machine, in {data}\n" in errors
    assert f"sftc: {job.strip()} failed: this installation cannot train" in errors
    assert processes(data) == []
    assert job.strip() in sftc("jobs", "list")[1]
    assert processes(data) == []


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_embedded_service_goes_with_the_command_however_that_ends(
    sftc: Program, folder: Path, stop: signal.Signals
) -> None:
    data = str(folder / "state/sftc/service")
    try:
        with sftc.started(*TRAIN) as process:
            told(process, "sftc: file rows.jsonl: ")  # and now it waits for the file to be checked
            assert processes(data)
            os.killpg(process.pid, stop)
            process.wait(60)
            until(lambda: not processes(data), 10)
        assert stop != signal.SIGINT or process.returncode == 130
    finally:
        for left in processes(data):
            os.kill(left, signal.SIGKILL)


def test_a_look_at_the_jobs_does_not_disturb_a_job_that_runs_here(sftc: Program, folder: Path) -> None:
    """The service of this machine runs for `train`, and `jobs list` without a --backend wants one, too."""
    with embedded(folder / "state/sftc/service", Waits()) as service:
        live = sftc.at(service.url)
        live(*TRAIN, "--no-poll")
        until(lambda: service.jobs()[0]["status"] == "running")
        sftc("jobs", "list")
        assert [job["status"] for job in service.jobs()] == ["running"]


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_client_that_is_killed_is_healed_by_the_next(sftc: Program, folder: Path, seed: int) -> None:
    process: subprocess.Popen[str] | None = None

    def kill() -> None:
        if process and process.poll() is None:
            process.send_signal(signal.SIGKILL)

    def carry(passing: Passing) -> bytes | None:
        if seed >= len(MOMENTS) or passing.number != MOMENTS[seed][0]:
            return passing.ask()
        stage, request = STAGES.index(MOMENTS[seed][1]), passing.whole()
        if stage == 1:
            passing.send(request[: len(request) // 2])
        answer = passing.ask() if stage > 1 else None
        if stage == 3:
            threading.Timer(0.01, kill).start()
            return answer
        kill()
        return None

    with serving(sftc, folder) as (_, service), line(service.url, carry) as way:
        with sftc.at(way.url).started(*TRAIN) as process:
            if seed >= len(MOMENTS):  # at any moment from its start to its end
                threading.Timer(random.Random(seed).uniform(0, 2.5), kill).start()  # noqa: S311  as above
            process.wait(60)
        code, out, errors = sftc.at(way.url)(*TRAIN)
        assert code == 0, errors
        assert [f"{job['id']}\n" for job in service.jobs()] == [out]
        assert len(service.files()) == 1
        until(lambda: not [*(folder / "data/incoming").iterdir()])
    for journal in (folder / "state/sftc").glob("*.db"):
        with closing_database(journal) as db:
            assert [f"{row['id']}\n" for row in db.execute("SELECT id FROM jobs")] == [out]


def test_a_service_that_is_not_there_is_out_of_reach(in_vain: "subprocess.Popen[str]") -> None:
    code, out, errors = rest(in_vain)
    assert (code, out) == (4, "")
    assert errors.count("; trying again in ") == 6
    assert "does not answer as it should: ConnectError: " in errors.splitlines()[-1]
