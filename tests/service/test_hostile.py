"""Malicious requests: file names, headers, bodies and numbers."""

from hashlib import sha256
from pathlib import Path

import pytest

from support.raw_requests import AUTHORIZED, exchange, head, status
from support.services import (
    END,
    MULTIPART,
    PURPOSE,
    Client,
    form,
    good,
    nothing_left,
    part,
    payload,
    process,
    refusal,
    rows,
)

DATA = rows(1)


NAMES = [
    b"../../outside.jsonl",
    b"../service.db",
    b"/tmp/outside.jsonl",
    b"..\\\\..\\\\outside.jsonl",
    b"C:\\\\outside.jsonl",
    b"..",
    b".",
    b"",
    b"%2e%2e%2foutside.jsonl",
    b"a\x00b.jsonl",
    b"a\nb.jsonl",
    b"\xff\xfe.jsonl",
    b"a" * 3000,
    "\N{RIGHT-TO-LEFT OVERRIDE}lnosj.train".encode(),
    b"'; DROP TABLE files; --",
]


def test_a_file_name_never_becomes_a_path(service: Client, folder: Path) -> None:
    for number, name in enumerate(NAMES):
        data = rows(number)
        file = good(form(service, part(b"file", data, name) + PURPOSE + END))
        digest = sha256(data).hexdigest()
        assert file["sha256"] == digest
        assert (folder / "files" / digest).read_bytes() == data
        assert nothing_left(folder)
    assert [*folder.parent.iterdir()] == [folder]
    own = {"service.db", "service.db-wal", "service.db-shm", "lock", "address.json"}
    assert {path.name for path in folder.iterdir()} - own == {"files", "incoming", "jobs"}
    assert {len(path.name) for path in (folder / "files").iterdir()} == {64}
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "header",
    [
        b'Content-Disposition: form-data; name="file"; filename="a\r\nX-Evil: 1\r\n.jsonl"',
        b'Content-Disposition: form-data; name="file"\r\nContent-Disposition: form-data; name="purpose"',
        b'Content-Disposition: form-data; name="file\x00"; filename="a"',
        b'Content-Disposition: form-data; name="file"; filename="a\rb"',
        b"Content-Disposition: form-data; name=file; name=file; filename=a; filename=../b",
        b"Content-Disposition: form-data; filename*=UTF-8''..%2f..%2fa; name=file",
        b"Content-Disposition",
        b": form-data",
    ],
)
def test_a_malformed_part_is_accepted_or_refused(service: Client, folder: Path, header: bytes) -> None:
    answer = service.post(
        "/files",
        content=b"--b\r\n" + header + b"\r\n\r\n" + DATA + b"\r\n" + PURPOSE + END,
        headers=MULTIPART,
    )
    if answer.status_code == 200:
        assert "\n" not in good(answer)["filename"]
    else:
        refusal(answer, 400, answer.json()["error"]["code"])
    assert "x-evil" not in answer.headers
    assert [*folder.parent.iterdir()] == [folder]
    assert nothing_left(folder)


LIST = b"GET /api/learning/jobs"


