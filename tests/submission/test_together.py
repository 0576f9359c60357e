"""Jobs on a stand-in for Together: what is sent and understood, and what happens if something goes wrong."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sftc.submission.failures import (
    JobCancelledError,
    JobFailedError,
    PriceError,
    RefusedError,
    UnreachableError,
)
from support.backends import Answer, OddService
from support.hosted_services import (
    HOSTED_KEY,
    SECRET_URL,
    WANDB_KEY,
    Customer,
    Together,
    Trouble,
)
from support.orders import LOST
from support.program import Program, rest, told
from support.training_files import GOOD, row

pytestmark = pytest.mark.measured

CONFIG = """schema_version = 2
[job]
name = "support-1"
model = "Qwen/Qwen3-8B"
data = "rows.jsonl"
[training]
mode = "lora"
[training.lora]
r = 32
[hyperparameters]
global_batch = 64
"""
VALIDATED = f"""{CONFIG}[data]
validation_path = "other.jsonl"
[training.validation]
evaluation_strategy = "epoch"
save_best_model_at_end = false
"""
TRACKED = f'{CONFIG}[tracking]\nto = ["wandb"]\nproject = "support"\n'
FILES = {
    "rows.jsonl": GOOD,
    "other.jsonl": row(11),
    "config.toml": CONFIG,
    "validated.toml": VALIDATED,
    "tracked.toml": TRACKED,
    "beyond.toml": CONFIG.replace("r = 32", "r = 256").replace("global_batch = 64", "global_batch = 4"),
}
BUSY = Answer({"error": {"message": "busy"}}, 500)


@pytest.fixture
def together() -> Iterator[Together]:
    """Return a stand-in that must find nothing wrong."""
    service = Together()
    yield service
    assert service.faults == []


@pytest.fixture
def running(together: Together) -> Iterator[OddService]:
    with together.running() as service:
        yield service


@pytest.fixture
def customer(folder: Path, together: Together, running: OddService) -> Customer:
    return Customer(folder, together, running.root)


@pytest.fixture
def sftc(sftc_program: str, running: OddService, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return the installed command, for the stand-in."""
    monkeypatch.setenv("TOGETHER_BASE_URL", running.root)
    monkeypatch.setenv("TOGETHER_API_KEY", HOSTED_KEY)
    return Program(sftc_program)


def lines(service: OddService) -> list[str]:
    """Return the requests, each of those in a row once."""
    asked = [f"{each.method} {each.path.partition('?')[0]}" for each in service.asked]
    return [line for line, before in zip(asked, ["", *asked], strict=False) if line != before]


def test_a_job_runs_to_its_end(customer: Customer, together: Together, running: OddService) -> None:
    job = customer.submit(customer.order(VALIDATED, "other.jsonl"))
    body = customer.follow(job)
    assert body["model_output_name"] == "me/Qwen3-8B-support-1"
    assert customer.statuses == ["pending", "queued", "running", "completed"]
    assert [event["type"] for event in customer.events] == ["job_pending", "training_start", "epoch_complete"]
    losses = [(step, value) for name, step, value in customer.points if name == "train.loss"]
    assert losses == [(1, 3.0), (2, 1.5), (3, 1.0)]
    assert {name for name, _, _ in customer.points} == {"train.loss", "train.learning_rate"}
    sent = together.jobs[job]
    assert (sent["training_file"], sent["validation_file"], sent["suffix"]) == (
        "file-1",
        "file-2",
        "support-1",
    )
    assert together.files["file-1"] == GOOD.encode()
    assert lines(running)[:10] == [
        "POST /v1/files",
        "PUT /storage/file-1",
        "POST /v1/files/file-1/preprocess",
        "GET /v1/files/file-1",
        "POST /v1/files",
        "PUT /storage/file-2",
        "POST /v1/files/file-2/preprocess",
        "GET /v1/files/file-2",
        "POST /v1/fine-tunes/estimate-price",
        "POST /v1/fine-tunes",
    ]
    assert (
        "the job is estimated to cost USD 12.35 for 1,234,567 tokens; the account can spend USD 100.00"
        in (customer.told)
    )


