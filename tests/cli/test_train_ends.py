"""How `sftc train` ends: exit codes, interruptions, and leftover files and processes.

It is killed at six moments by default, at fifty with the environment variable SOAK=1. SEED=N
selects other moments.
"""

import gzip
import json
import os
import pty
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

from sftc.service.executor import Executor
from support.backends import (
    Answer,
    Asked,
    Embedded,
    Waits,
    closing_database,
    embedded,
    nothing_listens,
    odd_service,
)
from support.environment import KEY, isolate, write_files
from support.lossy_proxy import Passing, line
from support.orders import Hosted
from support.program import CONFIG, Program, awaited, processes, rest, told
from support.training_files import GOOD
from support.waiting import eventually

TRAIN = ["train", "--config", "config.toml", "--poll-interval", "0.05"]
SOAK = bool(os.environ.get("SOAK"))
SEED = os.environ.get("SEED", "")
STAGES = ["before it is sent", "half of it is sent", "before its answer", "after its answer"]
REQUESTS = [
    "POST /api/learning/files",
    "GET /api/learning/files/ID",
    "POST /api/learning/jobs",
    "POST /api/learning/jobs/ID/start",
    "GET /api/learning/jobs/ID",
    "GET /api/learning/jobs/ID/events",
]
MOMENTS: list[tuple[str, str | float]] = [
    ("POST /api/learning/files", "half of it is sent"),
    ("POST /api/learning/files", "after its answer"),
    ("POST /api/learning/jobs", "before it is sent"),
    ("POST /api/learning/jobs", "before its answer"),
    ("POST /api/learning/jobs", "after its answer"),
    ("POST /api/learning/jobs/ID/start", "before its answer"),
]
"""When the client is killed: a request and a stage of it, or seconds after the start."""

if SOAK:
    chance = random.Random(f"kills {SEED}")  # noqa: S311  not a secret
    MOMENTS = [
        *product(REQUESTS, STAGES),
        *(("at any time", round(chance.uniform(0, 2.5), 3)) for _ in range(26)),
    ]


FILES = {"rows.jsonl": GOOD, "config.toml": CONFIG}


