"""The pages of the service in a real browser, as a person uses them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from sftc.service.data_folder import Folder
from sftc.service.store import Store
from support.services import SERVE, TOKEN, Client, Told, good, payload, process, rows, thread
from support.waiting import eventually
from support.web_browser import log_in

LOOKS = ["light", "dark", "light and narrow", "dark and narrow"]
PATHS = ["/", "/files", "/jobs/{job}", "/jobs/{described}", "/jobs/none", "/login"]


def focused(page: Page) -> str:
    """Return the text of the element that has the focus, if one has."""
    return str(page.locator(":focus").inner_text() if page.locator(":focus").count() else "")


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return the rules of accessibility that axe finds violated, and the elements."""
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


def test_a_job_is_found_and_cancelled_with_the_keyboard_alone(page: Page, service: Client, job: str) -> None:
    page.reload()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"/jobs/{job}")
    while "Cancel…" not in focused(page):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "Cancel this job"
    page.keyboard.press("Enter")
    assert service.once(job)["status"] == "cancelled"
    expect(page.get_by_role("button", name="Start again")).to_be_visible()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_and_nothing_is_cut_off(  # noqa: PLR0913, PLR0917  cases and fixtures
    page: Page, told: Told, job: str, described: str, path: str, look: str
) -> None:
    told.tell(1)
    told.event("sample", "m", {"prompt": "Who are you?", "step": 0, "answer": "a model"})
    told.event("warning", "`compute.gpu_type`: a warning")
    page.emulate_media(color_scheme="dark" if "dark" in look else "light")
    page.set_viewport_size({"width": 320 if "narrow" in look else 1280, "height": 800})
    page.goto(path.format(job=job, described=described))
    if "{job}" in path:
        expect(page.locator("#curves")).to_contain_text("train.loss")
    if "{described}" in path:
        expect(page.get_by_role("row", name='2 model = "m"')).to_contain_text("/model")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_values_keep_their_spaces_and_stay_beside_their_keys(page: Page, service: Client, file: str) -> None:
    tags = {"\u05e9\u05dc\u05d5\u05dd": "\u05e2\u05d5\u05dc\u05dd", "gap": "a  b"}
    sent = payload(file)
    sent["metadata"]["schema_version"] = 2
    sent["metadata"]["effective_config"]["tags"] = tags
    id = str(good(service.create(sent))["id"])
    text = "\n".join(["[tags]", *(f'"{name}" = "{value}"' for name, value in tags.items())])
    origins = {
        f"/metadata/effective_config/tags/{name}": {"kind": "config", "path": "job.sft.toml", "line": line}
        for line, name in enumerate(tags, 2)
    }
    provenance = {"files": [{"path": "job.sft.toml", "text": text}], "findings": [], "origins": origins}
    good(service.put(f"/jobs/{id}/provenance", json=provenance))
    page.goto(f"/jobs/{id}")
    key, value = (page.locator("table.config tr:nth-child(2) td:last-child code").nth(at) for at in (0, 1))
    ends, begins = key.bounding_box(), value.bounding_box()
    assert ends
    assert begins
    assert ends["x"] + ends["width"] <= begins["x"]
    assert page.locator("table.config tr:nth-child(3) code").all_inner_texts()[-1] == '"a  b"'


def test_curves_events_and_title_follow_the_job(page: Page, told: Told, job: str) -> None:
    page.goto(f"/jobs/{job}")
    expect(page.locator("#curves")).to_contain_text("Curves appear with the first step.")
    told.event("training", "it begins", {"steps": 10, "step": 0})
    for step in range(1, 5):
        told.tell(step)
    expect(page.get_by_role("img", name="train.loss is 0.25 at step 4")).to_be_visible()
    expect(page.locator("#events")).to_contain_text("step 4 is done")
    expect(page.get_by_role("progressbar", name="Steps done")).to_have_attribute("value", "4")
    expect(page).to_have_title("40% · Qwen3-4B · running")


def test_the_legend_shows_the_values_under_the_pointer(page: Page, told: Told, job: str) -> None:
    for step in range(1, 6):
        told.tell(step)
    page.goto(f"/jobs/{job}")
    legend = page.locator(".legend strong")
    expect(legend).to_have_text("0.2")
    page.get_by_role("img").hover(position={"x": 8, "y": 20})
    expect(legend).to_have_text("1 at step 1")
    page.locator("h1").hover()
    expect(legend).to_have_text("0.2")


def test_a_change_takes_neither_focus_nor_an_open_question(
    page: Page, service: Client, told: Told, file: str, job: str
) -> None:
    page.goto("/")
    page.locator(f"#{job} a").focus()
    told.event("training", "it begins", {"steps": 10, "step": 0})
    told.tell(5)
    other = service.started(file)  # a row before it
    expect(page.locator(f"#{other}")).to_be_visible()
    expect(page.locator(f"#{job}")).to_contain_text("step 5 of 10")
    expect(page.locator(f"#{job} a")).to_be_focused()
    service.post(f"/jobs/{other}/cancel")
    page.goto(f"/jobs/{job}")
    page.get_by_text("Cancel…").click()
    told.tell(6)
    expect(page.locator("#events")).to_contain_text("step 6 is done")
    expect(page.get_by_role("button", name="Cancel this job")).to_be_visible()