def test_the_same_order_is_the_same_job_and_the_same_files(customer: Customer, together: Together) -> None:
    first = customer.submit(customer.order(CONFIG))
    assert customer.submit(customer.order(CONFIG)) == first
    other = customer.submit(customer.order(CONFIG.replace("r = 32", "r = 16")))
    assert [*together.jobs] == [first, other]
    assert len(together.files) == 1


def test_a_file_that_the_service_has_is_not_sent_again(
    folder: Path, customer: Customer, together: Together, running: OddService
) -> None:
    """The service knows the content by its checksum, and the journal is that of another machine."""
    customer.submit(customer.order(CONFIG))
    (folder / "journal").rename(folder / "journal-of-another-machine")
    customer.submit(customer.order(CONFIG, key="another"))
    assert [line for line in lines(running) if line.startswith("PUT")] == ["PUT /storage/file-1"]
    assert [job["training_file"] for job in together.jobs.values()] == ["file-1", "file-1"]


def test_weights_and_biases_gets_its_key_and_nobody_else_does(customer: Customer, together: Together) -> None:
    job = customer.submit(customer.order(TRACKED))
    assert together.jobs[job]["wandb_key"] == WANDB_KEY
    assert "wandb_key" not in together.jobs[customer.submit(customer.order(CONFIG))]
    for secret in (WANDB_KEY, HOSTED_KEY, SECRET_URL):
        assert secret.encode() not in customer.journals()
        assert secret not in "\n".join(customer.told)


@pytest.mark.parametrize("trouble", [BUSY, LOST, Answer({}, 429, {"Retry-After": "0"})])
@pytest.mark.parametrize("happens", [False, True])
def test_a_job_is_created_once_whatever_the_answer(
    customer: Customer, together: Together, trouble: Answer, *, happens: bool
) -> None:
    """There is no idempotency key: the job of the first try is found by all that it was asked for."""
    customer.submit(customer.order(CONFIG.replace("r = 32", "r = 16").replace("support-1", "support-2")))
    together.trouble = {"POST /v1/fine-tunes": [Trouble(trouble, happens)]}
    job = customer.submit(customer.order(CONFIG))
    assert (job, len(together.jobs)) == ("ft-2", 2)
    assert ("an earlier try created ft-2: attaching to it" in customer.told) == happens


def test_a_job_of_a_run_that_ended_without_an_answer_is_found(customer: Customer, together: Together) -> None:
    together.trouble = {"POST /v1/fine-tunes": [Trouble(LOST, happens=True)]}
    with pytest.raises(UnreachableError):
        customer.submit(customer.order(CONFIG), tries=1)
    assert customer.submit(customer.order(CONFIG)) == "ft-1"
    assert len(together.jobs) == 1


@pytest.mark.parametrize(
    ("created", "other"),
    [
        ("2020-01-01T00:00:00Z", CONFIG),
        ("not a time", CONFIG),
        ("2999-01-01T00:00:00Z", CONFIG.replace('name = "support-1"', 'name = "support-2"')),
        ("2999-01-01T00:00:00Z", f"{CONFIG}learning_rate = 1e-3\n"),
    ],
)
def test_an_older_or_another_job_is_not_mistaken_for_the_one_that_was_lost(
    folder: Path, customer: Customer, together: Together, created: str, other: str
) -> None:
    """The other job is that of another machine: this journal does not know it."""
    together.created = created
    customer.submit(customer.order(other, key="another"))
    (folder / "journal").rename(folder / "journal-of-another-machine")
    together.trouble = {"POST /v1/fine-tunes": [Trouble(BUSY)]}
    assert customer.submit(customer.order(CONFIG)) == "ft-2"
    assert "there may now be two jobs: check with `sftc jobs list`" in "\n".join(customer.told)


@pytest.mark.parametrize("happens", [False, True])
@pytest.mark.parametrize(
    "request_", ["POST /v1/files", "PUT /storage/file-1", "POST /v1/files/file-1/preprocess"]
)
def test_an_upload_that_is_cut_off_is_repeated(
    customer: Customer, together: Together, request_: str, *, happens: bool
) -> None:
    together.trouble = {request_: [Trouble(LOST, happens)]}
    job = customer.submit(customer.order(CONFIG))
    content = together.files[together.jobs[job]["training_file"]]
    assert content == GOOD.encode()


