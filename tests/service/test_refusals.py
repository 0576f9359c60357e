"""Invalid jobs: each request is refused with an error code."""

import json

import httpx
import pytest

from sftc.service.limits import DEFAULT_LIMITS
from sftc.text.keys import MAX_DEPTH
from support.services import Client, payload, refusal, rows

JSON = {"Content-Type": "application/json"}


def sent(client: Client, body: str | bytes) -> httpx.Response:
    return client.post("/jobs", content=body, headers=JSON)


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "é", "tab\t."])
def test_an_invalid_idempotency_key_is_refused(service: Client, file: str, key: str) -> None:
    headers = httpx.Headers({"Idempotency-Key": key}, encoding="latin-1")
    refusal(service.post("/jobs", json=payload(file), headers=headers), 400, "invalid_key")


def test_a_job_needs_existing_files_that_are_ready(service: Client, file: str) -> None:
    for unknown in (None, "", "file-0", "x" * 10_000, "\x00", "😀"):
        assert len(refusal(service.create(payload(unknown)), 400, "unknown_training_file")) < 200
    failed = service.checked(service.upload(b"{}\n")["id"])
    message = refusal(service.create(payload(failed["id"])), 400, "training_file_not_ready")
    assert failed["error"] in message
    job = payload(file)
    job["metadata"]["effective_config"]["data"]["validation_files"] = [file, "file-0"]
    refusal(service.create(job), 400, "unknown_validation_file")
    job["metadata"]["effective_config"]["data"]["validation_files"] = [failed["id"]]
    refusal(service.create(job), 400, "validation_file_not_ready")
    job["metadata"]["effective_config"]["data"]["validation_files"] = [file]
    assert service.create(job).status_code == 201


def test_a_file_is_not_ready_while_it_is_checked(service: Client) -> None:
    big = service.upload(rows(2, count=200_000))
    refusal(service.create(payload(big["id"])), 400, "training_file_not_ready")
    assert service.checked(big["id"])["rows"] == 200_000
    assert service.create(payload(big["id"])).status_code == 201


def test_a_job_needs_a_gpu_type(service: Client, file: str) -> None:
    job = payload(file)
    del job["metadata"]["effective_config"]["compute"]["gpu_type"]
    assert "compute.gpu_type" in refusal(service.create(job), 400, "missing_gpu_type")


@pytest.mark.parametrize("version", [0, 99, "1", None])
def test_a_payload_of_an_unknown_version_is_refused(service: Client, file: str, version: object) -> None:
    job = payload(file)
    job["metadata"]["schema_version"] = version
    assert "known versions: 1" in refusal(service.create(job), 400, "unknown_version")


CONFIG = "metadata.effective_config."


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model", None),
        ("model", " "),
        ("model", 3),
        ("training_type", "rl_online"),
        ("training_file_id", 3),
        ("training_file_id", ["file"]),
        ("hyperparameters", []),
        ("hyperparameters.n_epochs", 0),
        ("hyperparameters.n_epochs", True),
        ("hyperparameters.learning_rate", "1e-4"),
        ("hyperparameters.epochs", 3),
        ("metadata", None),
        (f"{CONFIG}compute", "H100"),
        (f"{CONFIG}compute.gpu_type", " "),
        (f"{CONFIG}compute.gpu_count", 1.5),
        (f"{CONFIG}data", {}),
        (f"{CONFIG}data.topology.x", None),
        (f"{CONFIG}data.validation_files", "file"),
        (f"{CONFIG}training.validation", {}),
        ("metadata.more", 1),
        ("more", 1),
    ],
)
def test_a_payload_that_violates_the_contract_is_refused(
    service: Client, file: str, path: str, value: object
) -> None:
    *tables, name = path.split(".")
    job = table = payload(file)
    for each in tables:
        table = table[each]
    table[name] = value
    refusal(service.create(job), 400, "invalid_payload")


@pytest.mark.parametrize(
    "name", ["model", "training_type", "training_file_id", "hyperparameters", "metadata"]
)
def test_a_payload_with_a_missing_key_is_refused(service: Client, file: str, name: str) -> None:
    job = payload(file)
    del job[name]
    assert name in refusal(service.create(job), 400, "invalid_payload")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"{} {}", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b'"\xff"', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[]", "invalid_payload"),
        (b"null", "invalid_payload"),
        (b'"\\ud800"', "invalid_payload"),
        (b'{"\\ud800": 1}', "invalid_payload"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(service: Client, body: bytes, code: str) -> None:
    refusal(sent(service, body), 400, code)


VALUES = ["NaN", "-Infinity", "1e400", "9007199254740993", "1" * 5000, '"\\udc00"', '{"\\ud800": 1}']


@pytest.mark.parametrize("value", VALUES, ids=[value[:16] for value in VALUES])
def test_a_value_that_cannot_be_digested_is_refused_anywhere(service: Client, file: str, value: str) -> None:
    job = payload(file, place=0)
    bodies = [json.dumps(job).replace('"place": 0', f'"place": {value}')]
    bodies += [json.dumps(job | {name: "place"}).replace('"place"', value) for name in job]
    for body in bodies:
        answer = sent(service, body)
        refusal(answer, 400, answer.json()["error"]["code"])


def test_a_lone_surrogate_in_a_file_id_is_refused(service: Client, file: str) -> None:
    job = payload(file)
    job["metadata"]["effective_config"]["data"]["validation_files"] = [file, "\udcff"]
    refusal(sent(service, json.dumps(job)), 400, "invalid_payload")
    refusal(sent(service, json.dumps(payload("\udcff"))), 400, "invalid_payload")


def test_a_payload_can_be_nested_as_deep_as_a_config(service: Client, file: str) -> None:
    def nested(depth: int) -> httpx.Response:
        value = "[" * depth + "]" * depth
        return sent(service, json.dumps(payload(file, place=0)).replace('"place": 0', f'"place": {value}'))

    assert nested(MAX_DEPTH).status_code == 201
    for depth in (100, 200, 400, 800):
        assert "levels deep" in refusal(nested(depth), 400, "invalid_payload")


@pytest.mark.parametrize("depth", [100, 200, 300, 400, 500, 700, 900, 1100, 100_000])
def test_a_value_of_any_depth_is_accepted_or_refused(service: Client, file: str, depth: int) -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        value = opened * depth + "1" + closed * depth
        answer = sent(service, json.dumps(payload(file, place=0)).replace('"place": 0', f'"place": {value}'))
        if answer.status_code != 201:
            refusal(answer, 400, answer.json()["error"]["code"])


def test_a_body_larger_than_one_mebibyte_is_refused(service: Client, file: str) -> None:
    job = json.dumps(payload(file)).encode()
    assert sent(service, job.ljust(DEFAULT_LIMITS.job)).status_code == 201
    refusal(sent(service, job.ljust(DEFAULT_LIMITS.job + 1)), 413, "too_large")
    id = sent(service, job).json()["id"]
    refusal(
        service.post(f"/jobs/{id}/start", content=b"{}".ljust(DEFAULT_LIMITS.job + 1), headers=JSON),
        413,
        "too_large",
    )
    assert service.job(id)["status"] == "created"
