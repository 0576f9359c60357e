"""The service against its OpenAPI document: schemathesis sends valid and invalid requests."""

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import settings
from schemathesis import AuthContext, Case, CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from sftc.contract.versions import PACKAGED
from sftc.service.limits import DEFAULT_LIMITS, ServiceLimits
from support.raw_requests import AUTHORIZED as KEY
from support.raw_requests import FORM, answered, connected, head, status
from support.services import (
    END,
    IDLE,
    MULTIPART,
    PURPOSE,
    STEPS,
    TOKEN,
    Client,
    Steps,
    good,
    payload,
    process,
    rows,
    thread,
)

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
SHAPES: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
schema = schemathesis.openapi.from_dict(json.loads(PACKAGED.read("wire/openapi.json")))


@schema.auth()
class Key:
    """Adds the token to every request that schemathesis sends with authentication."""

    def get(self, case: Case[Any], context: AuthContext) -> str:
        return AUTHORIZED["Authorization"]

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        case.headers["Authorization"] = data


PROGRAM = STEPS
PROVENANCE = {"files": [{"path": "job.toml", "text": "[job]\n"}], "findings": [], "origins": {}}
_FRAMING = {"content-length", "transfer-encoding"}
"""Headers that say where a request ends. With random values, it is no HTTP, and no response of the API."""

LIMITED = ("bash", "-c", 'ulimit -f 2048 && exec "$@"', "limited", *IDLE)
"""A service that runs no jobs and can write only small files."""


@pytest.fixture(scope="module")
def ids(service: Client) -> dict[str, str]:
    """Return the ids of a file and of a finished job that has events and metrics."""
    file = service.ready(rows(1))
    job = service.once(service.started(file, steps=3, points={"odd": "nan"}))
    assert service.listed(f"/jobs/{job['id']}/metrics")
    return {"files": file, "jobs": job["id"]}


@schema.parametrize()
@settings(max_examples=15)
def test_responses_match_the_openapi_document(case: Case[Any], service: Client, ids: dict[str, str]) -> None:
    url = str(service.origin)
    for name in [each for each in case.headers or () if each.lower() in _FRAMING]:
        del case.headers[name]
    creates = case.operation.label == "POST /api/learning/jobs"
    # The payload schema, not the OpenAPI document, says which jobs are valid.
    excluded: list[CheckFunction] = [checks.positive_data_acceptance] if creates else []
    case.call_and_validate(base_url=url, excluded_checks=excluded)
    # Again with an existing id or a valid job, which random data never contains.
    if "id" in case.path_parameters:
        case.path_parameters["id"] = ids[case.operation.path.split("/")[3]]
    if creates:
        case.body = payload(ids["files"])
    case.call_and_validate(base_url=url, headers=AUTHORIZED, checks=SHAPES)


class Seen:
    """Validates every response by the document, and collects the responses by request and status."""

    def __init__(self) -> None:
        found = [each for each in schema.get_all_operations() if isinstance(each, Ok)]
        self.operations = {each.ok().label: each.ok() for each in found}
        self.named = {
            (label, int(status))
            for label, each in self.operations.items()
            for status in each.definition.raw["responses"]
        }
        self.answers: set[tuple[str, int]] = set()

    def __call__(self, answer: httpx.Response) -> None:
        answer.read()
        parts = answer.request.url.path.split("/")
        parts[4:5] = ["{id}"] * len(parts[4:5])
        label = f"{answer.request.method} {'/'.join(parts)}"
        answer.request = httpx.Request(
            answer.request.method, answer.request.url
        )  # the request body is no longer available
        answer.elapsed = timedelta()
        self.operations[label].validate_response(answer)
        self.answers.add((label, answer.status_code))


def test_every_documented_response_occurs(tmp_path: Path) -> None:
    seen, many = Seen(), b" " * (DEFAULT_LIMITS.job + 1)
    with thread(tmp_path, Steps()) as client:
        client.event_hooks["response"] = [seen]
        client.get(client.origin.join("/api/openapi.json"))
        client.get(client.origin.join("/api/openapi.json"), headers={"Host": "evil.example"})
        file = client.ready(rows(1))
        id = client.started(file, steps=2)
        client.once(id)
        for path in ("/files", "/jobs", f"/jobs/{id}/events", f"/jobs/{id}/metrics", f"/jobs/{id}/timeline"):
            assert client.listed(path)
        good(client.post(f"/jobs/{id}/cancel"))
        for number in (1, 1, 2):
            client.create(payload(file, number=number), "key")
        for label in seen.operations.keys() - {"GET /api/openapi.json"}:
            method, path = label.replace("/api/learning", "").split(" ")
            client.request(method, path, headers={"Authorization": "none"})
            client.request(method, path, headers={"Origin": "https://evil.example"})
            changes = method in {"POST", "PUT"}
            client.request(method, path, json={} if changes else None)
            path = path.replace("{id}", id)
            client.request(method, path, json=[] if changes else None, params={"limit": "0"})
            client.request(method, path, content=many if changes else None)
        new = good(client.create(payload(file), "new"))["id"]
        for job in (new, id):  # one that was not started yet, and one that was
            client.put(f"/jobs/{job}/provenance", json=PROVENANCE)
        client.get(f"/jobs/{new}/provenance")
        (tmp_path / "incoming").rmdir()
        client.post("/files", content=PURPOSE + END, headers=MULTIPART)
    with thread(tmp_path, Steps(), ServiceLimits(upload=1000, patience=1.0)) as client, ExitStack() as links:
        client.event_hooks["response"] = [seen]
        client.post("/files", content=b" " * 1001, headers=MULTIPART)
        waiting = {}
        slow = ["POST /files", "POST /jobs", f"POST /jobs/{id}/start", f"PUT /jobs/{id}/provenance"]
        for request in slow:
            link = waiting[request] = links.enter_context(connected(client))
            line = request.replace(" ", " /api/learning").encode()
            link.sendall(head(line, KEY, FORM, b"Content-Length: 9"))
        for request, link in waiting.items():
            seen(parsed(client.build_request(*request.split(" ")), answered(link)))
    with process(tmp_path / "full", LIMITED) as running, Client(running.url) as client:
        client.event_hooks["response"] = [seen]
        file = client.ready(rows(1))
        jobs = [good(client.create(payload(file)))["id"] for _ in range(50)]
        for size in (500_000, 50_000, 0):
            while client.create(payload(file, text="x" * size)).status_code == 201:
                pass
        for method, path, body in (
            ("PUT", "provenance", PROVENANCE),
            ("POST", "start", {}),
            ("POST", "cancel", {}),
        ):
            # The first requests may still find free space.
            statuses = [client.request(method, f"/jobs/{job}/{path}", json=body).status_code for job in jobs]
            assert 507 in statuses
    assert seen.answers == seen.named


def parsed(request: httpx.Request, answer: bytes) -> httpx.Response:
    top, _, body = answer.partition(b"\r\n\r\n")
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in top.split(b"\r\n")[1:])]
    return httpx.Response(status(answer), headers=headers, content=body, request=request)


def test_the_document_lists_the_versions_of_the_payload() -> None:
    document = json.loads(PACKAGED.read("wire/openapi.json"))
    assert document["x-sftc-payload"]["versions"] == [*PACKAGED.versions]
