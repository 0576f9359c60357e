"""Requests to a busy, broken or strict service, and the messages about them."""

import logging
import time
import traceback
from email.utils import formatdate
from typing import Any

import pytest

from sftc.submission.client import Patience, Sending, ServiceClient
from sftc.submission.endpoint import ApiKey, Backend, SettingsError
from sftc.submission.failures import RefusedError, UnreachableError
from support.backends import Answer, Asked, OddService, nothing_listens, odd_service
from support.environment import KEY

DONE = Answer({"done": True})
BROKEN = {
    "no byte": Answer(cut=0),
    "half a head": Answer({"done": True}, cut=12),
    "no body": Answer({"done": True}, cut=-14),
    "half a body": Answer({"done": True}, cut=-3),
    "not JSON": Answer(b"<html>busy</html>"),
    "nothing": Answer(b""),
    "no content": Answer(status=204),
    "half an object": Answer(b'{"done": tr'),
    "a list": Answer(["done"]),
    "null": Answer(None),
    "not UTF-8": Answer(b'{"done": "\xff"}'),
    "a deep one": Answer(b"[" * 100_000),
    "not gzip": Answer(b'{"done": true}', headers={"Content-Encoding": "gzip"}),
    "not HTTP": Answer(b"", headers={" \x00": ""}),
}
SHAPES: dict[str, dict[str, Any]] = {
    "error object": {"error": {"code": "bad_model", "message": "no such model", "request_id": "req-1"}},
    "detail object": {"detail": {"code": "bad_model", "message": "no such model", "request_id": "req-1"}},
    "flat": {"code": "bad_model", "message": "no such model", "request_id": "req-1"},
}
MARK = "do not show this"


class Client:
    """A client that records its messages."""

    def __init__(self, url: str, tries: int = 4) -> None:
        self.told: list[str] = []
        backend = Backend(url, ApiKey(KEY))
        self.service = ServiceClient(backend, self.told.append, Patience(tries, 0.001))

    def get(self, path: str = "jobs") -> dict[str, Any]:
        with self.service:
            return self.service.get(path)

    def create_job(self) -> dict[str, Any]:
        """Send the one request of the table that is a POST with a JSON body."""
        with self.service:
            return self.service.call(self.service.table.job.create, {"key": "k"}, Sending({})).body


def refusal(service: OddService) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        Client(service.url).get()
    return refused.value


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_temporary_errors_are_retried(status: int) -> None:
    busy = Answer({"error": {"message": "busy"}}, status)
    for call in (Client.get, Client.create_job):
        with odd_service([busy, busy, DONE]) as service:
            client = Client(service.url)
            assert call(client) == {"done": True}
        assert len(service.asked) == 3
        assert [text.partition(";")[0] for text in client.told] == [f"HTTP {status}: busy"] * 2


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_an_invalid_response_is_retried(broken: Answer) -> None:
    for call in (Client.get, Client.create_job):
        with odd_service([broken, broken, DONE]) as service:
            client = Client(service.url)
            assert call(client) == {"done": True}
        assert len(service.asked) == 3
        assert len(client.told) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 422, 501])
def test_permanent_errors_are_not_retried(status: int) -> None:
    for call in (Client.get, Client.create_job):
        with odd_service([Answer({}, status), DONE]) as service, pytest.raises(RefusedError) as refused:
            call(Client(service.url))
        assert refused.value.status == status
        assert len(service.asked) == 1


def test_the_client_gives_up_and_reports_why() -> None:
    with odd_service([Answer({}, 503)]) as service:
        with pytest.raises(
            UnreachableError, match=f"^no valid response from {service.url}: HTTP 503: Status$"
        ):
            Client(service.url).get()
        assert len(service.asked) == 4
    with nothing_listens() as url:
        client = Client(url)
        with pytest.raises(UnreachableError, match=f"^no valid response from {url}: Connect"):
            client.get()
    assert len(client.told) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_can_be_seconds(status: int) -> None:
    answers = [Answer({}, status, {"Retry-After": "1"}), Answer({}, status), DONE]
    with odd_service(answers) as service:
        client = Client(service.url)
        client.get()
    assert client.told == [
        f"HTTP {status}: Status; retrying in 1.0 s (retry 1 of 3)",
        f"HTTP {status}: Status; retrying in 0.0 s (retry 2 of 3)",
    ]


