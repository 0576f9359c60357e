"""Requests that a web page in a browser of this machine can send, also with DNS rebinding."""

import httpx
import pytest

from sftc.service.request_origin import is_ours, names_of
from support.services import (
    END,
    IDLE,
    MULTIPART,
    PURPOSE,
    TOKEN,
    Client,
    form,
    good,
    part,
    payload,
    refusal,
    rows,
)

PROGRAM = IDLE
BODY = part(b"file", rows(8), b"train.jsonl") + PURPOSE + END
PAGE = {"Origin": "https://evil.example"}


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("127.0.0.1:8000", True),
        ("127.0.0.1", True),
        ("[::1]:8000", True),
        ("192.168.1.5:8000", True),
        ("localhost:8000", True),
        ("LOCALHOST.", True),
        ("trainer.example.org", True),
        ("Trainer:8000", True),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example#localhost", False),
        ("[::1", False),
        ("[localhost]", False),
        ("localhost:port", False),
        ("localhost, evil.example", False),
        ("", False),
    ],
)
def test_a_host_is_known_by_its_name_or_an_address(host: str, *, is_known: bool) -> None:
    assert is_ours(host, names_of("trainer.example.org", ["trainer"])) == is_known


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/learning/jobs", "/nothing"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example"])
def test_a_request_for_another_host_is_refused(service: Client, path: str, host: str) -> None:
    """After DNS rebinding, a page's own host name leads to this service."""
    answer = service.get(service.origin.join(path), headers={"Host": host})
    assert "--allow-host" in refusal(answer, 403, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8000", "10.0.0.1"])
def test_a_request_for_this_host_is_accepted(service: Client, host: str) -> None:
    assert good(service.get("/jobs", headers={"Host": host})) is not None


@pytest.mark.parametrize("token", [True, False])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "file://", "http://127.0.0.1"]
)
def test_a_page_of_another_origin_changes_nothing(service: Client, origin: str, *, token: bool) -> None:
    """Also not one that knows the token, which no page should."""
    file = service.ready(rows(7))
    job = good(service.create(payload(file)))["id"]
    headers = {"Origin": origin, "Authorization": f"Bearer {TOKEN}" if token else ""}
    before = service.listed("/jobs"), service.listed("/files")
    requests = [
        service.build_request("POST", "/jobs", json=payload(file)),
        service.build_request("POST", f"/jobs/{job}/start", json={}),
        service.build_request("POST", f"/jobs/{job}/cancel", content=b""),
        service.build_request("POST", "/files", content=BODY, headers=MULTIPART),
    ]
    for request in requests:
        request.headers.update(headers)
        answer = service.send(request)
        refusal(answer, 403, "foreign_origin")
    assert (service.listed("/jobs"), service.listed("/files")) == before


def test_what_a_page_can_send_without_asking_has_no_token(service: Client) -> None:
    """A form, or a request whose headers need no preflight; neither may carry the token elsewhere."""
    before = service.listed("/jobs"), service.listed("/files")
    with httpx.Client(base_url=service.origin, trust_env=False) as page:
        for path in (
            f"/api/learning/jobs?token={TOKEN}&authorization=Bearer%20{TOKEN}",
            "/api/learning/files",
        ):
            answer = page.post(
                path, content=b"{}", headers={"Content-Type": "text/plain", "Cookie": f"token={TOKEN}"}
            )
            refusal(answer, 401, "unauthorized")
    assert (service.listed("/jobs"), service.listed("/files")) == before


def test_a_preflight_of_a_browser_gets_no_permission(service: Client) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for headers in (PAGE | asks, asks):
        answer = service.options("/jobs", headers=headers)
        assert answer.status_code in {403, 405}
        assert not [name for name in answer.headers if name.startswith("access-control")]
    answer = service.get("/jobs")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_page_of_the_service_itself_is_accepted(service: Client) -> None:
    host = f"{service.origin.host}:{service.origin.port}"
    assert good(service.get("/jobs", headers={"Origin": f"http://{host}"})) is not None
    assert good(form(service, BODY, Origin=f"http://{host}"))
