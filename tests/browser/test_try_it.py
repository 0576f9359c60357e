"""The page that checks a config, in Chromium, with the real Pyodide.

The builds of orjson and rpds-py for browsers are only on Pyodide's CDN, which tests cannot reach: small
stand-ins in Python take their place. Everything else is what the published page loads.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from zipfile import ZipFile

import pytest
from browser_runtime import PACKAGES, add_wheel, build
from playwright.sync_api import Browser, Page, expect

import sftc

STAND_INS = Path(__file__).parent / "stand_ins"
LOADED = 60_000


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the site."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "golden/targets"):
        shutil.copytree(root / name, folder / name)
    for name in ("mkdocs.yml", "ARCHITECTURE.md"):
        shutil.copy(root / name, folder / name)
    zensical = Path(sys.executable).parent / "zensical"
    subprocess.run([zensical, "build", "--strict", "--clean"], cwd=folder, check=True, capture_output=True)
    runtime = folder / "site/try-it/runtime"
    build(runtime)
    use_stand_ins(runtime)
    handler = partial(SimpleHTTPRequestHandler, directory=folder / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def use_stand_ins(runtime: Path) -> None:
    """Replace the packages that would come from the CDN."""
    path = runtime / "manifest.json"
    manifest = json.loads(path.read_bytes())
    assert manifest["packages"] == list(PACKAGES)
    locked = json.loads((runtime / "pyodide-lock.json").read_bytes())["packages"]
    assert all(len(locked[name]["sha256"]) == 64 for name in PACKAGES)
    manifest["packages"] = []
    for module in sorted(STAND_INS.glob("*.py")):
        wheel = runtime.parent / f"{module.stem}-0-py3-none-any.whl"
        with ZipFile(wheel, "w") as archive:
            archive.write(module, module.name)
        manifest["wheels"].insert(0, add_wheel(wheel, runtime))
    path.write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def page(chromium: Browser, site: str) -> Iterator[Page]:
    """Return the page with sftc loaded; it must ask no other host."""
    page = chromium.new_page(viewport={"width": 1280, "height": 1400})
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site}/try-it/")
    page.get_by_role("button", name="Load sftc").click()
    expect(page.locator("#try-status")).to_contain_text("error", timeout=LOADED)
    yield page
    # The theme asks GitHub for the number of stars.
    assert not [url for url in asked if not url.startswith((site, "blob:", "https://api.github.com/repos/"))]
    assert errors == []
    page.close()


def type_config(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Config").fill(text)


def test_findings_and_payload_are_those_of_the_program(page: Page) -> None:
    config = page.get_by_role("textbox", name="Config").input_value()
    found = sftc.compile(config).findings
    items = page.get_by_role("list", name="Findings").get_by_role("listitem")
    expect(items).to_have_count(len(found))
    for number, each in enumerate(found):
        expect(items.nth(number)).to_contain_text(f"{each.span.line}:{each.span.column}")
        expect(items.nth(number)).to_contain_text(each.message)
    fixed = config.replace("2.0", "2").replace("rank", "r")
    type_config(page, fixed)
    expect(page.locator("#try-status")).to_have_text("no findings")
    expect(page.locator("#try-output")).to_have_text(sftc.compile(fixed).to_bytes().decode().strip())
    page.get_by_role("combobox", name="Target").select_option("trl")
    expect(page.locator("#try-output")).to_contain_text("per_device_train_batch_size")
    page.get_by_role("combobox", name="Target").select_option("sft-offline")


def test_a_place_selects_the_text(page: Page) -> None:
    type_config(page, '# 😀 漢\nschema_version = 2\n[job]\nmodel = "😀"\nbad = 1\n')
    page.get_by_role("button", name="5:1", exact=True).click()
    selected = page.evaluate(
        "() => { const c = document.getElementById('try-config');"
        " return c.value.slice(c.selectionStart, c.selectionEnd) }"
    )
    assert selected == "bad"


def test_a_finding_leads_to_its_page(page: Page, site: str) -> None:
    type_config(page, "schema_version = 2\n")
    link = page.get_by_role("link", name="error[missing-key]")
    address = link.evaluate("element => element.href")
    name = address.partition("#")[2]
    assert page.request.get(address).text().count(f'id="{name}"') + page.request.get(address).text().count(
        f"id={name}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)> = 1",
        '"<script>alert(1)</script>" = 1\n',
        "a = '\u202e'",
        "\0",
        "[" * 9999,
    ],
)
def test_hostile_text_is_shown_as_text(page: Page, text: str) -> None:
    page.on("dialog", lambda _: pytest.fail("a script ran"))
    type_config(page, text)
    expect(page.locator("#try-status")).to_contain_text("error")
    assert page.locator("#try-list img, #try-list script").count() == 0


def test_a_config_with_a_base_says_that_there_is_no_file(page: Page) -> None:
    type_config(page, 'schema_version = 2\nextends = "base.toml"\n')
    expect(page.get_by_role("list", name="Findings")).to_contain_text("cannot be read")