@pytest.fixture(scope="module", autouse=True)
def in_vain(sftc_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    """Start a client of a service that does not run. It retries for 30 seconds, while other tests run."""
    folder = tmp_path_factory.mktemp("in-vain")
    with pytest.MonkeyPatch.context() as patch, nothing_listens() as url:
        isolate(patch, folder)
        patch.chdir(folder)
        write_files(folder, FILES)
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
    """Run `sftc serve`."""
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


@pytest.mark.slow
def test_a_service_that_cannot_run_the_job(sftc: Program, folder: Path) -> None:
    with serve(sftc, folder) as live:
        code, job, errors = live(*TRAIN, "--no-poll")
        assert (code, errors) == (0, "sftc: file rows.jsonl: 10 rows, 931 bytes\n")
        eventually(lambda: "failed" in live("jobs", "list")[1])
        code, other, errors = live(*TRAIN)
        assert code == 5
        assert f"sftc: {job.strip()} ended as failed: creating a new job\n" in errors
        assert f"sftc: {other.strip()} failed: " in errors


def test_a_wrong_key_is_refused(sftc: Program, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTH_API_KEY", f"{KEY}-of-another")
    with serving(sftc, folder) as (live, service):
        code, out, errors = live(*TRAIN)
        assert (code, out) == (3, "")
        assert (
            "sftc: the service refused the request: HTTP 401 `unauthorized`: the token is missing or wrong"
            " (req" in errors
        )
        assert service.files() == []


def test_a_job_that_takes_too_long_keeps_running(sftc: Program, folder: Path) -> None:
    with serving(sftc, folder, Waits()) as (live, service):
        code, _, errors = live(*TRAIN, "--poll-timeout", "0.1")
        [job] = service.jobs()
        assert code == 4
        assert (
            f"sftc: {job['id']} did not end within 0.1 s; it may still be running; to follow it, run: "
            in errors
        )
        assert job["status"] in {"queued", "running"}


def test_a_service_with_other_responses_is_unreachable(sftc: Program) -> None:
    with odd_service([Answer({"hello": "you"})]) as service:
        code, out, errors = sftc.at(service.url)(*TRAIN)
    assert (code, out) == (4, "")
    assert errors.endswith("sftc: the response of the service has no `id`\n")


def test_a_job_that_another_command_cancels(sftc: Program, folder: Path) -> None:
    with serving(sftc, folder, Waits()) as (live, service), live.started(*TRAIN) as process:
        told(process, "sftc: running\n")
        [job] = service.jobs()
        assert live("jobs", "cancel", job["id"])[0] == 0
        code, out, errors = rest(process)
        assert (code, out) == (6, f"{job['id']}\n")
        assert errors.endswith(f"sftc: cancelled\nsftc: {job['id']} was cancelled\n")


@pytest.mark.parametrize("command", ["train", "jobs follow"])
def test_ctrl_c_leaves_the_job_running_and_prints_the_command_to_follow_it(
    sftc: Program, folder: Path, command: str
) -> None:
    with (
        serving(sftc, folder, waits := Waits()) as (live, service),
        odd_service([Answer({}, 400)]) as other,
    ):
        start = TRAIN
        if command == "jobs follow":
            start = ["jobs", "follow", live(*TRAIN, "--no-poll")[1].strip(), "--poll-interval", "0.05"]
        elsewhere = sftc.at(other.url)  # set in the environment, and overridden by the flag
        with elsewhere.started(*start, "--backend", service.url) as process:
            told(process, "sftc: running\n")
            os.killpg(process.pid, signal.SIGINT)
            code, out, errors = rest(process)
        [job] = service.jobs()
        assert (code, out) == (130, f"{job['id']}\n" if command == "train" else "")
        assert "Traceback" not in errors
        assert job["status"] == "running"
        again = errors.partition(f"sftc: {job['id']} keeps running; to follow it, run: ")[2].splitlines()[0]
        waits.done = True
        assert shlex.split(again)[0] == "sftc"
        code, _, errors = elsewhere(*shlex.split(again)[1:])
        assert code == 0, f"{again}\n{errors}"
        assert len(service.jobs()) == 1


def test_a_new_job_may_be_unknown_for_a_moment(sftc: Program) -> None:
    """`sftc jobs follow` does not wait for it."""
    hosted, missing = Hosted(), [Answer({}, 404)] * 3

    def slow(asked: Asked) -> Answer:
        if asked.path.endswith("job-1") and missing:
            return missing.pop()
        hosted.jobs.get("job-1", {})["status"] = "Done"
        return hosted(asked)

    with odd_service(slow) as service:
        code, out, errors = sftc.at(service.url)(*TRAIN)
        assert (code, out) == (0, "job-1\n"), errors
        assert errors.count("the service does not know job-1 yet; still trying") == 1
        assert sftc.at(service.url)("jobs", "follow", "job-2")[0] == 3


def test_ctrl_c_before_the_job_exists_prints_the_command_to_resume(sftc: Program) -> None:
    def slow(asked: Asked) -> Answer:
        return Answer({"id": "file-1", "status": "processing"})

    with odd_service(slow) as service, sftc.at(service.url).started(*TRAIN) as process:
        eventually(lambda: len(service.asked) > 1)
        os.killpg(process.pid, signal.SIGINT)
        code, out, errors = rest(process)
    assert (code, out) == (130, "")
    assert f"sftc: interrupted; to resume, run: sftc {shlex.join(TRAIN)}\n" in errors
    assert "Traceback" not in errors


def test_a_terminal_shows_the_last_metrics_on_one_line(sftc: Program, folder: Path) -> None:
    with serving(sftc, folder) as (live, _):
        job = live(*TRAIN)[1].strip()
        main, terminal = pty.openpty()
        with awaited(
            subprocess.Popen(
                [live.path, "jobs", "follow", job], stdin=terminal, stderr=terminal, env=live.environment()
            )
        ) as process:
            os.close(terminal)
            assert process.wait(60) == 0
        shown = os.read(main, 1 << 16).decode()
        os.close(main)
    clear = "\r\x1b[2K"
    assert f"{clear}sftc: note: half of it is done" in shown
    assert f"{clear}step 2: train.loss 1.5{clear}step 3: train.loss 1{clear}sftc: " in shown
    assert "sftc: \x1b[1msucceeded\x1b[0m" in shown


@pytest.mark.measured
def test_the_embedded_service_ends_with_the_command(sftc: Program, folder: Path) -> None:
    data = str(folder / "state/sftc/service")
    code, job, errors = sftc(*TRAIN, "--backend", "local")
    assert code == 5
    assert f"sftc: using the embedded service, in {data}\n" in errors
    assert f"sftc: {job.strip()} failed: " in errors
    assert processes(data) == []
    with closing_database(folder / "state/sftc/service/service.db") as database:
        [(content,)] = database.execute("SELECT content FROM provenance WHERE job = ?", (job.strip(),))
    assert json.loads(content)["files"][0]["path"] == "config.toml"
    assert job.strip() in sftc("jobs", "list")[1]
    assert processes(data) == []


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_embedded_service_ends_if_the_command_is_killed(
    sftc: Program, folder: Path, stop: signal.Signals
) -> None:
    data = str(folder / "state/sftc/service")
    try:
        with sftc.started(*TRAIN) as process:
            told(process, "sftc: file rows.jsonl: ")  # now it waits until the file is checked
            assert processes(data)
            os.killpg(process.pid, stop)
            process.wait(60)
            eventually(lambda: not processes(data), 10)
        assert stop != signal.SIGINT or process.returncode == 130
    finally:
        for left in processes(data):
            os.kill(left, signal.SIGKILL)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_copy_of_the_rows(
    sftc: Program, folder: Path, stop: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(GOOD.encode()))
    (folder / "val.jsonl.gz").write_bytes(gzip.compress(GOOD.encode()))
    (folder / "config.toml").write_text(f'{CONFIG}[data]\nvalidation_path = "val.jsonl.gz"\n')
    with (
        embedded(folder / "data", Waits()) as service,
        sftc.at(service.url).started(*TRAIN, "--dataset", "rows.jsonl.gz") as process,
    ):
        eventually(lambda: service.jobs() and service.jobs()[0]["status"] == "running")
        assert len([*temporary.glob("*/*.jsonl")]) == 2
        process.send_signal(stop)
        assert process.wait(60) == (130 if stop == signal.SIGINT else -stop)
    assert [*temporary.iterdir()] == []


def test_listing_jobs_does_not_interrupt_a_local_job(sftc: Program, folder: Path) -> None:
    """`jobs list` without `--backend` uses the embedded service that `train` is running."""
    with embedded(folder / "state/sftc/service", Waits()) as service:
        live = sftc.at(service.url)
        live(*TRAIN, "--no-poll")
        eventually(lambda: service.jobs()[0]["status"] == "running")
        sftc("jobs", "list")
        assert [job["status"] for job in service.jobs()] == ["running"]


@pytest.mark.parametrize(("request_", "stage"), MOMENTS)
def test_the_next_run_recovers_from_a_killed_client(
    sftc: Program, folder: Path, request_: str, stage: str | float
) -> None:
    process: subprocess.Popen[str] | None = None

    def kill() -> None:
        if process and process.poll() is None:
            process.send_signal(signal.SIGKILL)

    def carry(passing: Passing) -> bytes | None:
        is_over = process is not None and process.poll() is not None
        if is_over or passing.request != request_ or stage not in STAGES:
            return passing.ask()
        at, request = STAGES.index(str(stage)), passing.whole()
        if at == 1:
            passing.send(request[: len(request) // 2])
        answer = passing.ask() if at > 1 else None
        if at == 3:
            threading.Timer(0.01, kill).start()
            return answer
        kill()
        return None

    with serving(sftc, folder) as (_, service), line(service.url, carry) as way:
        with sftc.at(way.url).started(*TRAIN) as process:
            if isinstance(stage, float):
                threading.Timer(stage, kill).start()
            process.wait(60)
        code, out, errors = sftc.at(way.url)(*TRAIN)
        assert code == 0, errors
        assert [f"{job['id']}\n" for job in service.jobs()] == [out]
        assert len(service.files()) == 1
        eventually(lambda: not [*(folder / "data/incoming").iterdir()])
    journals = [*(folder / "state/sftc").glob("*.db")]
    assert journals
    for journal in journals:
        with closing_database(journal) as db:
            assert [f"{row['job']}\n" for row in db.execute("SELECT job FROM orders")] == [out]


def test_a_service_that_does_not_run_is_unreachable(in_vain: "subprocess.Popen[str]") -> None:
    code, out, errors = rest(in_vain)
    assert (code, out) == (4, "")
    assert errors.count("; retrying in ") == 6
    last = errors.splitlines()[-1]
    assert "no valid response from http" in last
    assert ": ConnectError: " in last