def test_retry_after_can_be_a_date() -> None:
    at = formatdate(time.time() + 3, usegmt=True)
    with odd_service([Answer({}, 429, {"Retry-After": at}), DONE]) as service:
        client = Client(service.url)
        client.get()
    [told] = client.told
    assert 0.5 < float(told.split()[-6]) <= 3


@pytest.mark.parametrize(
    ("value", "wait", "said"),
    [
        ("3600", 3600, "3,600 s"),
        ("9" * 400, 1e9, "1,000,000,000 s"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9, "1,000,000,000 s"),
    ],
)
def test_a_long_retry_after_ends_the_retries_and_is_shown(value: str, wait: float, said: str) -> None:
    with odd_service([Answer({}, 429, {"Retry-After": value})]) as service:
        client = Client(service.url)
        with pytest.raises(
            UnreachableError, match=f"HTTP 429: Status; the service asks to wait {said}$"
        ) as silent:
            client.get()
    assert (silent.value.wait, client.told, len(service.asked)) == (wait, [], 1)


def test_the_last_retry_after_is_shown() -> None:
    with (
        odd_service([Answer({}, 503, {"Retry-After": "120"})]) as service,
        pytest.raises(UnreachableError, match=r"the service asks to wait 120 s$"),
    ):
        Client(service.url, tries=1).get()


def test_a_response_that_is_too_large_is_not_read_to_its_end() -> None:
    with (
        odd_service([Answer(b" " * (65 << 20))]) as service,
        pytest.raises(UnreachableError, match="the response is larger than 64 MiB"),
    ):
        Client(service.url, tries=1).get()


@pytest.mark.parametrize(
    "value",
    ["", "soon", "-5", "1.5e9", "\N{SUPERSCRIPT TWO}", "Mon, 01 Jan 2001 00:00:00 GMT", "Mon, 99 Jan"],
)
def test_an_invalid_retry_after_is_ignored(value: str) -> None:
    with odd_service([Answer({}, 503, {"Retry-After": value}), DONE]) as service:
        client = Client(service.url)
        assert client.get() == {"done": True}
    assert client.told == ["HTTP 503: Status; retrying in 0.0 s (retry 1 of 3)"]


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES)
def test_a_refusal_shows_status_code_message_and_request(body: dict[str, Any]) -> None:
    with odd_service([Answer(body, 400)]) as service:
        error = refusal(service)
    assert (error.status, error.code, error.reason) == (400, "bad_model", "no such model")
    text = "the service refused the request: HTTP 400 `bad_model`: no such model (request req-1)"
    assert str(error) == text
    with odd_service([Answer(body, 400, {"X-Request-Id": "req-2"})]) as service:
        assert str(refusal(service)) == text.replace("req-1", "req-2")


@pytest.mark.parametrize("name", ["error", "detail"])
def test_a_refusal_can_be_plain_text(name: str) -> None:
    with odd_service([Answer({name: "no such model"}, 422)]) as service:
        assert str(refusal(service)) == "the service refused the request: HTTP 422: no such model"


@pytest.mark.parametrize(
    "body",
    [
        f"<html>{MARK}</html>".encode() * 99,
        {"debug": MARK, "trace": [MARK] * 99},
        {"detail": [{"loc": ["body", "model"], "input": MARK}]},
        {"error": {"debug": MARK}},
        {"error": None, "debug": MARK},
        {"error": {"message": "m" * 9000 + MARK, "code": [MARK], "request_id": "r" * 9000 + MARK}},
        [MARK],
    ],
)
def test_a_refusal_does_not_show_the_response_body(body: Any) -> None:
    with odd_service([Answer(body, 400)]) as service:
        error = refusal(service)
    assert MARK not in f"{error} {error!r}"
    assert "HTTP 400" in str(error)
    assert len(str(error)) < 1000


