"""Pages that follow a job: a stream that drops misses nothing, and one without news is silent."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from support.services import TOKEN, Client, Told, rows, running, thread

Message = tuple[str, dict[str, str]]
"""The id of a message and its parts."""


@pytest.fixture(scope="module")
def told() -> Told:
    """Return the executor of the service."""
    return Told()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, told: Told) -> Iterator[Client]:
    """Return a client of a service with this executor."""
    with thread(tmp_path_factory.mktemp("streams") / "data", told) as client:
        yield client


@pytest.fixture
def browser(service: Client) -> Iterator[httpx.Client]:
    """Return a client with the cookie of a session."""
    origin = f"http://{service.origin.host}:{service.origin.port}"
    with httpx.Client(base_url=origin, trust_env=False, timeout=60, headers={"Origin": origin}) as client:
        assert client.post("/login", data={"token": TOKEN}).status_code == 303
        yield client


@pytest.fixture(scope="module")
def file(service: Client) -> str:
    """Return the id of a training file that is ready."""
    return service.ready(rows(1))


@pytest.fixture
def job(service: Client, file: str, told: Told) -> Iterator[str]:
    """Provide a job that runs."""
    with running(service, file, told) as id:
        yield id


@contextmanager
def opened(browser: httpx.Client, path: str, last: str | None = None) -> Iterator[Iterator[Message]]:
    """Open a stream, and yield its messages as a browser reads them."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with browser.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _messages(answer)


def _messages(answer: httpx.Response) -> Iterator[Message]:
    id = ""
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name == "id":
            id = value
        elif name == "data":
            yield id, json.loads(value)


def stream_of(browser: httpx.Client, path: str) -> str:
    """Return the address of the stream of a page, which has the state that the page shows."""
    found = re.search(r'data-stream="([^"]+)"', browser.get(path).text)
    assert found
    return found[1]


def until(messages: Iterator[Message], text: str) -> dict[str, str]:
    """Return the parts as they are once one of them has `text`, and the id of the last message as `id`."""
    parts: dict[str, str] = {}
    for id, new in messages:
        parts |= new | {"id": id}
        if text in "".join(new.values()):
            return parts
    raise AssertionError(parts)


def test_a_stream_begins_with_what_the_page_does_not_show(
    browser: httpx.Client, job: str, told: Told
) -> None:
    address = stream_of(browser, f"/jobs/{job}")
    told.tell(1)
    with opened(browser, address) as messages:
        parts = until(messages, "step 1 is done")
    assert {"curves", "events", "state"} <= parts.keys()


def test_a_stream_sends_only_what_has_changed(browser: httpx.Client, job: str, told: Told) -> None:
    with opened(browser, stream_of(browser, f"/jobs/{job}")) as messages:
        told.tell(2)
        parts = until(messages, "step 2 is done")
    assert "step 2" in parts["curves"]
    assert not {"actions", "values", "samples", "found"} & parts.keys()  # the page has them as they are


def test_a_stream_that_drops_misses_nothing(browser: httpx.Client, job: str, told: Told) -> None:
    path = f"/jobs/{job}/stream"
    with opened(browser, path) as messages:
        last = until(messages, "status")["id"]
    told.tell(3)
    told.tell(4)
    with opened(browser, path, last) as messages:
        parts = until(messages, "step 4 is done")
    assert "step 3 is done" in parts["events"]
    assert "0.25 at step 4" in parts["curves"]


def test_a_stream_is_silent_until_something_changes(browser: httpx.Client, job: str, told: Told) -> None:
    path = f"/jobs/{job}/stream"
    with opened(browser, path) as messages:
        id, _ = next(messages)
    with opened(browser, path, id) as messages:
        told.tell(5)
        new, parts = next(messages)  # and not the parts as they were
        assert new != id
        assert "step 5" in parts["curves"] + parts.get("events", "")


def test_the_list_follows_all_jobs(browser: httpx.Client, service: Client, file: str, job: str) -> None:
    with opened(browser, stream_of(browser, "/")) as messages:
        other = service.started(file)
        assert f'id="{other}"' in until(messages, other)["jobs"]
        service.post(f"/jobs/{other}/cancel")
        assert until(messages, "cancelled")


def test_the_list_of_files_follows_their_checks(browser: httpx.Client, service: Client) -> None:
    with opened(browser, stream_of(browser, "/files")) as messages:
        service.upload(b"no json", "broken.jsonl")
        assert "broken.jsonl" in until(messages, "failed")["files"]


def test_a_stream_needs_the_session(browser: httpx.Client, job: str) -> None:
    browser.cookies.clear()
    assert browser.get(f"/jobs/{job}/stream").status_code == 401
