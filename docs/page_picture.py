"""Write `docs/page.png`: the page of a job of `sftc serve`, while a small model is trained on this machine.

`python docs/page_picture.py` needs `sftc[train]`, `playwright` and Chromium; see `make test-browser`.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from chance_model import SMALL, write  # noqa: E402  after the path

from support.training_jobs import rows  # noqa: E402  as above

TOKEN = "only-for-the-picture"  # noqa: S105  of a service that ends with this script
SFTC = (sys.executable, "-m", "sftc")
CONFIG = """schema_version = 2

[job]
name = "lighthouse"
model = "small/chance"
data = "rows.jsonl"

[compute]
gpu_type = "H100"

[data]
validation_path = "validation.jsonl"

[training]
mode = "lora"

[training.validation]
evaluation_strategy = "steps"
eval_steps = 5

[hyperparameters]
n_epochs = 10
learning_rate = 2e-3
warmup_ratio = 0.1
"""

LATE = re.compile(r"step [23]\d of 80")
"""What the page says when it is time for the picture: 10 epochs of 64 rows in batches of 8 are 80 steps."""


def main() -> None:
    """Train, and take the picture while it trains."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "models/small/chance", SMALL)
        (folder / "rows.jsonl").write_text(rows(64), encoding="utf-8")
        (folder / "validation.jsonl").write_text(rows(8), encoding="utf-8")
        (folder / "job.sft.toml").write_text(CONFIG, encoding="utf-8")
        options = ("--models-dir", str(folder / "models"), "--allow-substitutions")
        own = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "SFTC_TOKEN": TOKEN}
        serve = [*SFTC, "serve", "--port", "0", *options]
        with subprocess.Popen(serve, cwd=folder, env=own, stdout=subprocess.PIPE, text=True) as service:
            assert service.stdout  # noqa: S101  stdout=PIPE
            url = service.stdout.readline().removeprefix("Listening on ").strip()
            train = [
                *SFTC,
                "train",
                "--type",
                "sft",
                "--config",
                "job.sft.toml",
                "--backend",
                "local",
                *options,
            ]
            with subprocess.Popen(train, cwd=folder, env=own) as training:
                take_picture(url)
                training.wait()
            service.terminate()


def take_picture(url: str) -> None:
    """Open the page of the job, and take the picture once some steps are done."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1100, "height": 1000})
        page.goto(url)
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.locator(".jobs a").click(timeout=120_000)
        page.get_by_text(LATE).first.wait_for(timeout=1_200_000)
        page.screenshot(path=ROOT / "docs/page.png")
        browser.close()


if __name__ == "__main__":
    main()
