"""Authentication, uploads, and the shape of errors."""

import asyncio
import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from starlette.applications import Starlette
from starlette.routing import Route

from sftc.contract.versions import PACKAGED
from sftc.service.app import EmbeddedService
from sftc.service.executor import Missing
from support.services import (
    END,
    PURPOSE,
    TOKEN,
    Client,
    form,
    good,
    part,
    refusal,
    rows,
    thread,
)
from support.training_files import BROKEN, GOOD, row

FILE = part(b"file", rows(1), b"train.jsonl")


def test_an_uploaded_file_is_checked_and_ready(service: Client, folder: Path) -> None:
    data = GOOD.encode() + b"\n" + row(77).encode()
    file = service.upload(data, "two words é.jsonl")
    digest = sha256(data).hexdigest()
    said = {
        "object": "file",
        "filename": "two words é.jsonl",
        "purpose": "fine-tune",
        "bytes": len(data),
        "sha256": digest,
        "error": None,
    }
    assert file == said | {
        "id": file["id"],
        "created_at": file["created_at"],
        "status": "processing",
        "rows": None,
    }
    assert service.checked(file["id"]) == file | {"status": "ready", "rows": 11}
    assert (folder / "files" / digest).read_bytes() == data


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (GOOD + BROKEN, "line 11: expected a value, but the row ends [row-not-json]"),
        (GOOD + "{}\n" + BROKEN, "line 11: `messages` is missing: "),
        ("", "line 1: "),
        ("\n \n", "line 1: "),
        ('{"messages": [{"role": "\\ud800", "content": "a"}]}\n', "line 1: "),
        ('{"messages": [{"role": "user", "content": "a", "\\ud800": 1}, {"\\udfff": 1}]}\n', "line 1: "),
        ("[" * 100_000, "line 1: "),
    ],
    ids=["broken", "two errors", "empty", "blank", "half a pair", "half a pair as a key", "deep"],
)
def test_a_malformed_file_fails_with_its_first_error_and_line(service: Client, data: str, error: str) -> None:
    file = service.checked(service.upload(data.encode())["id"])
    assert (file["status"], file["rows"]) == ("failed", None)
    assert file["error"].startswith(error)
    assert service.ready(rows(2))


def test_the_same_content_under_another_name_is_the_same_file(service: Client) -> None:
    first = service.checked(service.upload(rows(3), "a.jsonl")["id"])
    assert service.upload(rows(3), "b.jsonl") == first
    assert service.upload(rows(3) + b"\n")["id"] != first["id"]


def test_files_are_listed_newest_first_and_by_content(service: Client) -> None:
    older, newer = (service.checked(service.upload(rows(number))["id"]) for number in (5, 6))
    assert service.listed("/files", limit="2") == [newer, older]
    assert service.listed("/files", sha256=older["sha256"]) == [older]
    assert service.listed("/files", sha256="0" * 64) == []
    refusal(service.get("/files", params={"limit": "0"}), 400, "invalid_query")


def test_parts_of_an_upload_can_be_in_any_order_and_others_are_ignored(service: Client) -> None:
    data = rows(4) + b"--b\r\n\r\n--\r\n-b\r\n--c--\r\n--\r\n\r\n--B--\r"
    file, other = part(b"file", data, b"f"), part(b"other", b"x" * 10_000)
    for body in [PURPOSE + file + END, file + other + PURPOSE + END, other + file + PURPOSE + END + b"more"]:
        assert good(form(service, body))["sha256"] == sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (PURPOSE + END, "no_file"),
        (END, "no_file"),
        (b"", "no_file"),
        (FILE + PURPOSE, "no_file"),
        (FILE + PURPOSE + b"--b", "no_file"),
        ((PURPOSE + FILE + END)[:-20], "no_file"),
        (part(b"files", rows(1), b"train.jsonl") + PURPOSE + END, "no_file"),
        (FILE + FILE + PURPOSE + END, "two_files"),
        (FILE + END, "bad_purpose"),
        (FILE + part(b"purpose", b"") + END, "bad_purpose"),
        (FILE + part(b"purpose", b"fine-tuning") + END, "bad_purpose"),
        (FILE + part(b"purpose", b"\xff\x00") + END, "bad_purpose"),
        (FILE + part(b"purpose", b"fine-tune" * 1000) + END, "bad_purpose"),
        (FILE + PURPOSE + PURPOSE + END, "bad_purpose"),
        (b"x" + FILE + PURPOSE + END, "broken_multipart"),
        (FILE.replace(b": ", b"; ") + PURPOSE + END, "broken_multipart"),
        (b"--b\r\n" + b"a: b\r\n" * 1000 + b"\r\n\r\n" + END, "broken_multipart"),
        (part(b"file", b"", b"f" * 100_000) + PURPOSE + END, "broken_multipart"),
    ],
)
def test_an_upload_without_exactly_one_file_and_purpose_is_refused(
    service: Client, folder: Path, body: bytes, code: str
) -> None:
    refusal(form(service, body), 400, code)
    assert [*(folder / "incoming").iterdir()] == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("application/json", "not_multipart"),
        ("", "not_multipart"),
        ("multipart/form-data", "not_multipart"),
        ("multipart/form-data; boundary=", "not_multipart"),
        ("multipart/mixed; boundary=b", "not_multipart"),
        ("multipart/form-data; boundary=c", "broken_multipart"),
        ("multipart/form-data; boundary=" + "b" * 5000, "broken_multipart"),
    ],
)
def test_an_upload_of_another_content_type_is_refused(service: Client, kind: str, code: str) -> None:
    answer = form(service, FILE + PURPOSE + END, **{"Content-Type": kind})
    refusal(answer, 400, code)