@pytest.mark.parametrize(
    ("request_head", "expected"),
    [
        (head(LIST, b"Host: x/api/openapi.json?"), {403}),
        (head(LIST, b"Host: x/api/openapi.json#"), {403}),
        (head(LIST, b"Host: [::1"), {403, 400}),
        (head(LIST, b"X-Original-URL: /api/openapi.json", b"X-Forwarded-Prefix: /api/openapi.json?"), {401}),
        (head(b"GET /api/openapi.json/../learning/jobs", b"Host: x"), {403, 404}),
        (head(b"GET //api/openapi.json", b"Host: x"), {403, 404}),
        (head(b"GET /api/openapi.json%2f..%2flearning%2fjobs", b"Host: x"), {403, 404}),
        (head(b"GET http://x/api/openapi.json?/../learning/jobs", b"Host: localhost"), {200}),
        (head(LIST, b"Authorization: Bearer \xe9"), {401}),
        (head(LIST, b"Authorization: Bearer"), {401}),
        (head(LIST, b"Authorization: ", AUTHORIZED), {401}),
        (head(LIST, b"Authorization: Bearer " + b"x" * 60_000), {401, 400, 431}),
        (head(LIST, b"X: a\r\n" + AUTHORIZED.replace(b": ", b":\r\n ")), {400, 401}),
        (head(LIST, AUTHORIZED + b"\x00"), {400, 401}),
        (head(LIST, b" " + AUTHORIZED), {400, 401}),
        (head(LIST, AUTHORIZED.replace(b":", b" :")), {400, 401}),
        (head(b"GET /api/learning/jobs\x00", AUTHORIZED), {400}),
        (head(b"GET /api/learning/jobs\xff", AUTHORIZED), {400}),
        (b"GET /api/learning/jobs HTTP/9.9\r\n\r\n", {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
        (head(LIST, AUTHORIZED, b"X-Request-Id: a\rSet-Cookie: evil"), {400, 200}),
        (head(LIST, AUTHORIZED, b"Upgrade: websocket"), {200}),
        (head(LIST, b"Upgrade: websocket", b"Connection: Upgrade"), {400, 401}),
        (head(b"GET /api/learning/jobs/", AUTHORIZED), {404}),
        (head(b"OPTIONS *", AUTHORIZED), {400, 404}),
        (head(b"CONNECT x:1", AUTHORIZED), {400, 404}),
    ],
)
def test_a_malformed_request_head_does_not_bypass_the_token(
    service: Client, request_head: bytes, expected: set[int]
) -> None:
    answer = exchange(service, request_head)
    assert status(answer) in expected
    if expected != {200}:
        assert b"Set-Cookie" not in answer
        assert b'"jobs"' not in answer or status(answer) == 200


def test_an_injected_header_is_not_in_the_response(service: Client) -> None:
    file = service.ready(DATA)
    key = "a\r\nX-Evil: 1\r\n\r\nevil"
    for name in ("Idempotency-Key", "X-Request-Id"):
        request = service.build_request("POST", "/jobs", json=payload(file))
        lines = [b"POST /api/learning/jobs", AUTHORIZED, b"Content-Length: %d" % len(request.content)]
        answer = exchange(service, head(*lines, f"{name}: {key[:10]}".encode()) + request.content)
        assert status(answer) == 201
        assert b"evil" not in answer.lower()
    for escaped in ("a%0d%0aX-Evil:%201", "a%0aX-Evil:%201"):
        answer = exchange(service, head(b"GET /api/learning/jobs/" + escaped.encode() + b"/", AUTHORIZED))
        assert status(answer) in {404, 307}
        assert b"\nx-evil" not in answer.lower()


def test_a_request_smuggled_into_a_body_is_not_answered(service: Client) -> None:
    inner = head(LIST, AUTHORIZED)
    both = (b"Transfer-Encoding: chunked", b"Content-Length: %d" % (len(inner) + 5))
    for name in (b"POST /api/openapi.json", b"POST /api/learning/jobs"):
        answer = exchange(service, head(name, *both) + b"0\r\n\r\n" + inner)
        assert b'"jobs"' not in answer
        assert status(answer) in {400, 401, 405}


LARGE = [
    "9223372036854775808",
    "9" * 400,
    "-9223372036854775809",
    "1e3",
    "0x10",
    "1.0",
    "",
    " ",
    "NaN",
    "\x00",
]


@pytest.mark.parametrize("number", [*LARGE, "1_0", "\N{ARABIC-INDIC DIGIT ONE}", "+1", " 1"])
def test_a_number_in_a_query_is_an_integer_of_64_bits(service: Client, number: str) -> None:
    job = service.started(service.ready(DATA))
    for path, name in [
        ("/jobs", "limit"),
        (f"/jobs/{job}/events", "since_seq"),
        (f"/jobs/{job}/events", "limit"),
        (f"/jobs/{job}/metrics", "after_step"),
        (f"/jobs/{job}/metrics", "limit"),
    ]:
        refusal(service.get(path, params={name: number}), 400, "invalid_query")


@pytest.mark.parametrize(("name", "number"), [("limit", "0"), ("limit", "1001"), ("limit", "-1")])
def test_a_limit_outside_1_to_1000_is_refused(service: Client, name: str, number: str) -> None:
    refusal(service.get("/jobs", params={name: number}), 400, "invalid_query")


def test_python_files_in_the_current_folder_are_not_imported(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for name in ("json", "click", "tokenize"):
        (tmp_path / "here" / f"{name}.py").write_text("raise SystemExit('not this one')")
    with process(tmp_path / "data", cwd=tmp_path / "here") as running, Client(running.url) as client:
        assert client.ready(DATA)
