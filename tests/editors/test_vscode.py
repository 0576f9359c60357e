"""The extension for VS Code, packed with npm and run in code-server. Run by `make test-vscode`."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from support.waiting import eventually
from support.web_browser import CHROMIUM

FOLDER = "examples/vscode"
SFTC = str(Path(sys.executable).with_name("sftc"))
CODE_SERVER = "code-server@4.139.1"
"""VS Code for browsers."""

NODE = f"node-linux-{ {'aarch64': 'arm64'}.get(platform.machine(), 'x64') }@24"
"""The Node that it wants."""

TEXT = ".editor-group-container .view-lines"
"""What is in the editor, with its hints."""

CONFIG = """\
schema_version = 2

[job]
model = "Qwen/Qwen3-4B"
data = "train.jsonl"

[compute]
gpu_type = "H100"
gpu_cout = 2

[hyperparameters]
per_device_batch = 2
gradient_accumulation_steps = 4
"""

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")


def run(command: Sequence[str], folder: Path, **variables: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def extension(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the packed extension."""
    folder = tmp_path_factory.mktemp("packed") / "vscode"
    shutil.copytree(root / FOLDER, folder, ignore=shutil.ignore_patterns("node_modules", "*.vsix"))
    run(["npm", "install", "--no-audit", "--no-fund"], folder)
    run(["node", "--check", "extension.js"], folder)
    run(["npm", "run", "package"], folder)
    [package] = folder.glob("*.vsix")
    return package


@pytest.fixture(scope="module")
def editor(extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of VS Code with the extension. None of its compiled modules is needed."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with TemporaryDirectory(prefix="code-server-") as installed:
        folder = Path(installed)
        (folder / "package.json").write_text("{}", encoding="utf-8")
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        run([*install, CODE_SERVER, NODE], folder)
        [node] = folder.glob("node_modules/node-*/bin")
        settings = {"HOME": installed, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
        package = folder / "node_modules/code-server"
        run([*install, "--omit=dev"], package / "lib/vscode", **settings)
        run([*install, "--omit=dev"], package / "lib/vscode/extensions", **settings)
        user = folder / "data/User"
        user.mkdir(parents=True)
        wanted = {"sftc.command": SFTC, "workbench.startupEditor": "none", "chat.disableAIFeatures": True}
        (user / "settings.json").write_text(json.dumps(wanted), encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        program = ["node", str(package / "out/node/entry.js"), "--user-data-dir", str(folder / "data")]
        run([*program, "--install-extension", str(extension)], folder, **settings)
        options = ["--auth", "none", "--bind-addr", f"127.0.0.1:{port}", "--disable-workspace-trust"]
        options += ["--disable-telemetry", "--disable-update-check"]
        log, environment = tmp_path_factory.mktemp("code-server") / "log", {**os.environ, **settings}
        with (
            log.open("wb") as written,
            subprocess.Popen([*program, *options], env=environment, stdout=written, stderr=written) as server,
        ):
            eventually(lambda: listens(port))
            yield f"http://127.0.0.1:{port}"
            server.terminate()


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def page(editor: str, tmp_path: Path) -> Iterator[Page]:
    """Provide VS Code with a config that is open and has been checked."""
    (tmp_path / "job.sft.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "train.jsonl").write_text("{}\n" * 10, encoding="utf-8")
    with sync_playwright() as tools, tools.chromium.launch(executable_path=CHROMIUM) as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto(f"{editor}/?folder={tmp_path}")
        page.get_by_role("treeitem", name="job.sft.toml").dblclick()
        expect(page.locator(".squiggly-warning")).to_be_visible()
        yield page
        page.screenshot(path=tmp_path / "screen.png")


def test_the_extension_packs(extension: Path) -> None:
    with ZipFile(extension) as packed:
        names = set(packed.namelist())
        manifest = json.loads(packed.read("extension/package.json"))
    assert {"extension/extension.js", "extension/node_modules/vscode-languageclient/package.json"} <= names
    [language] = manifest["contributes"]["languages"]
    for path in (manifest["main"], language["configuration"]):
        assert f"extension/{os.path.normpath(path)}" in names


def test_a_finding_has_a_hover_and_a_quick_fix(page: Page) -> None:
    page.get_by_text("gpu_cout").first.hover()
    expect(page.locator(".monaco-hover").first).to_contain_text("the key `gpu_cout` is unknown")
    page.get_by_text("gpu_cout").first.click()
    page.keyboard.press("Control+.")
    expect(page.get_by_text("Rename it to gpu_count (changes the meaning)")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(TEXT)).to_contain_text("gpu_count = 2")
    expect(page.locator(".squiggly-warning")).to_have_count(0)


def test_hints_say_what_the_config_adds_up_to(page: Page) -> None:
    for hint in ("8 rows a step", "10 rows, 2 steps an epoch"):
        expect(page.locator(TEXT)).to_contain_text(hint)


def test_completion_writes_a_key_and_its_value(page: Page) -> None:
    page.get_by_text("gpu_cout").first.click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("node")
    expect(page.locator(".suggest-widget")).to_contain_text("nodes")
    page.keyboard.press("Enter")
    expect(page.locator(TEXT)).to_contain_text("nodes = ")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    page.keyboard.type('[training]\nmode = "q')
    expect(page.locator(".suggest-widget")).to_contain_text("qlora")
    page.keyboard.press("Enter")
    expect(page.locator(TEXT)).to_contain_text('mode = "qlora"')
    expect(page.locator(".squiggly-error")).to_have_count(0)


def test_the_lens_shows_the_payload(page: Page) -> None:
    page.get_by_role("button", name="payload for sft-offline").click()
    expect(page.get_by_role("tab", name="job.payload.json")).to_be_visible()
    expect(page.locator(TEXT)).to_contain_text('"H100"')


def test_a_line_becomes_a_comment(page: Page) -> None:
    page.get_by_text("gpu_cout").first.click()
    page.keyboard.press("Control+/")
    expect(page.locator(TEXT)).to_contain_text("# gpu_cout")
    expect(page.locator(".squiggly-warning")).to_have_count(0)