REQUESTS = [
    ("POST", "/files"),
    ("GET", "/files/{id}"),
    ("POST", "/jobs"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{id}"),
    ("GET", "/jobs/{id}/provenance"),
    ("PUT", "/jobs/{id}/provenance"),
    ("POST", "/jobs/{id}/start"),
    ("POST", "/jobs/{id}/cancel"),
    ("GET", "/jobs/{id}/events"),
    ("GET", "/jobs/{id}/metrics"),
    ("GET", "/jobs/{id}/timeline"),
]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
)
def test_requests_without_the_token_are_refused(service: Client, header: str | None) -> None:
    for method, path in [*REQUESTS, ("GET", "/nothing"), ("DELETE", "/jobs")]:
        request = service.build_request(method, path)
        del request.headers["Authorization"]
        if header is not None:
            request.headers["Authorization"] = header
        answer = service.send(request)
        refusal(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("id", ["file-0", "job-0", "x" * 8000, "%00", "%F0%9F%98%80", "%FF", "*", "' OR 1=1"])
def test_an_unknown_id_is_not_found(service: Client, id: str) -> None:
    for method, path in REQUESTS:
        if "{id}" in path:
            answer = service.request(method, path.replace("{id}", id), json={} if method == "POST" else None)
            refusal(answer, 404, "unknown_file" if "files" in path else "unknown_job")


def test_unknown_paths_and_methods_are_refused(service: Client) -> None:
    for path in [
        "/",
        "/job",
        "/jobs/",
        "/files/a/",
        "/jobs/a/b",
        "/files/a/b",
        "/jobs/a/start/b",
        "/../../openapi.yaml",
    ]:
        refusal(service.get(path, follow_redirects=True), 404, "not_found")
    for method, path, allowed in [
        ("DELETE", "/files/a", "GET"),
        ("PUT", "/jobs/a", "GET"),
        ("GET", "/jobs/a/start", "POST"),
        ("PUT", "/files", "GET, HEAD, POST"),
        ("PATCH", "/jobs", "GET, HEAD, POST"),
    ]:
        answer = service.request(method, path)
        refusal(answer, 405, "method_not_allowed")
        assert {*allowed.split(", ")} == {*answer.headers["allow"].split(", ")} - (
            set() if "HEAD" in allowed else {"HEAD"}
        )


def test_every_response_has_its_own_request_id(service: Client) -> None:
    answers = [service.get("/jobs"), service.get("/jobs"), service.get("/nothing"), service.delete("/jobs")]
    answers.append(service.get("/jobs", headers={"X-Request-Id": "mine", "Authorization": "none"}))
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_internal_errors_have_the_shape_of_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with thread(tmp_path) as client:
        (tmp_path / "incoming").rmdir()
        refusal(form(client, FILE + PURPOSE + END), 507, "no_space")
        (tmp_path / "incoming").mkdir()
        (tmp_path / "files").rmdir()
        refusal(form(client, FILE + PURPOSE + END), 507, "no_space")
        assert [*(tmp_path / "incoming").iterdir()] == []
        with closing(sqlite3.connect(tmp_path / "service.db")) as database:
            database.execute("DROP TABLE jobs")
        answers = [client.get("/jobs"), client.get("/jobs/a")]
        for answer in answers:
            refusal(answer, 500, "fault")
            assert answer.headers["x-request-id"] in caplog.text
        links = {each.extensions["network_stream"].get_extra_info("client_addr") for each in answers}
        assert len(links) == 1  # the connection stays


def test_the_openapi_document_is_served_without_a_token(service: Client) -> None:
    answer = httpx.get(service.origin.join("/api/openapi.json"), trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.content == PACKAGED.read("wire/openapi.json")


def test_the_openapi_document_is_valid_and_complete(tmp_path: Path) -> None:
    document: dict[str, Any] = json.loads(PACKAGED.read("wire/openapi.json"))
    schemathesis.openapi.from_dict(document).validate()
    every = asyncio.run(routes(EmbeddedService(tmp_path, TOKEN, Missing()).app()))
    served = {(path, method) for path, method in every if path.startswith("/api/")}  # the others are pages
    assert {(path, method.upper()) for path, item in document["paths"].items() for method in item} >= served
    paths = {f"/api/learning{path}" for _, path in REQUESTS}
    assert document["paths"].keys() == {path for path, _ in served} == paths | {"/api/openapi.json"}


async def routes(app: Starlette) -> set[tuple[str, str]]:
    async with app.router.lifespan_context(app):
        known = [each for each in app.routes if isinstance(each, Route)]
        return {(each.path, method) for each in known for method in each.methods or () if method != "HEAD"}
