"""`sftc train` before the job runs: input, dry run, and errors that stop it."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from support.backends import Answer, Embedded, OddService, Succeeds, embedded, odd_service
from support.program import CONFIG, Program, awaited
from support.training_files import BROKEN, GOOD, row

LISTENER = """
import sys
def hear(event, arguments):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}:
        sys.stderr.write(f"network: {event}\\n")
sys.addaudithook(hear)
from sftc.cli.main import main
main()
"""
QUICK = ["--poll-interval", "0.05"]


pytestmark = pytest.mark.measured
FILES = {
    "rows.jsonl": GOOD,
    "sub/other.jsonl": row(11) + row(12),
    "broken.jsonl": GOOD + BROKEN,
    "config.toml": CONFIG,
    "validated.toml": f'{CONFIG}\n[data]\nvalidation_path = "sub/other.jsonl"\n',
    "nameless.toml": CONFIG.replace('data = "rows.jsonl"\n', ""),
    "gpuless.toml": CONFIG.replace('gpu_type = "H100"\n', ""),
    "tableless.toml": CONFIG.partition("[compute]")[0],
    "wrong.toml": CONFIG.replace('"m"', '""'),
}


@pytest.fixture
def silent() -> Iterator[OddService]:
    """Return a service that must not receive a request."""
    with odd_service([Answer({}, 400)]) as service:
        yield service
    assert service.asked == []


@pytest.fixture
def service(folder: Path) -> Iterator[Embedded]:
    with embedded(folder / "data", Succeeds()) as service:
        yield service


@pytest.fixture
def sftc(sftc_program: str, silent: OddService) -> Program:
    """Return the command for a service that must not receive a request."""
    return Program(sftc_program, silent.url)


@pytest.fixture
def live(sftc_program: str, service: Embedded) -> Program:
    return Program(sftc_program, service.url)


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("backend", [None, "https://example.invalid", "local"])
def test_a_dry_run_prints_the_plan_and_sends_nothing(
    sftc: Program, folder: Path, monkeypatch: pytest.MonkeyPatch, backend: str | None
) -> None:
    monkeypatch.delenv("SYNTH_API_KEY")
    arguments = ["train", "--type", "sft", "--config", "validated.toml", "--dry-run"]
    arguments += ["--backend", backend] if backend else []
    run = subprocess.run(
        [sys.executable, "-c", LISTENER, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=sftc.environment(),
    )
    assert (run.returncode, run.stdout) == sftc("compile", "validated.toml")[:2]
    assert "network: " not in run.stderr
    root = {None: sftc.url, "local": "(the embedded service) /api"}.get(backend, f"{backend}/api")
    plan = words(run.stderr)
    data = (folder / "rows.jsonl").read_bytes()
    assert f"training rows.jsonl 10 rows {len(data)} bytes sha256:{sha256(data).hexdigest()}" in plan
    assert any(text.startswith("validation sub/other.jsonl 2 rows ") for text in plan)
    asked = [text for text in plan if text.startswith(("POST ", "GET "))]
    assert [text.partition(f" {root}/learning/")[::2] for text in asked][:3] == [
        ("POST", "files training"),
        ("POST", "files validation"),
        ("GET", "files/ID until ready"),
    ]
    assert asked[3].startswith(f"POST {root}/learning/jobs Idempotency-Key: sftc-")
    puts = [text for text in plan if text.startswith("PUT ")]
    assert puts == [f"PUT {root}/learning/jobs/ID/provenance the config"] * (backend == "local")
    assert plan[-1] == "Nothing was sent."
    assert not (folder / "state/sftc").exists()


def test_a_dry_run_for_programs_is_valid_by_its_schema(sftc: Program, folder: Path) -> None:
    code, out, said = sftc("train", "--config", "validated.toml", "--dry-run", "--format", "json")
    assert (code, said) == (0, "")
    plan = json.loads(out)
    Draft7Validator(json.loads(sftc("schema", "dry-run")[1])).validate(plan)
    assert plan["payload"] == json.loads(sftc("compile", "validated.toml")[1])
    assert sftc("compile", "validated.toml", "--digest")[2].startswith(plan["payload_digest"])
    assert [(each["kind"], each["path"], each["rows"]) for each in plan["files"]] == [
        ("training", "rows.jsonl", 10),
        ("validation", "sub/other.jsonl", 2),
    ]
    text = words(sftc("train", "--config", "validated.toml", "--dry-run")[2])
    for each in plan["requests"]:
        assert " ".join(filter(None, each.values())) in text
    code, _, said = sftc("train", "--config", "validated.toml", "--format", "json")
    assert code == 2
    assert "--format needs --dry-run" in said


def test_flags_change_the_output_of_a_dry_run(sftc: Program) -> None:
    plain = sftc("train", "--config", "config.toml", "--dry-run")
    flags = ["--examples", "3", "--model", "M", "--idempotency", "mine", "--dataset", "sub/other.jsonl"]
    code, payload, plan = sftc("train", "--config", "config.toml", "--dry-run", *flags)
    assert (code, plain[0]) == (0, 0)
    assert json.loads(payload) == {**json.loads(plain[1]), "model": "M"}
    assert re.search(r"^training +\S*other\.jsonl +2 rows ", plan, re.MULTILINE)
    assert "Idempotency-Key: mine" in plan
    plan = sftc("train", "--config", "config.toml", "--dry-run", "--examples", "3")[2]
    assert any(text.startswith("training rows.jsonl 3 rows ") for text in words(plan))


def test_a_config_can_be_read_from_a_pipe(sftc: Program) -> None:
    arguments = ["train", "--dry-run", "--config"]
    code, payload, plan = sftc(*arguments, "-", stdin=CONFIG)
    assert code == 0, plan
    same = sftc(*arguments, "config.toml")
    assert (payload, words(plan)) == (same[1], words(same[2]))


def test_flags_change_what_is_sent(live: Program, service: Embedded, folder: Path) -> None:
    flags = ["--examples", "3", "--model", "M", "--no-poll"]
    code, job, errors = live("train", "--config", "config.toml", *flags)
    assert code == 0, errors
    [made] = service.jobs()
    assert (job, json.loads(made["payload"])["model"]) == (f"{made['id']}\n", "M")
    first = "".join(map(row, range(3)))
    assert service.files() == [f"sha256:{sha256(first.encode()).hexdigest()}"]
    code, other, errors = live("train", "--config", "config.toml", "--dataset", "sub/other.jsonl", *QUICK)
    assert code == 0, errors
    assert service.rows("SELECT filename, rows, status FROM files ORDER BY created_at") == [
        {"filename": "rows.jsonl", "rows": 3, "status": "ready"},
        {"filename": "other.jsonl", "rows": 2, "status": "ready"},
    ]
    assert [f"{made['id']}\n" for made in service.jobs()] == [job, other]


def test_the_training_file_is_prompted_for_only_on_a_terminal(sftc: Program, folder: Path) -> None:
    code, out, errors = sftc("train", "--config", "nameless.toml", "--dry-run")
    assert (code, out) == (2, "")
    assert "no training file: set `job.data` in the config, or pass --dataset" in errors
    for answer in ("3", "sub/other.jsonl"):
        main, terminal = pty.openpty()
        command = [sftc.path, "train", "--config", "nameless.toml", "--dry-run"]
        with awaited(
            subprocess.Popen(
                command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        ) as process:
            os.close(terminal)
            os.write(main, f"{answer}\n".encode())
            out, errors = process.communicate(timeout=60)
        os.close(main)
        assert process.returncode == 0
        assert words(errors)[:3] == ["1 broken.jsonl", "2 rows.jsonl", "3 sub/other.jsonl"]
        assert any("sub/other.jsonl 2 rows" in text for text in words(errors))
        assert json.loads(out)["model"] == "m"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "wrong.toml"], "wrong.toml:2:9: error[blank-string]"),
        (["--config", "absent.toml"], "absent.toml: error[unreadable-file]"),
        (["--config", "config.toml", "--dataset", "broken.jsonl"], "broken.jsonl:11:13: error[row-not-json]"),
        (["--config", "config.toml", "--dataset", "absent.jsonl"], "absent.jsonl: error[unreadable-data]"),
        (["--config", "gpuless.toml"], "gpuless.toml:5:2: warning[missing-gpu-type]"),
        (["--config", "gpuless.toml"], "nothing was sent (--no-preflight sends it)"),
        (["--config", "tableless.toml"], "warning[missing-gpu-type]"),
    ],
)
def test_local_errors_stop_the_command_before_anything_is_sent(
    sftc: Program, folder: Path, arguments: list[str], said: str
) -> None:
    code, out, errors = sftc("train", *arguments)
    assert (code, out) == (1, "")
    assert said in errors
    assert "nothing was sent" in errors
    assert not (folder / "state/sftc").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing option '--config'"),
        (["--config", "config.toml", "--type", "rl"], "'rl' is not 'sft'"),
        (["--config", "config.toml", "--examples", "0"], "--examples"),
        (["--config", "config.toml", "--poll-interval", "0"], "--poll-interval"),
        (["--config", "config.toml", "--dataset", "sub"], "sub is not a file"),
        (["--config", "config.toml", "--backend", "example.org"], "is not a valid service URL"),
        (["--config", "config.toml", "--backend", "example.org", "--dry-run"], "is not a valid service URL"),
        (["--config", "config.toml", "--backend", "http://example.org"], "--allow-insecure"),
        (["--config", "config.toml", "--env-file", "absent.env"], "absent.env cannot be read"),
        (["--config", "config.toml", "--backend", "http://:word@example.org"], "is not a valid service URL"),
        (["--config", "config.toml", "--backend", "local", "--no-poll"], "sftc serve"),
        (["--config", "config.toml", "--idempotency", ""], "a key is 1 to 200 ASCII characters"),
        (["--config", "config.toml", "--idempotency", "my key"], "a key is 1 to 200 ASCII characters"),
    ],
)
def test_wrong_usage(sftc: Program, arguments: list[str], said: str) -> None:
    code, out, errors = sftc("train", *arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(errors.split())


def test_the_api_key_is_required_and_can_be_in_an_env_file(
    live: Program, service: Embedded, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = os.environ["SYNTH_API_KEY"]
    monkeypatch.delenv("SYNTH_API_KEY")
    code, _, errors = live("train", "--config", "config.toml")
    assert code == 2
    assert "no API key: set SYNTH_API_KEY, or pass a file that sets it with --env-file" in errors
    (folder / ".env").write_text(f"SYNTH_API_KEY={key}\n")
    assert live("train", "--config", "config.toml", "--env-file", ".env", *QUICK)[0] == 0
    assert len(service.jobs()) == 1


@pytest.mark.parametrize(
    ("config", "place"), [("gpuless.toml", "gpuless.toml:5:2"), ("tableless.toml", "tableless.toml:")]
)
def test_a_refusal_points_to_the_key_in_the_config(
    live: Program, service: Embedded, config: str, place: str
) -> None:
    code, out, errors = live("train", "--config", config, "--no-preflight")
    assert (code, out) == (3, "")
    assert f"{place}" in errors
    assert "error[missing-gpu-type]: the service refuses the job: HTTP 400 `missing_gpu_type`" in errors
    assert "sftc: the service refused the request: HTTP 400 `missing_gpu_type`: " in errors
    assert "(request req-" in errors
    assert service.jobs() == []


def test_a_missing_validation_file_is_a_warning(live: Program, service: Embedded, folder: Path) -> None:
    (folder / "sub/other.jsonl").unlink()
    code, _, errors = live("train", "--config", "validated.toml", *QUICK)
    assert code == 0, errors
    assert "warning: no validation file sub/other.jsonl; the job runs without" in errors
    [job] = service.jobs()
    assert "validation_files" not in job["payload"]


NEWER = f'schema_version = 2\n{CONFIG}\n[tags]\nteam = "research"\n[hyperparameters]\nmax_steps = 5\n'


def test_a_service_that_lists_version_2_gets_a_payload_of_version_2(
    live: Program, service: Embedded, folder: Path
) -> None:
    (folder / "newer.toml").write_text(NEWER)
    assert live("train", "--config", "newer.toml", *QUICK)[0] == 0
    [job] = service.jobs()
    assert json.loads(job["payload"])["metadata"]["schema_version"] == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer({}, 404),
        Answer({"openapi": "3.0.3"}),
        Answer({"x-sftc-payload": {"versions": [1]}}),
        Answer({"x-sftc-payload": {"versions": ["2", True]}}),
        Answer({"x-sftc-payload": 2}),
    ],
)
def test_a_service_that_does_not_list_version_2_is_a_warning_before_the_upload(
    sftc_program: str, folder: Path, answer: Answer
) -> None:
    (folder / "newer.toml").write_text(NEWER)
    with odd_service([answer]) as service:
        code, out, errors = Program(sftc_program, service.url)("train", "--config", "newer.toml")
        assert [each.path for each in service.asked] == ["/api/openapi.json"]
    assert (code, out) == (1, "")
    assert (
        "does not list version 2 of the payload, and will ignore `hyperparameters.max_steps`, `tags`"
        in errors
    )
    assert "nothing was sent (--no-preflight sends it)" in errors


def test_without_a_preflight_such_a_service_gets_the_payload(sftc_program: str, folder: Path) -> None:
    (folder / "newer.toml").write_text(NEWER)
    with odd_service([Answer({}, 400)]) as service:
        program = Program(sftc_program, service.url)
        assert program("train", "--config", "newer.toml", "--no-preflight")[0] == 3
        assert {each.path for each in service.asked} == {"/api/learning/files"}


def test_a_payload_of_version_1_asks_for_no_versions(sftc_program: str, folder: Path) -> None:
    with odd_service([Answer({}, 400)]) as service:
        assert Program(sftc_program, service.url)("train", "--config", "config.toml")[0] == 3
        assert {each.path for each in service.asked} == {"/api/learning/files"}


def test_several_training_files_are_sent_as_one_in_order(
    live: Program, service: Embedded, folder: Path
) -> None:
    text = CONFIG.replace('data = "rows.jsonl"', 'data = ["sub/other.jsonl", "rows.jsonl"]')
    (folder / "several.toml").write_text(f"schema_version = 2\n{text}")
    code, _, errors = live("train", "--config", "several.toml", *QUICK)
    assert code == 0, errors
    [job] = service.jobs()
    whole = (folder / "sub/other.jsonl").read_bytes() + (folder / "rows.jsonl").read_bytes()
    digest = sha256(whole).hexdigest()
    stored = [path.read_bytes() for path in (folder / "data").rglob("*") if path.is_file()]
    assert whole in stored, digest
    assert service.rows("SELECT filename FROM files") == [{"filename": "other-and-1-more.jsonl"}]
    dry = live("train", "--config", "several.toml", "--dry-run")
    assert "sub/other.jsonl + rows.jsonl" in dry[2]
    assert f"sha256:{digest}" in dry[2]
    assert job["status"] == "succeeded"