def test_two_hundred_jobs_follow_one_that_runs(chromium: Browser, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    store = Store(folder.database)
    for _ in range(200):
        store.add_job(payload("file-1"), "sha256:0", None)
    store.close()
    folder.close()
    told = Told()
    with (
        thread(tmp_path / "data", told) as service,
        chromium.new_context(base_url=str(service.origin)) as tab,
    ):
        page = tab.new_page()
        log_in(page)
        expect(page.locator(".jobs > li")).to_have_count(200)
        job = service.started(service.ready(rows(1)))
        expect(page.locator(".jobs > li")).to_have_count(201)
        eventually(lambda: told.report)
        told.event("training", "it begins", {"steps": 1000, "step": 0})
        for step in range(1, 301):
            told.tell(step)
        expect(page.locator(f"#{job}")).to_contain_text("step 300 of 1,000")


def test_a_page_reconnects_and_shows_what_it_missed(chromium: Browser, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = (*SERVE, "--port", str(port), "--token", TOKEN, "--data-dir")
    with chromium.new_context(base_url=f"http://127.0.0.1:{port}") as tab:
        page = tab.new_page()
        with process(tmp_path / "data", program) as running:
            log_in(page)
            expect(page.get_by_text("No jobs yet.")).to_be_visible()
            running.kill()
        expect(page.get_by_role("status")).to_have_text("Connection lost, trying again…")
        with process(tmp_path / "data", program) as running, Client(running.url) as client:
            job = client.started(client.ready(rows(1)))
            expect(page.locator(f"#{job}")).to_contain_text("failed", timeout=20_000)
            expect(page.get_by_role("status")).to_be_empty()


def test_a_page_says_so_if_the_token_is_another_one(chromium: Browser, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with chromium.new_context(base_url=f"http://127.0.0.1:{port}") as tab:
        page = tab.new_page()
        for token in (TOKEN, "another-token"):
            program = (*SERVE, "--port", str(port), "--token", token, "--data-dir")
            with process(tmp_path / "data", program) as running:
                if token == TOKEN:
                    log_in(page)
                    running.kill()
                else:
                    expect(page.get_by_role("status")).to_contain_text("reload", timeout=20_000)
                    page.reload()
                    page.wait_for_url("/login?to=/")


def test_a_tab_that_nobody_sees_holds_no_connection(page: Page, service: Client, job: str) -> None:
    """A browser has six connections to a host."""
    for _ in range(8):
        tab = page.context.new_page()
        tab.goto(f"/jobs/{job}", timeout=10_000)
        tab.evaluate(
            "Object.defineProperty(document, 'hidden', { value: true })"
        )  # without a window, none is
        tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_pages_work_without_the_script(chromium: Browser, service: Client, job: str) -> None:
    with chromium.new_context(base_url=str(service.origin), java_script_enabled=False) as tab:
        page = tab.new_page()
        page.goto("/login")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button").click()
        page.locator(f"#{job} a").click()
        page.get_by_text("Cancel…").click()
        page.get_by_role("button", name="Cancel this job").click()
        assert service.once(job)["status"] == "cancelled"


EVIL = """<!doctype html><form method=post action="{url}/jobs/{job}/cancel"><button>go</button></form>
<iframe src="{url}/jobs/{job}"></iframe><script src="{url}/static/page.js"></script>
<script>
window.told = [];
const tell = what => window.told.push(what);
fetch("{url}/jobs/{job}", {{credentials: "include"}}).then(() => tell("read"), () => {{}});
fetch("{url}/jobs/{job}/cancel", {{method: "POST", credentials: "include", mode: "no-cors"}});
navigator.sendBeacon("{url}/jobs/{job}/cancel");
const source = new EventSource("{url}/jobs/{job}/stream", {{withCredentials: true}});
source.onmessage = () => tell("stream");
source.onerror = () => {{ document.title = "refused"; }};
</script>"""


@contextmanager
def another_origin(folder: Path) -> Iterator[str]:
    """Serve a folder on another port of this machine, which gets the same cookies."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_page_of_another_origin_can_do_nothing(
    chromium: Browser, service: Client, job: str, tmp_path: Path
) -> None:
    (tmp_path / "evil.html").write_text(EVIL.format(url=service.origin, job=job), encoding="utf-8")
    with (
        another_origin(tmp_path) as origin,
        chromium.new_context(base_url=str(service.origin)) as tab,
    ):
        page = tab.new_page()
        log_in(page)
        page.goto(f"{origin}/evil.html")
        expect(page).to_have_title("refused")
        page.get_by_text("go").click()
        expect(page.locator("body")).to_contain_text("foreign_origin")
        assert page.evaluate("window.told ?? []") == []
    assert service.job(job)["status"] == "running"
