"""The language server in Neovim, set up as the documentation says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
NEOVIM = shutil.which("nvim", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
DRIVER = Path(__file__).with_name("drive_neovim.lua")

CONFIG = """\
schema_version = 2
tags = { "😀" = "é", name = "x" } # the columns of this line differ in UTF-8 and UTF-16

[job]
model = "Qwen/Qwen3-4B"
data_path = "train.jsonl"

[compute]
gpu_type = "H100"
gpu_cout = 2

[hyperparameters]
per_device_batch = 2
gradient_accumulation_steps = 4
learning_rate = 2e-4
"""


@pytest.mark.skipif(not NEOVIM, reason="Neovim is not installed; its package in dev is for Linux on x86-64")
def test_neovim_shows_what_the_server_knows(root: Path, tmp_path: Path) -> None:
    page = (root / "docs/how-to/editors.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```lua\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    [setup] = [block for block in blocks if '"sftc"' in block]
    (tmp_path / "init.lua").write_text(setup, encoding="utf-8")
    (tmp_path / "job.sft.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "train.jsonl").write_text("{}\n" * 10, encoding="utf-8")
    run = subprocess.run(
        [str(NEOVIM), "--headless", "-i", "NONE", "-u", "init.lua", f"+luafile {DRIVER}", "+qall!"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (tmp_path / "results.json").is_file(), run.stderr
    shown = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert shown["opened"] == {"unknown-key": [9, 0], "older-name": [5, 0]}
    assert "8 rows a step" in shown["hints"]
    assert "10 rows, 2 steps an epoch" in shown["hints"]
    assert "from `compute.gpu_type` in line 9" in shown["hover"]
    assert (shown["encoding"], shown["hover_behind_emoji"][:15]) == ("utf-8", "**`tags.name`**")
    assert shown["payload"].strip() == '"gpu_count": 2,'
    assert shown["back"] == "gpu_count = 2"
    assert shown["lens"] == "payload for sft-offline"
    assert shown["text"] == CONFIG.replace("data_path", "data").replace("cout", "count").rstrip("\n")