def test_the_storage_may_name_another_address(
    customer: Customer, together: Together, running: OddService
) -> None:
    moved = Answer(b"", 307, {"Location": f"/storage/file-1?signature={SECRET_URL}&again=1"})
    together.trouble = {"PUT /storage/file-1": [Trouble(moved), Trouble(Answer(b"", 503))]}
    customer.submit(customer.order(CONFIG))
    assert together.files["file-1"] == GOOD.encode()
    assert [each.path.endswith("again=1") for each in running.asked if each.method == "PUT"] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(b"<Error/>", 403), "the storage of the service did not take the file: HTTP 403"),
        (Answer(b"", 302, {"Location": "ftp://example.org/"}), "names no safe address"),
        (Answer(b"", 302), "names no safe address"),
        (Answer(b"", 302, {"Location": "/storage/file-1"}), "names ever other addresses"),
        (Answer(b"", 503), "no valid response from the storage of the service: HTTP 503"),
    ],
)
def test_a_storage_that_takes_no_file_is_an_error_without_its_address(
    customer: Customer, together: Together, answer: Answer, said: str
) -> None:
    together.trouble = {"PUT /storage/.*": [Trouble(answer)] * 20}
    with pytest.raises(UnreachableError) as failed:
        customer.submit(customer.order(CONFIG))
    assert said in str(failed.value)
    assert SECRET_URL not in "\n".join([str(failed.value), *customer.told])
    assert together.jobs == {}


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "no header X-Together-File-Id"),
        ({"X-Together-File-Id": "file-1"}, "no header Location"),
        ({"X-Together-File-Id": "file-1", "Location": "file:///etc/passwd"}, "no safe address"),
    ],
)
def test_a_reservation_without_an_address_is_an_error(
    customer: Customer, together: Together, headers: dict[str, str], said: str
) -> None:
    together.trouble = {"POST /v1/files": [Trouble(Answer(b"", 302, headers))]}
    with pytest.raises(UnreachableError, match=said):
        customer.submit(customer.order(CONFIG))


def test_an_existing_file_without_an_id_is_an_error(customer: Customer, together: Together) -> None:
    together.trouble = {"POST /v1/files": [Trouble(Answer({}, 409))]}
    with pytest.raises(UnreachableError, match="no `file_id`"):
        customer.submit(customer.order(CONFIG))


def test_a_file_that_the_service_finds_invalid_is_refused_with_its_reason(
    customer: Customer, together: Together
) -> None:
    together.states = {"file-1": ["RUNNING", "INVALID_FORMAT"]}
    with pytest.raises(RefusedError, match="line 2 is wrong"):
        customer.submit(customer.order(CONFIG))
    assert together.jobs == {}


def test_a_file_that_is_never_ready_ends_the_wait(customer: Customer, together: Together) -> None:
    together.states = {"file-1": ["RUNNING"]}
    with pytest.raises(UnreachableError, match=r"file-1 was not ready after 0 s \(last status: running\)"):
        customer.submit(customer.order(CONFIG))


def test_a_file_without_a_status_is_ready(customer: Customer, together: Together) -> None:
    """Files that need no validation have none."""
    together.trouble = {"GET /v1/files/file-1": [Trouble(Answer({"id": "file-1"}))]}
    assert customer.submit(customer.order(CONFIG)) == "ft-1"


def test_a_refused_validation_file_stops_a_job_that_evaluates_on_it(
    customer: Customer, together: Together
) -> None:
    together.states = {"file-2": ["INVALID_FORMAT"]}
    with pytest.raises(RefusedError, match="line 2 is wrong"):
        customer.submit(customer.order(VALIDATED, "other.jsonl"))
    assert together.jobs == {}