def test_the_key_is_sent_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    shown = []
    for answer in (Answer({}, 401), Answer({}, 503), Answer(cut=5), DONE):
        with odd_service([answer]) as service:
            client = Client(service.url)
            try:
                client.get()
            except (RefusedError, UnreachableError) as error:
                shown += [*traceback.TracebackException.from_exception(error, capture_locals=True).format()]
            shown += [*client.told, repr(client.service), repr(vars(client.service))]
        assert service.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert caplog.text.count("send_request_headers") > 8
    assert KEY not in caplog.text + "".join(shown)


def test_a_key_repeated_in_an_error_is_not_shown() -> None:
    def parrot(asked: Asked) -> Answer:
        said = asked.headers["Authorization"]
        return Answer({"error": {"code": said, "message": f"unknown: {said}", "request_id": said}}, 401)

    with odd_service(parrot) as service:
        error = refusal(service)
    assert "HTTP 401" in str(error)
    assert KEY not in f"{error} {error!r}"


def test_a_key_repeated_elsewhere_is_not_shown() -> None:
    said = {"error": f"the key {KEY} is odd", KEY: [KEY, {"a": f"{KEY}{KEY}"}], "n": 1}
    with odd_service([Answer(said)]) as service:
        body = Client(service.url).get()
    assert KEY not in repr(body)
    assert body["error"] == "the key sk-0...yz is odd"
    with odd_service([Answer(b"HTTP/9 " + KEY.encode(), headers={f"{KEY}\x00": KEY})]) as service:
        client = Client(service.url)
        with pytest.raises(UnreachableError) as silent:
            client.get()
    assert KEY not in f"{silent.value}{client.told}"


def test_an_invalid_host_is_reported() -> None:
    with pytest.raises(SettingsError, match=r"^http://999\.1\.1\.1/api cannot be used: "):
        Client("http://999.1.1.1/api")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_does_not_send_the_key(status: int) -> None:
    with (
        odd_service([DONE]) as other,
        odd_service([Answer(status=status, headers={"Location": f"{other.root}/a"})]) as service,
    ):
        assert Client(service.url).get() == {"done": True}
    assert [(asked.path, asked.headers["Authorization"]) for asked in other.asked] == [("/a", None)]


def test_a_redirect_within_the_service_sends_the_key() -> None:
    with odd_service([Answer(status=307, headers={"Location": "/api/a"}), DONE]) as service:
        assert Client(service.url).get() == {"done": True}
    sent = [(asked.path, asked.headers["Authorization"]) for asked in service.asked]
    assert sent == [("/api/learning/jobs", f"Bearer {KEY}"), ("/api/a", f"Bearer {KEY}")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_post_requests_are_not_redirected(status: int) -> None:
    with odd_service([DONE]) as other:
        for place in (other.root, "/api/a"):
            away = Answer(status=status, headers={"Location": place})
            with odd_service([away, DONE]) as service, pytest.raises(RefusedError, match=f"HTTP {status}"):
                Client(service.url).create_job()
            assert len(service.asked) == 1
    assert other.asked == []


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_requests_to_this_machine_bypass_the_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the key would be sent to the proxy over plain HTTP."""
    with odd_service([DONE]) as proxy, odd_service([Answer({"direct": True})]) as service:
        monkeypatch.setenv(name, proxy.root)
        assert Client(service.url).get() == {"direct": True}
    assert proxy.asked == []


def test_a_redirect_to_no_address_is_an_error() -> None:
    moved = Answer(b"", 302, {"Location": "x:y"})
    with odd_service([moved]) as service, pytest.raises(UnreachableError, match="InvalidURL"):
        Client(service.url, tries=2).get()
