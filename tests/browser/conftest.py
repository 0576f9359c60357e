"""A real browser, and a service whose jobs report what a test tells them to."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from support.services import Client, Told, good, payload, rows, running, thread
from support.web_browser import CHROMIUM, log_in


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return Chromium."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def told() -> Told:
    """Return the executor of the service."""
    return Told()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, told: Told) -> Iterator[Client]:
    """Return a client of the service."""
    with thread(tmp_path_factory.mktemp("browser") / "data", told) as client:
        yield client


@pytest.fixture(scope="module")
def file(service: Client) -> str:
    """Return the id of a training file that is ready; another one is not."""
    service.checked(service.upload(b"no json", "bad.jsonl")["id"])
    return service.ready(rows(1))


@pytest.fixture
def job(service: Client, file: str, told: Told) -> Iterator[str]:
    """Provide a job that runs."""
    with running(service, file, told) as id:
        yield id


@pytest.fixture(scope="module")
def described(service: Client, file: str) -> str:
    """Return a job that came with its config, and is not started."""
    id = str(good(service.create(payload(file)))["id"])
    found = {"id": "a-rule", "severity": "warning", "message": "too long" * 50, "help": "less", "line": 3}
    provenance = {
        "git_revision": "0123456789" * 4 + "-dirty",
        "files": [{"path": "job.sft.toml", "text": '[job]\nmodel = "m"\n# ' + "long " * 100}],
        "findings": [{**found, "path": "job.sft.toml"}],
        "origins": {"/model": {"kind": "config", "key": "job.model", "path": "job.sft.toml", "line": 2}},
    }
    good(service.put(f"/jobs/{id}/provenance", json=provenance))
    return id


@pytest.fixture
def page(chromium: Browser, service: Client) -> Iterator[Page]:
    """Provide a page of a browser that is logged in; at the end, nothing may be in its console."""
    with chromium.new_context(base_url=str(service.origin)) as context:
        page = context.new_page()
        said: list[str] = []

        def hear(message: ConsoleMessage) -> None:
            if message.type == "error" and message.location["url"] != page.url:  # a page may answer 404
                said.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: said.append(str(error)))
        log_in(page)
        yield page
        assert said == []
