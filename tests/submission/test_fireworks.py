"""Jobs on a stand-in for Fireworks: what is sent and understood, and what happens if something goes wrong."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from sftc.submission.failures import JobCancelledError, JobFailedError, RefusedError, UnreachableError
from support.backends import Answer, OddService
from support.hosted_services import (
    HOSTED_KEY,
    SECRET_URL,
    WANDB_KEY,
    Customer,
    Fireworks,
    Trouble,
)
from support.orders import LOST
from support.program import Program
from support.training_files import GOOD, row

pytestmark = pytest.mark.measured

CONFIG = """schema_version = 2
[job]
name = "support-1"
model = "accounts/fireworks/models/qwen3-8b"
data = "rows.jsonl"
[training]
mode = "lora"
"""
VALIDATED = f"""{CONFIG}[data]
validation_path = "other.jsonl"
[training.validation]
save_best_model_at_end = false
"""
TRACKED = f'{CONFIG}[tracking]\nto = ["wandb"]\nproject = "support"\n'
ROLES = (
    '{"messages": [{"role": "developer", "content": "a"},'
    ' {"role": "assistant", "content": "b", "weight": 0.5}]}\n'
)
FILES = {
    "rows.jsonl": GOOD,
    "other.jsonl": row(11) + row(12) + row(13),
    "short.jsonl": row(11),
    "roles.jsonl": GOOD + ROLES * 5,
    "config.toml": CONFIG,
}
BUSY = Answer({"code": 13, "message": "internal error"}, 500)
DATASET = f"sftc-{sha256(GOOD.encode()).hexdigest()[:40]}"
CREATE = r"POST /v1/accounts/me/supervisedFineTuningJobs"


@pytest.fixture
def fireworks() -> Iterator[Fireworks]:
    """Return a stand-in that must find nothing wrong."""
    service = Fireworks()
    yield service
    assert service.faults == []


@pytest.fixture
def running(fireworks: Fireworks) -> Iterator[OddService]:
    with fireworks.running() as service:
        yield service


@pytest.fixture
def customer(folder: Path, fireworks: Fireworks, running: OddService) -> Customer:
    return Customer(folder, fireworks, running.root)


@pytest.fixture
def sftc(sftc_program: str, running: OddService, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return the installed command, for the stand-in."""
    monkeypatch.setenv("FIREWORKS_BASE_URL", running.root)
    monkeypatch.setenv("FIREWORKS_API_KEY", HOSTED_KEY)
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "me")
    return Program(sftc_program)


def lines(service: OddService) -> list[str]:
    """Return the requests below the account, each of those in a row once, with short ids."""
    asked = [f"{each.method} {each.path.partition('?')[0]}" for each in service.asked]
    short = [re.sub("sftc-[0-9a-f]{40}", "ID", each).replace("/v1/accounts/me", "") for each in asked]
    return [line for line, before in zip(short, ["", *short], strict=False) if line != before]


def test_a_job_runs_to_its_end(customer: Customer, fireworks: Fireworks, running: OddService) -> None:
    job = customer.submit(customer.order(VALIDATED, "other.jsonl"))
    body = customer.follow(job)
    assert body["outputModel"] == "accounts/me/models/support-1"
    states = ["JOB_STATE_CREATING", "JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED"]
    assert customer.statuses == states
    assert {f"{job} is estimated to cost USD 7.50", "40 % done"} <= {*customer.told}
    assert fireworks.jobs[job]["dataset"] == f"accounts/me/datasets/{DATASET}"
    assert fireworks.files[f"{DATASET}/rows.jsonl"] == GOOD.encode()
    assert fireworks.rows[DATASET] == str(GOOD.count("\n"))
    assert lines(running)[:13] == [
        "GET /datasets/ID",
        "POST /datasets",
        "POST /datasets/ID:getUploadEndpoint",
        "PUT /storage/ID/rows.jsonl",
        "POST /datasets/ID:validateUpload",
        "GET /datasets/ID",
        "POST /datasets",
        "POST /datasets/ID:getUploadEndpoint",
        "PUT /storage/ID/other.jsonl",
        "POST /datasets/ID:validateUpload",
        "GET /datasets/ID",
        "POST /supervisedFineTuningJobs",
        "GET /supervisedFineTuningJobs/ID",
    ]