def test_a_wrong_key_is_said_at_once(customer: Customer, together: Together, running: OddService) -> None:
    refused = Trouble(Answer({"error": {"message": f"no such key: {HOSTED_KEY}", "code": "bad_key"}}, 401))
    together.trouble = {"POST /v1/files": [refused]}
    with pytest.raises(RefusedError, match=r"HTTP 401 `bad_key`: no such key: hk-0\.\.\.yz"):
        customer.submit(customer.order(CONFIG))
    assert len(running.asked) == 1


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ({"estimation_available": False, "unavailable_reason": "train_file_not_validated"}, "not_validated"),
        ({"estimation_available": True, "estimated_total_price": None}, "the service gave no reason"),
    ],
)
def test_a_price_that_is_not_known_does_not_stop_the_job(
    customer: Customer, together: Together, price: dict[str, object], said: str
) -> None:
    together.price = price
    assert customer.submit(customer.order(CONFIG)) == "ft-1"
    assert [said in text for text in customer.told if "the price of the job is not known" in text] == [True]


def test_a_service_that_cannot_say_the_price_does_not_stop_the_job(
    customer: Customer, together: Together
) -> None:
    together.trouble = {"POST /v1/fine-tunes/estimate-price": [Trouble(Answer({}, 404))]}
    assert customer.submit(customer.order(CONFIG)) == "ft-1"
    assert "warning: the price of the job is not known" in "\n".join(customer.told)


def test_a_job_that_the_account_cannot_pay_for_is_not_created(customer: Customer, together: Together) -> None:
    together.price |= {"allowed_to_proceed": False}
    with pytest.raises(PriceError, match=r"at USD 12\.35; .* USD 100\.00; no job"):
        customer.submit(customer.order(CONFIG))
    assert together.jobs == {}
    assert customer.submit(customer.order(CONFIG)._replace(any_price=True)) == "ft-1"


def test_a_failed_job_gives_the_reason_of_its_last_error(customer: Customer, together: Together) -> None:
    together.fail("out of memory on the GPU")
    with pytest.raises(JobFailedError, match=r"^ft-1 failed \(error\): out of memory on the GPU$"):
        customer.follow(customer.submit(customer.order(CONFIG)))


def test_a_cancelled_job_is_reported_and_replaced(customer: Customer, together: Together) -> None:
    together.course = ["running", "cancel_requested", "cancelled"]
    job = customer.submit(customer.order(CONFIG))
    with pytest.raises(JobCancelledError):
        customer.follow(job)
    assert customer.statuses == ["running", "cancel_requested", "cancelled"]
    assert customer.submit(customer.order(CONFIG)) == "ft-2"


def test_a_cancelled_job_is_not_the_one_whose_answer_was_lost(customer: Customer, together: Together) -> None:
    """The first job has all that the second one was asked for with, and is as new."""
    together.course = ["running", "cancelled"]
    with pytest.raises(JobCancelledError):
        customer.follow(customer.submit(customer.order(CONFIG)))
    together.trouble = {"POST /v1/fine-tunes": [Trouble(BUSY)]}
    assert customer.submit(customer.order(CONFIG)) == "ft-2"
    assert not [told for told in customer.told if "attaching" in told]


def test_a_refusal_after_a_lost_answer_does_not_forget_the_job_that_may_exist(
    customer: Customer, together: Together
) -> None:
    refused = Trouble(Answer({"error": {"message": "no"}}, 400))
    together.trouble = {"POST /v1/fine-tunes": [Trouble(LOST, happens=True)], "GET /v1/fine-tunes": [refused]}
    with pytest.raises(UnreachableError):
        customer.submit(customer.order(CONFIG), tries=1)
    together.trouble = {"GET /v1/fine-tunes": [refused], "POST /v1/fine-tunes": [refused]}
    with pytest.raises(RefusedError):
        customer.submit(customer.order(CONFIG))
    assert customer.submit(customer.order(CONFIG)) == "ft-1"
    assert len(together.jobs) == 1


def test_an_unknown_status_is_shown_and_followed(customer: Customer, together: Together) -> None:
    together.trouble = {"GET /v1/fine-tunes/ft-1": [Trouble(Answer({"id": "ft-1", "status": "warming_up"}))]}
    customer.follow(customer.submit(customer.order(CONFIG)))
    assert customer.statuses[0] == "warming_up"


