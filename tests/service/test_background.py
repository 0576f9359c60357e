"""Background work under adverse conditions: killed checks, a full disk, a service that ends."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sftc.service.limits import ServiceLimits
from support.services import STEPS, Client, Steps, good, payload, process, refusal, rows, thread
from support.waiting import eventually

DATA = rows(1)


def hindered(folder: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> Path:
    """Kill the first `times` checks at their start. Return a file with one line per started check."""
    program, begun = folder / "python", folder / "begun"
    program.write_text(
        f'#!/bin/sh\necho >> {begun}\n[ "$(wc -l < {begun})" -gt {times} ] || kill -9 $$\n'
        f'exec {sys.executable} "$@"\n'
    )
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    return begun


@pytest.mark.parametrize("times", [1, 2])
def test_a_killed_check_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    begun = hindered(tmp_path, monkeypatch, times)
    with thread(tmp_path / "data") as client:
        assert client.ready(DATA)
    assert begun.read_text() == "\n" * (times + 1)


def test_a_repeatedly_killed_check_fails_until_the_file_is_uploaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with thread(tmp_path / "data") as client:
        with monkeypatch.context() as killed:
            begun = hindered(tmp_path, killed, 100)
            file = client.checked(client.upload(DATA)["id"])
            assert begun.read_text() == "\n" * 3
        assert (file["status"], file["rows"]) == ("failed", None)
        assert "stopped" in file["error"]
        assert file["error"] in refusal(client.create(payload(file["id"])), 400, "training_file_not_ready")
        assert client.ready(DATA) == file["id"]
        broken = client.checked(client.upload(b"{}\n")["id"])
        assert client.upload(b"{}\n") == broken  # the verdict is kept


def test_a_repeatedly_killed_check_runs_again_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed, thread(tmp_path / "data") as client:
        hindered(tmp_path, killed, 100)
        id = client.upload(DATA)["id"]
        assert client.checked(id)["status"] == "failed"
    with thread(tmp_path / "data") as client:
        assert client.checked(id)["status"] == "ready"


def test_a_check_that_cannot_start_fails_until_the_file_is_uploaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with thread(tmp_path) as client:
        with monkeypatch.context() as missing:
            missing.setattr(sys, "executable", str(tmp_path / "nothing"))
            assert client.checked(client.upload(DATA)["id"])["status"] == "failed"
        assert client.ready(DATA)


def test_failed_background_work_is_retried(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    jobs = tmp_path / "jobs"
    with thread(tmp_path, Steps(), ServiceLimits(retry=0.05)) as client:
        file = client.ready(DATA)
        jobs.rmdir()
        id = client.started(file)
        eventually(lambda: "retrying" in caplog.text)
        assert client.job(id)["status"] == "queued"
        jobs.mkdir()
        assert client.once(id)["status"] == "succeeded"


def test_a_cancelled_job_stays_cancelled_even_if_its_executor_does_not_stop(tmp_path: Path) -> None:
    with process(tmp_path, STEPS) as service, Client(service.url) as client:
        file = client.ready(DATA)
        id = client.started(file, end="hold on")
        later = client.started(file)
        client.once(id, "running")
        cancelled = good(client.post(f"/jobs/{id}/cancel"))
        assert cancelled["status"] == "cancelled"
        assert cancelled["finished_at"]
        assert good(client.post(f"/jobs/{id}/cancel")) == client.job(id) == cancelled
        assert client.job(later)["status"] == "queued"
        service.kill()
    with process(tmp_path, STEPS) as service, Client(service.url) as client:
        assert client.once(later)["status"] == "succeeded"
        assert client.job(id) == cancelled


def test_a_job_that_fails_while_the_service_ends_resumes_after_a_restart(tmp_path: Path) -> None:
    with thread(tmp_path, Steps()) as client:
        file = client.ready(DATA)
        jobs = [client.started(file, end="stumble"), client.started(file)]
        client.once(jobs[0], "running")
    with thread(tmp_path, Steps()) as client:
        assert [client.once(id)["status"] for id in jobs] == ["succeeded"] * 2
        attempts = [{"attempt-1", "attempt-2"}, {"attempt-1"}]
        assert [{*os.listdir(tmp_path / "jobs" / id)} for id in jobs] == attempts


LIMITED = ("bash", "-c", 'ulimit -f 2048 && exec "$@"', "limited", *STEPS)


def test_a_full_disk_is_reported_and_confirmed_changes_remain(tmp_path: Path) -> None:
    with process(tmp_path, LIMITED) as service, Client(service.url) as client:
        file = client.ready(DATA)
        large = rows(2, count=40_000)
        assert len(large) > 3 << 20
        for _ in range(2):
            refusal(client.post("/files", files={"file": large}), 507, "no_space")
            assert [*(tmp_path / "incoming").iterdir()] == []
        kept = 0
        while (answer := client.create(payload(file, text="x" * 500_000))).status_code == 201:
            kept += 1
        for _ in range(2):
            refusal(answer, 507, "no_space")
            answer = client.create(payload(file, text="x" * 500_000))
        assert len(client.listed("/jobs")) == kept > 0
    with process(tmp_path, STEPS) as service, Client(service.url) as client:
        assert len(client.listed("/jobs")) == kept
        assert client.once(client.started(file))["status"] == "succeeded"
    with closing(sqlite3.connect(tmp_path / "service.db")) as known:
        assert known.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