def test_a_dataset_that_is_there_is_not_sent_again(
    folder: Path, customer: Customer, fireworks: Fireworks, running: OddService
) -> None:
    """The id of a dataset is that of its content, and the journal is that of another machine."""
    first = customer.submit(customer.order(CONFIG))
    (folder / "journal").rename(folder / "journal-of-another-machine")
    assert customer.submit(customer.order(CONFIG)) == first
    assert len([line for line in lines(running) if line.startswith("PUT")]) == 1
    assert f"an earlier try created {first}: attaching to it" in customer.told


@pytest.mark.parametrize("trouble", [BUSY, LOST, Answer({}, 429, {"Retry-After": "0"})])
@pytest.mark.parametrize("happens", [False, True])
def test_a_job_is_created_once_whatever_the_answer(
    customer: Customer, fireworks: Fireworks, trouble: Answer, *, happens: bool
) -> None:
    """The id of the job is chosen here, so the service cannot create it twice."""
    fireworks.trouble = {CREATE: [Trouble(trouble, happens)]}
    job = customer.submit(customer.order(CONFIG))
    assert [*fireworks.jobs] == [job]
    assert (f"an earlier try created {job}: attaching to it" in customer.told) == happens


def test_a_job_of_a_run_that_ended_without_an_answer_is_found(
    customer: Customer, fireworks: Fireworks
) -> None:
    fireworks.trouble = {CREATE: [Trouble(LOST, happens=True)]}
    with pytest.raises(UnreachableError):
        customer.submit(customer.order(CONFIG), tries=1)
    assert [customer.submit(customer.order(CONFIG))] == [*fireworks.jobs]


def test_a_failed_job_is_replaced_under_another_id(customer: Customer, fireworks: Fireworks) -> None:
    fireworks.fail("the dataset has a row without messages")
    job = customer.submit(customer.order(CONFIG))
    with pytest.raises(JobFailedError, match=f"^{job} failed: the dataset has a row without messages$"):
        customer.follow(job)
    other = customer.submit(customer.order(CONFIG))
    assert [*fireworks.jobs] == [job, other]


def test_a_conflict_about_something_else_is_a_refusal(customer: Customer, fireworks: Fireworks) -> None:
    taken = Answer({"code": 6, "message": "model support-1 already exists", "details": []}, 409)
    fireworks.trouble = {CREATE: [Trouble(taken)]}
    with pytest.raises(RefusedError, match="model support-1 already exists"):
        customer.submit(customer.order(CONFIG))


@pytest.mark.parametrize("happens", [False, True])
@pytest.mark.parametrize(
    "request_",
    [
        "POST /v1/accounts/me/datasets",
        "POST /v1/accounts/me/datasets/.*:getUploadEndpoint",
        "PUT /storage/.*",
        "POST /v1/accounts/me/datasets/.*:validateUpload",
    ],
)
def test_an_upload_that_is_cut_off_is_repeated(
    customer: Customer, fireworks: Fireworks, request_: str, *, happens: bool
) -> None:
    fireworks.trouble = {request_: [Trouble(LOST, happens)]}
    customer.submit(customer.order(CONFIG))
    assert fireworks.files == {f"{DATASET}/rows.jsonl": GOOD.encode()}


def test_an_upload_of_a_run_that_ended_is_done_again(customer: Customer, fireworks: Fireworks) -> None:
    fireworks.trouble = {"PUT /storage/.*": [Trouble(LOST)]}
    with pytest.raises(UnreachableError):
        customer.submit(customer.order(CONFIG), tries=1)
    customer.submit(customer.order(CONFIG))
    assert fireworks.files == {f"{DATASET}/rows.jsonl": GOOD.encode()}


def test_a_dataset_that_the_service_finds_invalid_is_refused_with_its_reason(
    customer: Customer, fireworks: Fireworks
) -> None:
    fireworks.fault = {"code": "INVALID_ARGUMENT", "message": "line 2 is wrong"}
    with pytest.raises(RefusedError, match="`invalid_argument`: line 2 is wrong"):
        customer.submit(customer.order(CONFIG))
    assert fireworks.jobs == {}


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ({}, "no `filenameToSignedUrls"),
        ({"rows.jsonl": "https://[::1/"}, "no safe address"),
        ({"rows.jsonl": "ftp://example.org/"}, "no safe address"),
    ],
)
def test_an_answer_without_an_address_of_the_storage_is_an_error(
    customer: Customer, fireworks: Fireworks, addresses: dict[str, str], said: str
) -> None:
    fireworks.trouble = {"POST .*:getUploadEndpoint": [Trouble(Answer({"filenameToSignedUrls": addresses}))]}
    with pytest.raises(UnreachableError, match=said):
        customer.submit(customer.order(CONFIG))