def test_a_new_job_may_be_unknown_for_a_moment(customer: Customer, together: Together) -> None:
    unknown = Trouble(Answer({"error": {"message": "no job"}}, 404))
    together.trouble = {"GET /v1/fine-tunes/ft-1": [unknown, unknown]}
    customer.follow(customer.submit(customer.order(CONFIG)))
    assert customer.statuses[-1] == "completed"


def test_a_job_that_does_not_end_is_left_after_the_time_limit(customer: Customer, together: Together) -> None:
    together.course = ["running"]
    with pytest.raises(UnreachableError, match="did not end within"):
        customer.follow(customer.submit(customer.order(CONFIG)), timeout=0.1)


def test_the_command_trains_on_together(sftc: Program, together: Together, running: OddService) -> None:
    code, out, errors = sftc(
        "train", "--config", "config.toml", "--target", "together", "--poll-interval", "0.05"
    )
    assert (code, out) == (0, "ft-1\n"), errors
    assert "ft-1 succeeded: me/Qwen3-8B-support-1" in errors
    assert "estimated to cost USD 12.35" in errors
    assert lines(running)[0] == "GET /v1/fine-tunes/models/limits"
    jobs = sftc("jobs", "list", "--target", "together")[1]
    assert "ft-1  completed  Qwen/Qwen3-8B" in jobs
    assert '"id": "ft-1"' in sftc("jobs", "show", "ft-1", "--target", "together")[1]
    metrics = sftc("jobs", "metrics", "ft-1", "--target", "together")[1]
    assert "train.loss\t2\t1.5\n" in metrics
    assert sftc("jobs", "cancel", "ft-1", "--target", "together")[1] == "ft-1: cancelled\n"


NUMBERS = {"min_learning_rate": 0.001, "max_seq_length_sft": 1024, "max_num_epochs": 2}
BEYOND = [
    (
        {},
        CONFIG.replace("r = 32", 'r = 32\ntarget_modules = ["q_proj", "w_up"]'),
        ["w_up is not among q_proj"],
    ),
    (
        {"supports_full_training": False},
        CONFIG.replace("lora", "full", 1).replace("[training.lora]\nr = 32\n", ""),
        ["Full is not possible with this model", "64 is above the maximum of 32"],
    ),
    (
        {"min_learning_rate": 0.001, "max_seq_length_sft": 1024, "max_num_epochs": 2},
        f"{CONFIG}n_epochs = 3\nsequence_length = 4096\n",
        ["3 is above the maximum of 2", "0.0002 is below the minimum", "4096 is above the maximum of 1024"],
    ),
]


@pytest.mark.parametrize(("limits", "config", "said"), BEYOND)
def test_each_value_beyond_a_limit_is_found(
    customer: Customer, together: Together, limits: dict[str, object], config: str, said: list[str]
) -> None:
    together.limits |= limits
    messages = [each.message for each in customer.beyond(config)]
    assert len(messages) == len(said)
    assert all(message.startswith(start) for message, start in zip(messages, said, strict=True))


@pytest.mark.parametrize(
    "limits", [{}, {"max_num_epochs": "many", "lora_training": {"max_rank": None, "target_modules": "all"}}]
)
def test_limits_that_are_no_limits_are_passed_over(
    customer: Customer, together: Together, limits: dict[str, object]
) -> None:
    together.trouble = {"GET /v1/fine-tunes/models/limits": [Trouble(Answer(limits))]}
    assert customer.beyond(CONFIG) == []


def test_a_model_that_the_service_does_not_train_is_said_before_the_upload(
    sftc: Program, together: Together, running: OddService
) -> None:
    unknown = Answer({"error": {"message": "no such model"}}, 404)
    together.trouble = {"GET /v1/fine-tunes/models/limits": [Trouble(unknown)]}
    code, _, errors = sftc("train", "--config", "config.toml", "--target", "together", "--no-poll")
    assert (code, len(running.asked)) == (1, 1)
    assert "the service has no limits for this model: HTTP 404: no such model" in errors


