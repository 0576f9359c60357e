"""The pages of the service over HTTP: who may see and change what, and what they show."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from sftc.service.data_folder import Folder
from sftc.service.pages.html import duration, prose, size
from sftc.service.store import Store
from support.services import TOKEN, Client, Steps, good, payload, process, refusal, rows, thread
from support.waiting import eventually

HOSTILE = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7 * 7 }}</title>"
PATHS = ["/", "/files", "/jobs/{job}", "/login", "/jobs/none"]


class Browser(httpx.Client):
    """A client that sends what a browser sends, and keeps cookies."""

    def __init__(self, service: Client) -> None:
        origin = f"http://{service.origin.host}:{service.origin.port}"
        super().__init__(base_url=origin, trust_env=False, timeout=60, headers={"Origin": origin})

    def log_in(self, token: str = TOKEN, **more: str) -> httpx.Response:
        """Send the form of the login page."""
        return self.post("/login", data={"token": token, **more})


class Elements(HTMLParser):
    """The elements of a page, each with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return a client of a service whose jobs run."""
    with thread(tmp_path_factory.mktemp("pages") / "data", Steps()) as client:
        yield client


@pytest.fixture
def browser(service: Client) -> Iterator[Browser]:
    """Return a browser that is logged in."""
    with Browser(service) as browser:
        assert browser.log_in().status_code == 303
        yield browser


@pytest.fixture(scope="module")
def file(service: Client) -> str:
    """Return the id of a training file that is ready."""
    return service.ready(rows(1))


@pytest.fixture(scope="module")
def job(service: Client, file: str) -> str:
    """Return a job that has ended."""
    id = service.started(file, steps=5)
    assert service.once(id)["status"] == "succeeded"
    return id


def event(type: str, message: str, **data: Any) -> str:
    """Return an event as the executor `Steps` is told to report it."""
    return json.dumps({"type": type, "message": message, "data": data})


def shown(browser: Browser, path: str) -> str:
    """Return a page."""
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_page_asks_for_the_token_once_and_leads_back(service: Client, job: str) -> None:
    with Browser(service) as browser:
        asked = browser.get(f"/jobs/{job}")
        assert (asked.status_code, asked.headers["location"]) == (303, f"/login?to=/jobs/{job}")
        form = browser.get(asked.headers["location"]).text
        assert f'name="to" value="/jobs/{job}"' in form
        answer = browser.log_in(to=f"/jobs/{job}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{job}")
        assert job in shown(browser, f"/jobs/{job}")
        assert browser.post("/logout").headers["location"] == "/login"
        assert browser.get("/").status_code == 303


def test_the_cookie_is_for_no_script_no_other_site_and_is_not_the_token(service: Client) -> None:
    with Browser(service) as browser:
        cookie = browser.log_in().headers["set-cookie"]
    assert {"httponly", "samesite=strict", "path=/"} <= {each.strip().lower() for each in cookie.split(";")}
    assert TOKEN not in cookie
    assert cookie.startswith(f"sftc-{service.origin.port}=")


@pytest.mark.parametrize("token", ["", "wrong", "é\0", TOKEN + "x", "x" * 5000])
def test_a_wrong_token_begins_no_session(service: Client, token: str) -> None:
    with Browser(service) as browser:
        answer = browser.log_in(token)
        assert answer.status_code == 401
        assert "This is not the token." in answer.text
        assert "set-cookie" not in answer.headers
        assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/jobs/../../x", "/\nx", "", "/login"]
)
def test_a_login_leads_only_to_pages_of_the_service(service: Client, to: str) -> None:
    with Browser(service) as browser:
        assert browser.log_in(to=to).headers["location"] == "/"


def test_the_cookie_opens_no_api_and_the_token_no_page(service: Client, browser: Browser) -> None:
    refusal(browser.get("/api/learning/jobs"), 401, "unauthorized")
    answer = service.get(service.origin.join("/"))
    assert answer.status_code == 303


@pytest.mark.parametrize("path", PATHS)
def test_a_page_loads_nothing_from_elsewhere_and_no_script_in_it_runs(
    browser: Browser, job: str, path: str
) -> None:
    answer = browser.get(path.format(job=job))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert not [name for name in answer.headers if name.startswith("access-control")]
    for tag, attributes in Elements(answer.text).found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert tag != "style"
        for name in ("src", "href", "action"):
            assert re.match(r"[/#](?!/)|$", attributes.get(name) or ""), attributes


def test_what_pages_load_is_there_without_a_session(service: Client) -> None:
    with Browser(service) as browser:
        for tag, attributes in Elements(browser.get("/login").text).found:
            if tag in {"link", "script"}:
                answer = browser.get(attributes.get("href") or attributes.get("src") or "")
                assert answer.status_code == 200
                assert answer.content
        assert browser.get("/static/none").status_code == 404
        assert browser.get("/static/..%2Froutes.py").status_code == 404


def changes(job: str) -> list[str]:
    """Return the paths of what a person can change."""
    return [*(f"/jobs/{job}/{what}" for what in ("cancel", "start", "again")), "/logout", "/login"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # a page of another port of this machine, which has the cookie
        {"Sec-Fetch-Site": "none"},
        {"Origin": ""},
    ],
)
def test_a_page_of_another_origin_changes_nothing(
    service: Client, browser: Browser, job: str, headers: dict[str, str]
) -> None:
    if headers == {"Origin": ""}:  # a program that is no browser
        del browser.headers["Origin"]
        headers = {}
    before = service.listed("/jobs")
    for path in changes(job):
        refusal(browser.post(path, headers=headers, data={"token": TOKEN}), 403, "foreign_origin")
    assert service.listed("/jobs") == before


def test_a_change_needs_the_session(service: Client, job: str) -> None:
    before = service.listed("/jobs")
    with Browser(service) as browser:
        for path in changes(job)[:3]:
            refusal(browser.post(path), 401, "unauthorized")
    assert service.listed("/jobs") == before


def test_another_page_can_link_to_a_page_and_not_load_it(browser: Browser, job: str) -> None:
    foreign = {"Sec-Fetch-Site": "same-site"}
    del browser.headers["Origin"]
    assert browser.get(f"/jobs/{job}", headers=foreign | {"Sec-Fetch-Mode": "navigate"}).status_code == 200
    for path in ("/", f"/jobs/{job}", f"/jobs/{job}/stream", "/static/page.js"):
        refusal(browser.get(path, headers=foreign | {"Sec-Fetch-Mode": "no-cors"}), 403, "foreign_origin")


def test_a_job_is_cancelled_and_started_again_once(service: Client, browser: Browser, file: str) -> None:
    id = service.started(file, end="wait")
    service.once(id, "running")
    assert "Cancel this job" in shown(browser, f"/jobs/{id}")
    assert browser.post(f"/jobs/{id}/again").status_code == 409
    assert browser.post(f"/jobs/{id}/cancel").headers["location"] == f"/jobs/{id}"
    assert service.once(id)["status"] == "cancelled"
    assert "Start again" in shown(browser, f"/jobs/{id}")
    places = {browser.post(f"/jobs/{id}/again").headers["location"] for _ in range(3)}
    [place] = places
    again = place.rpartition("/")[2]
    assert again != id
    assert service.job(again)["payload_digest"] == service.job(id)["payload_digest"]
    service.once(again, "running")
    assert f'href="{place}"' in shown(browser, f"/jobs/{id}")
    browser.post(f"{place}/cancel")
    assert service.once(again)["status"] == "cancelled"


def test_a_job_that_was_only_created_is_started(service: Client, browser: Browser, file: str) -> None:
    id = good(service.create(payload(file)))["id"]
    assert f'action="/jobs/{id}/start"' in shown(browser, f"/jobs/{id}")
    for _ in range(2):
        assert browser.post(f"/jobs/{id}/start").status_code == 303
    assert service.once(id)["status"] == "succeeded"


@pytest.mark.parametrize("path", ["/jobs/none", "/jobs/none/stream"])
def test_an_unknown_job_is_a_page_that_says_so(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "No such job" in answer.text
    assert browser.post("/jobs/none/cancel").status_code == 404


def test_nothing_of_a_file_a_payload_or_an_event_is_read_as_html(
    service: Client, browser: Browser, file: str
) -> None:
    service.checked(service.upload(json.dumps({"messages": HOSTILE}).encode(), HOSTILE)["id"])
    told = [
        event("sample", HOSTILE, prompt=HOSTILE, step=0, answer=HOSTILE),
        event("warning", HOSTILE),
    ]
    odd = payload(file, events=told, points={HOSTILE: 1}, end="refuse", why=json.dumps(HOSTILE))
    odd["model"] = HOSTILE
    odd["metadata"]["effective_config"]["data"]["topology"][HOSTILE] = HOSTILE
    id = good(service.create(odd))["id"]
    good(service.post(f"/jobs/{id}/start", json={}))
    assert service.once(id)["error"] == HOSTILE
    for path in ("/", "/files", f"/jobs/{id}"):
        page = shown(browser, path)
        tags = [tag for tag, _ in Elements(page).found]
        assert "img" not in tags
        assert tags.count("script") == 1
        assert tags.count("title") == 1
        assert "{{ 7 * 7 }}" in page


def test_a_payload_of_an_odd_form_breaks_no_page(service: Client, browser: Browser, file: str) -> None:
    odd = payload(file)
    parts: dict[str, Any] = {f"a.{number}": [{}] for number in range(2000)}
    odd["metadata"]["effective_config"]["data"]["topology"] = parts | {"": {"": {}}, "~/": []}
    id = good(service.create(odd))["id"]
    for path in ("/", f"/jobs/{id}"):
        assert "Qwen3-4B" in shown(browser, path)


def test_findings_and_samples_of_a_long_run_are_not_lost(
    service: Client, browser: Browser, file: str
) -> None:
    told = [event("warning", "the first of all"), *(event("log", f"line {number}") for number in range(300))]
    id = service.started(file, events=told)
    service.once(id)
    page = shown(browser, f"/jobs/{id}")
    assert "<strong>warning</strong> the first of all" in page
    assert "line 299<" in page
    assert "line 9<" not in page


def test_characters_that_hide_themselves_are_shown(service: Client, browser: Browser) -> None:
    service.checked(service.upload(rows(5), "a\u202egnp.jsonl")["id"])
    assert "a&lt;U+202E&gt;gnp.jsonl" in shown(browser, "/files")


def test_files_show_what_the_check_found(service: Client, browser: Browser, file: str) -> None:
    checked = service.checked(service.upload(b'{"messages": []}\n', "bad.jsonl")["id"])
    page = shown(browser, "/files")
    assert "bad.jsonl" in page
    assert prose(checked["error"]) in page
    assert "The check found no errors." in page


def test_a_job_shows_its_curves_samples_findings_and_payload(
    service: Client, browser: Browser, file: str
) -> None:
    text = "`compute.gpu_type`: there is no H100"
    told = [
        event("sample", "m", prompt="Who are you?", step=step, answer=answer)
        for step, answer in ((0, "a model"), (5, "half way"), (9, "your bot"))
    ]
    told.append(event("deviation", text))
    id = service.started(file, steps=4, events=told)
    service.once(id)
    page = shown(browser, f"/jobs/{id}")
    assert "train.loss is 0.25 at step 3, lowest 0.25 at step 3." in page
    assert re.search(r"Before</p><p class=\"said\">a model", page)
    assert re.search(r"After step 9</p><p class=\"said\">your bot", page)
    assert 'class="said">half way' not in page
    notes = re.findall(
        r'class="note[^"]*">(?:<strong>deviation</strong> )?<code>compute.gpu_type</code>: there is no H100',
        page,
    )
    assert len(notes) == 2  # among the findings, and at its key
    assert "/metadata/effective_config/compute/gpu_type" in page
    assert "gpu_type = &#34;H100&#34;" in page


def test_a_job_shows_its_config_beside_what_it_became_and_so_does_its_repetition(
    service: Client, browser: Browser, file: str
) -> None:
    commit = "0123456789" * 4
    provenance = {
        "git_revision": commit,
        "files": [{"path": "job.toml", "text": f'[job]\nmodel = "m"\n# {HOSTILE}\n'}],
        "findings": [{"id": "rule", "severity": "note", "message": HOSTILE, "path": "job.toml", "line": 3}],
        "origins": {"/model": {"kind": "config", "key": "job.model", "path": "job.toml", "line": 2}},
    }
    id = good(service.create(payload(file)))["id"]
    assert "The job came without its config." in shown(browser, f"/jobs/{id}")
    good(service.put(f"/jobs/{id}/provenance", json=provenance))
    good(service.post(f"/jobs/{id}/start", json={}))
    service.once(id)
    again = browser.post(f"/jobs/{id}/again").headers["location"]
    for path in (f"/jobs/{id}", again):
        page = shown(browser, path)
        assert commit in page
        line = r"<td>2</td><td><code>model = &#34;m&#34;</code>\s*</td><td>\s*<p><code>/model</code>"
        assert re.search(line, page)
        assert "<strong>note</strong> &#34;&#39;&gt;&lt;img" in page
        assert "img" not in [tag for tag, _ in Elements(page).found]


def test_two_hundred_jobs_are_one_page(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    store = Store(folder.database)
    ids = [store.add_job(payload("file-1"), "sha256:0", None)[0]["id"] for _ in range(200)]
    store.close()
    folder.close()
    with thread(tmp_path / "data") as service, Browser(service) as browser:
        browser.log_in()
        page = shown(browser, "/")
        listed = [attributes.get("id") for tag, attributes in Elements(page).found if tag == "li"]
        assert listed == ids[::-1]


def test_an_empty_service_says_how_to_begin(tmp_path: Path) -> None:
    with thread(tmp_path / "data") as service, Browser(service) as browser:
        browser.log_in()
        assert "sftc train" in shown(browser, "/")
        assert "No files yet" in shown(browser, "/files")


@pytest.mark.measured
def test_serve_prints_the_address_to_open_and_ends_with_an_open_stream(tmp_path: Path) -> None:
    with process(tmp_path / "data") as running, Client(running.url) as client, Browser(client) as browser:
        eventually(lambda: f"open {running.url} in a browser" in running.log())
        browser.log_in()
        with browser.stream("GET", "/stream") as stream:
            assert next(stream.iter_lines()).startswith("retry:")
            assert running.interrupt() in {0, 130, -2}
        assert "timeout" not in running.log().lower()


def test_code_in_a_text_is_shown_as_such_and_escaped() -> None:
    assert prose("`a<b`: <i>, `open") == "<code>a&lt;b</code>: &lt;i&gt;, `open"


def test_code_in_a_text_is_shown_as_such_and_nothing_in_it_is_html() -> None:
    assert prose("`a<b`: <i>, `open") == "<code>a&lt;b</code>: &lt;i&gt;, `open"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (754, "12 min 34 s"), (7500, "2 h 5 min"), (180_000, "2 d 2 h")]
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2048, "2.0 KiB"), (5 << 30, "5.0 GiB"), (1 << 60, "1048576.0 TiB")],
)
def test_a_size_is_in_the_unit_that_fits(count: int, text: str) -> None:
    assert size(count) == text