def test_weights_and_biases_gets_its_key_and_nobody_else_does(
    customer: Customer, fireworks: Fireworks
) -> None:
    job = customer.submit(customer.order(TRACKED))
    assert fireworks.jobs[job]["wandbConfig"] == {"enabled": True, "project": "support", "apiKey": WANDB_KEY}
    for secret in (WANDB_KEY, HOSTED_KEY, SECRET_URL):
        assert secret.encode() not in customer.journals()
        assert secret not in "\n".join(customer.told)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_said_at_once(
    customer: Customer, fireworks: Fireworks, running: OddService, status: int
) -> None:
    refused = Trouble(Answer({"code": 16, "message": f"no such key: {HOSTED_KEY}"}, status))
    fireworks.trouble = {"GET .*": [refused]}
    with pytest.raises(RefusedError, match=rf"HTTP {status}: no such key: hk-0\.\.\.yz"):
        customer.submit(customer.order(CONFIG))
    assert len(running.asked) == 1


def test_a_cancelled_job_is_reported(customer: Customer, fireworks: Fireworks) -> None:
    fireworks.course = ["JOB_STATE_RUNNING", "JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED"]
    with pytest.raises(JobCancelledError):
        customer.follow(customer.submit(customer.order(CONFIG)))


@pytest.mark.parametrize("state", ["JOB_STATE_PAUSED", "JOB_STATE_RE_QUEUEING", "JOB_STATE_SOMETHING_NEW"])
def test_other_states_are_shown_and_followed(customer: Customer, fireworks: Fireworks, state: str) -> None:
    answer = Answer({"name": "accounts/me/supervisedFineTuningJobs/x", "dataset": "d", "state": state})
    fireworks.trouble = {"GET /v1/accounts/me/supervisedFineTuningJobs/.*": [Trouble(answer)]}
    customer.follow(customer.submit(customer.order(CONFIG)))
    assert customer.statuses[0] == state


def test_the_command_trains_on_fireworks(sftc: Program, fireworks: Fireworks) -> None:
    arguments = ["train", "--config", "config.toml", "--target", "fireworks", "--poll-interval", "0.05"]
    code, out, errors = sftc(*arguments)
    [job] = fireworks.jobs
    assert (code, out) == (0, f"{job}\n"), errors
    assert f"{job} succeeded: accounts/me/models/support-1" in errors
    listed = sftc("jobs", "list", "--target", "fireworks")[1]
    assert f"{job}  JOB_STATE_COMPLETED  accounts/fireworks/models/qwen3-8b" in listed
    code, _, errors = sftc("jobs", "metrics", job, "--target", "fireworks")
    assert (code, "no request for the metrics" in errors) == (2, True)
    assert sftc("jobs", "cancel", job, "--target", "fireworks")[1] == f"{job}: -\n"


def test_files_and_rows_that_the_service_does_not_take_stop_the_command(
    sftc: Program, running: OddService
) -> None:
    arguments = ["train", "--config", "config.toml", "--target", "fireworks", "--no-poll", "--dataset"]
    code, _, errors = sftc(*arguments, "short.jsonl")
    assert (code, "short.jsonl has 1 row, and the service needs at least 3" in errors) == (1, True)
    code, _, errors = sftc(*arguments, "roles.jsonl")
    assert code == 1
    line = GOOD.count("\n") + 1
    place = f"roles.jsonl:{line}:"
    assert errors.count("[row-not-taken]") == 2
    assert (
        f'{place}24: error[row-not-taken]: `messages[0].role` must be "system", "user", "assistant" or'
        ' "tool" for fireworks, not "developer", in 5 rows'
    ) in errors
    assert "`messages[1].weight` must be 0 or 1 for fireworks, not 0.5, in 5 rows" in errors
    assert running.asked == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FIREWORKS_ACCOUNT_ID", "", "FIREWORKS_ACCOUNT_ID is not set"),
        ("FIREWORKS_ACCOUNT_ID", "me/other", "which is not an id"),
        ("FIREWORKS_API_KEY", "", "set FIREWORKS_API_KEY"),
        ("FIREWORKS_BASE_URL", "local", "does not train for this target"),
    ],
)
def test_a_variable_that_is_missing_or_wrong_is_named(
    sftc: Program, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, _, errors = sftc("jobs", "list", "--target", "fireworks")
    assert (code, said in errors) == (2, True)


def test_a_target_that_is_no_service_is_refused(sftc: Program) -> None:
    code, _, errors = sftc("train", "--config", "config.toml", "--target", "trl")
    assert (code, "the target trl is not a service" in errors) == (2, True)