def test_a_dry_run_shows_the_requests_and_needs_no_key(
    sftc: Program, running: OddService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOGETHER_API_KEY")
    code, out, plan = sftc("train", "--config", "config.toml", "--target", "together", "--dry-run")
    assert (code, running.asked) == (0, [])
    assert out == sftc("compile", "config.toml", "--target", "together")[1]
    asked = [" ".join(line.split()) for line in plan.splitlines() if line.startswith(("GET", "POST", "PUT"))]
    root = f"{running.root}/v1"
    assert asked == [
        f"GET {root}/fine-tunes/models/limits?model_name=Qwen/Qwen3-8B limits of the model",
        f"POST {root}/files",
        "PUT (the address that the service names) training",
        f"POST {root}/files/ID/preprocess",
        f"GET {root}/files/ID until ready",
        f"POST {root}/fine-tunes/estimate-price price",
        f"POST {root}/fine-tunes",
        f"GET {root}/fine-tunes/ID until it ends",
    ]


def test_values_beyond_the_limits_of_the_model_stop_the_command_before_the_upload(
    sftc: Program, together: Together, running: OddService
) -> None:
    code, out, errors = sftc("train", "--config", "beyond.toml", "--target", "together", "--no-poll")
    assert (code, out, lines(running)) == (1, "", ["GET /v1/fine-tunes/models/limits"])
    assert (
        "beyond.toml:9:5: error[beyond-service-limit]: `training.lora.r`: 256 is above the maximum of 64"
        in errors
    )
    batch = "`hyperparameters.global_batch`: 4 is below the minimum of 8"
    assert f"beyond.toml:11:16: error[beyond-service-limit]: {batch}" in errors
    code, out, _ = sftc(
        "train", "--config", "beyond.toml", "--target", "together", "--no-poll", "--no-preflight"
    )
    assert (code, out) == (0, "ft-1\n")


def test_ctrl_c_leaves_the_job_and_says_how_to_follow_it(sftc: Program, together: Together) -> None:
    together.course = ["running"]
    arguments = ["train", "--config", "config.toml", "--target", "together", "--poll-interval", "0.05"]
    with sftc.started(*arguments) as process:
        told(process, "running")
        os.kill(process.pid, signal.SIGINT)
        code, _, errors = rest(process)
    assert code == 130
    assert "ft-1 keeps running; to follow it, run: sftc jobs follow ft-1 --target together" in errors


def test_a_compiled_payload_can_be_submitted(sftc: Program, folder: Path, together: Together) -> None:
    compiled = sftc("compile", "validated.toml", "--target", "together")[1]
    (folder / "job.json").write_text(compiled)
    arguments = ["submit", "job.json", "--dataset", "rows.jsonl", "--target", "together"]
    code, _, errors = sftc(*arguments)
    assert (code, "pass it with --validation" in errors) == (2, True)
    assert sftc(*arguments, "--validation", "other.jsonl")[:2] == (0, "ft-1\n")
    (folder / "plain.json").write_text(sftc("compile", "config.toml", "--target", "together")[1])
    code, _, errors = sftc("submit", "plain.json", *arguments[2:], "--validation", "other.jsonl")
    assert (code, "no place for a validation file" in errors) == (2, True)
    (folder / "beyond.json").write_text(sftc("compile", "beyond.toml", "--target", "together")[1])
    code, _, errors = sftc("submit", "beyond.json", *arguments[2:])
    assert (code, "`training_type.lora_r` of the payload: 256 is above" in errors) == (1, True)


def test_a_validation_file_that_is_missing_stops_the_command(
    sftc: Program, folder: Path, running: OddService
) -> None:
    (folder / "other.jsonl").unlink()
    code, _, errors = sftc("train", "--config", "validated.toml", "--target", "together")
    assert (code, "no validation file other.jsonl, and the job evaluates on it" in errors) == (1, True)
    assert running.asked == []


def test_a_key_that_the_job_needs_is_asked_for_before_anything_is_sent(
    sftc: Program, running: OddService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    code, _, errors = sftc("train", "--config", "tracked.toml", "--target", "together")
    assert (code, "the job needs WANDB_API_KEY" in errors, running.asked) == (2, True, [])
