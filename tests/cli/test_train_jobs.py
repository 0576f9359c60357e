"""`sftc jobs` and `sftc submit` with the embedded service and with odd services."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from sftc.cli.jobs_command import jobs_command
from support.backends import Answer, Asked, Embedded, Waits, embedded, odd_service
from support.environment import KEY
from support.program import CONFIG, Program
from support.training_files import BROKEN, GOOD, row
from support.waiting import eventually

TRAIN = ["train", "--config", "config.toml", "--poll-interval", "0.05"]
SUBMIT = ["submit", "payload.json", "--dataset", "rows.jsonl"]


pytestmark = pytest.mark.measured
FILES = {"rows.jsonl": GOOD, "config.toml": CONFIG, "other.jsonl": row(11), "broken.jsonl": GOOD + BROKEN}


@pytest.fixture
def service(folder: Path) -> Iterator[Embedded]:
    with embedded(folder / "data") as service:
        yield service


@pytest.fixture
def sftc(sftc_program: str, service: Embedded) -> Program:
    return Program(sftc_program, service.url)


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_jobs_are_listed_shown_followed_and_plotted(sftc: Program, service: Embedded) -> None:
    assert sftc("jobs", "list") == (0, "no jobs\n", "")
    job = sftc(*TRAIN)[1].strip()
    other = sftc(*TRAIN, "--model", "M", "--no-poll")[1].strip()
    eventually(lambda: [each["status"] for each in service.jobs()] == ["succeeded"] * 2)
    code, table, errors = sftc("jobs", "list")
    assert (code, errors) == (0, "")
    assert words(table)[0] == ["job", "status", "model", "created", "fine-tuned", "model"]
    assert [(*row[:3], row[4]) for row in words(table)[1:]] == [
        (other, "succeeded", "M", "ft-m"),
        (job, "succeeded", "m", "ft-m"),
    ]
    code, body, errors = sftc("jobs", "show", job)
    assert (code, errors) == (0, "")
    assert (json.loads(body)["job_id"], json.loads(body)["fine_tuned_model"]) == (job, "ft-m")
    code, out, errors = sftc("jobs", "follow", job)
    assert (code, out) == (0, "")
    assert errors.count("sftc: note: half of it is done\n") == 1
    assert errors.count("step 3: train.loss 1\n") == 1
    assert f"sftc: {job} succeeded: ft-m\n" in errors
    assert sftc("jobs", "cancel", job)[:2] == (0, f"{job}: succeeded\n")
    table = "train.loss\t1\t3.0\ntrain.loss\t2\t1.5\ntrain.loss\t3\t1.0\n"
    assert sftc("jobs", "metrics", job) == (0, table, "")
    for name, start in {"a.svg": b"<?xml", "b.png": b"\x89PNG"}.items():
        assert sftc("jobs", "metrics", job, "--plot", name) == (0, "", "")
        assert Path(name).read_bytes().startswith(start)
    code, _, errors = sftc("jobs", "metrics", job, "--plot", "a.pdf")
    assert code == 2
    assert "--plot writes .svg or .png" in errors


def test_a_cancelled_job_stays_cancelled(sftc_program: str, folder: Path) -> None:
    with embedded(folder / "data", Waits()) as service:
        sftc = Program(sftc_program, service.url)
        job = sftc(*TRAIN, "--no-poll")[1].strip()
        assert sftc("jobs", "metrics", job) == (0, "", "")
        assert sftc("jobs", "metrics", job, "--plot", "a.svg") == (1, "", f"{job} has no metrics\n")
        code, out, _ = sftc("jobs", "cancel", job)
        assert code == 0
        assert out.startswith(f"{job}: ")
        eventually(lambda: [each["status"] for each in service.jobs()] == ["cancelled"])
        assert sftc("jobs", "cancel", job)[:2] == (0, f"{job}: cancelled\n")
        code, _, errors = sftc("jobs", "follow", job)
        assert (code, errors) == (6, f"sftc: cancelled\nsftc: {job} was cancelled\n")
    assert not Path("a.svg").exists()


@pytest.mark.parametrize("command", ["show", "follow", "cancel", "metrics"])
def test_an_unknown_job_is_an_error(sftc: Program, command: str) -> None:
    code, out, errors = sftc("jobs", command, "job-1")
    assert (code, out) == (3, "")
    assert (
        "sftc: the service refused the request: HTTP 404 `unknown_job`: no such job (request req-" in errors
    )


@pytest.mark.parametrize(
    "name", ["../files/file-1", "job-1/start", "job-1?limit=1", "", "job 1", "\N{DIGIT ONE}é"]
)
def test_an_invalid_job_id_is_not_sent(sftc_program: str, name: str) -> None:
    with odd_service([Answer({"status": "succeeded"})]) as service:
        code, out, errors = Program(sftc_program, service.url)("jobs", "cancel", name)
    assert (code, out) == (2, "")
    assert "is not the id of a job" in errors
    assert service.asked == []


def test_other_field_names_of_a_service_are_understood(sftc_program: str) -> None:
    job = {"job_id": "job-1", "state": "running", "model": "m"}

    def answers(asked: Asked) -> Answer:
        return Answer({"jobs": [job]} if asked.path.endswith("limit=100") else job)

    with odd_service(answers) as service:
        sftc = Program(sftc_program, service.url)
        assert words(sftc("jobs", "list")[1])[1] == ["job-1", "running", "m", "-", "-"]
        assert sftc("jobs", "cancel", "job-1")[1] == "job-1: running\n"
        assert json.loads(sftc("jobs", "show", "job-1")[1]) == job


def test_control_characters_from_a_service_are_escaped(sftc_program: str) -> None:
    odd = {"job_id": "job-1", "status": "\x1b[2J", "model": "\ud800", "loss": 10**40, "note": float("inf")}

    def answers(asked: Asked) -> Answer:
        return Answer({"jobs": [odd, "text"]} if asked.path.endswith("limit=100") else odd)

    with odd_service(answers) as service:
        sftc = Program(sftc_program, service.url)
        for arguments in (["list"], ["show", "job-1"], ["cancel", "job-1"]):
            code, out, errors = sftc("jobs", *arguments)
            assert (code, errors) == (0, "")
            assert "\x1b" not in out


@pytest.mark.parametrize(
    "points", [None, "text", [1, {}, {"name": "a"}, {"name": "a", "step": 1, "value": 2.0}]]
)
def test_malformed_metrics_are_skipped(sftc_program: str, points: object) -> None:
    with odd_service([Answer({"points": points})]) as service:
        code, out, errors = Program(sftc_program, service.url)("jobs", "metrics", "job-1")
    assert (code, errors) == (0, "")
    assert out == ("a\t1\t2.0\n" if isinstance(points, list) else "")


def test_metrics_without_end_are_read_up_to_a_limit(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sftc.cli.jobs_command._PAGES", 5)
    steps = count()

    def endless(asked: Asked) -> Answer:
        return Answer({"points": [{"name": "a", "step": next(steps), "value": 1.0}]})

    with odd_service(endless) as service:
        jobs_command(["metrics", "job-1", "--backend", service.url], standalone_mode=False)
        assert len(service.asked) == 5
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 5
    assert "the metrics of job-1 do not end; these are the first 5 points" in shown.err


def test_a_payload_from_a_file_or_a_pipe_is_submitted_once(sftc: Program, service: Embedded) -> None:
    payload = sftc("compile", "config.toml")[1]
    Path("payload.json").write_text(payload)
    code, job, errors = sftc(*SUBMIT)
    assert (code, errors) == (0, "sftc: file rows.jsonl: 10 rows, 931 bytes\n")
    for again in (sftc("submit", "-", *SUBMIT[2:], stdin=payload), sftc(*TRAIN)):
        assert again[:2] == (0, job)
        assert f"this was submitted before as {job.strip()}: attaching to it" in again[2]
    [made] = service.jobs()
    assert f"{made['id']}\n" == job
    assert made["status"] == "succeeded"
    code, other, _ = sftc(*SUBMIT, "--validation", "other.jsonl", "--idempotency", "mine")
    assert code == 0
    assert [each["id"] for each in service.jobs()] == [job.strip(), other.strip()]
    assert service.jobs()[1]["idempotency_key"] == "mine"
    assert (
        len(
            json.loads(service.jobs()[1]["payload"])["metadata"]["effective_config"]["data"][
                "validation_files"
            ]
        )
        == 1
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "payload.json is not JSON"),
        ("{", "payload.json is not JSON"),
        ("[]", "payload.json is not a compiled payload"),
        ("{}", "payload.json is not a compiled payload"),
        ('{"model": 1}', "payload.json is not a compiled payload"),
        (CONFIG, "payload.json is not JSON"),
    ],
)
def test_an_invalid_payload_is_not_sent(sftc_program: str, text: str, said: str) -> None:
    Path("payload.json").write_text(text)
    with odd_service([Answer({}, 400)]) as service:
        code, out, errors = Program(sftc_program, service.url)(*SUBMIT)
    assert (code, out) == (1, "")
    assert said in errors
    assert service.asked == []


def test_errors_stop_the_submission_of_a_payload(sftc: Program, service: Embedded) -> None:
    payload = sftc("compile", "config.toml")[1]
    Path("payload.json").write_text(payload)
    code, out, errors = sftc("submit", "payload.json", "--dataset", "broken.jsonl")
    assert (code, out) == (1, "")
    assert "broken.jsonl:11:13: error[row-not-json]" in errors
    code, out, errors = sftc("submit", "absent.json", "--dataset", "rows.jsonl")
    assert (code, out) == (1, "")
    assert "absent.json: error[unreadable-file]" in errors
    code, out, errors = sftc("submit", "payload.json")
    assert (code, out) == (2, "")
    assert sftc(*SUBMIT, "--backend", "local")[0] == 2
    assert service.files() == []
    values = json.loads(payload)
    values["metadata"]["effective_config"]["compute"] = {}
    Path("payload.json").write_text(json.dumps(values))
    code, out, errors = sftc(*SUBMIT)
    assert (code, out) == (1, "")
    assert errors == (
        "sftc: `compute.gpu_type` is missing: the service refuses the job with HTTP 400 `missing_gpu_type`\n"
        "sftc: nothing was sent (--no-preflight sends it)\n"
    )
    assert service.files() == []
    code, out, errors = sftc(*SUBMIT, "--no-preflight")
    assert (code, out) == (3, "")
    assert "sftc: the service refused the request: HTTP 400 `missing_gpu_type`: " in errors
    assert service.jobs() == []


NEWER = f'schema_version = 2\n{CONFIG}\n[tags]\nteam = "research"\n[hyperparameters]\nmax_steps = 5\n'


def test_a_payload_is_not_sent_to_a_service_that_would_ignore_keys_of_it(sftc_program: str) -> None:
    Path("newer.toml").write_text(NEWER)
    Path("payload.json").write_text(Program(sftc_program)("compile", "newer.toml")[1])
    with odd_service([Answer({"openapi": "3.0.3"}), Answer({}, 400)]) as service:
        sftc = Program(sftc_program, service.url)
        code, out, errors = sftc(*SUBMIT)
        assert (code, out) == (1, "")
        assert "version 2 of the payload, and will ignore `hyperparameters.max_steps`, `tags`\n" in errors
        assert "nothing was sent (--no-preflight sends it)" in errors
        assert sftc(*SUBMIT, "--no-preflight")[0] == 3
    paths = [asked.path for asked in service.asked]
    assert paths == ["/api/openapi.json", "/api/learning/files"]


def test_a_service_that_takes_the_version_gets_the_payload(sftc: Program, service: Embedded) -> None:
    Path("newer.toml").write_text(NEWER)
    Path("payload.json").write_text(sftc("compile", "newer.toml")[1])
    code, _, errors = sftc(*SUBMIT)
    assert code == 0, errors
    [job] = service.jobs()
    assert json.loads(job["payload"])["metadata"]["schema_version"] == 2


def test_a_wrong_api_key_is_not_printed(sftc: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTH_API_KEY", f"wrong-{KEY}")
    code, out, errors = sftc("jobs", "list")
    assert (code, out) == (3, "")
    assert "HTTP 401 `unauthorized`" in errors


def test_an_idempotency_key_of_another_order_is_refused(sftc: Program, folder: Path) -> None:
    mine = [*TRAIN, "--no-poll", "--idempotency", "mine"]
    job = sftc(*mine)[1].strip()
    code, out, errors = sftc(*mine, "--model", "M")
    assert (code, out) == (2, "")
    assert errors == (
        f"sftc: the idempotency key mine belongs to {job}, which has another payload or other files:"
        " pass another key with --idempotency\n"
    )
    (folder / "state").rename(folder / "lost")
    code, out, errors = sftc(*mine, "--model", "M")
    assert (code, out) == (3, "")
    assert "sftc: the service refused the request: HTTP 409 `idempotency_conflict`: " in errors
    assert " (the idempotency key is mine: pass another one with --idempotency) (request req-" in errors
    assert sftc(*mine)[:2] == (0, f"{job}\n")


def test_an_unusable_journal_is_reported(sftc: Program, folder: Path) -> None:
    sftc("jobs", "list")
    for path in (folder / "state/sftc").glob("*.db*"):
        path.write_text("no journal" * 1000)
    code, out, errors = sftc("jobs", "list")
    assert (code, out) == (1, "")
    assert errors.startswith(f"sftc: the journal in {folder / 'state/sftc'} cannot be used: ")


def test_an_unusable_proxy_is_reported(sftc: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1")
    code, _, errors = sftc.at("https://example.org")("jobs", "list")
    assert code == 2
    assert "Error: ALL_PROXY is not the URL of a proxy: " in errors
