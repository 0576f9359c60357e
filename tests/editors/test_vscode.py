"""The extension for VS Code installs what it needs from npm, and packs. Run by `make test-vscode`."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

FOLDER = "examples/vscode"


def test_the_extension_packs(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vscode"
    shutil.copytree(root / FOLDER, folder, ignore=shutil.ignore_patterns("node_modules", "*.vsix"))
    for command in (
        ["npm", "install", "--no-audit", "--no-fund"],
        ["node", "--check", "extension.js"],
        ["npm", "run", "package"],
    ):
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
    [package] = folder.glob("*.vsix")
    with ZipFile(package) as packed:
        names = set(packed.namelist())
        manifest = json.loads(packed.read("extension/package.json"))
    assert {"extension/extension.js", "extension/node_modules/vscode-languageclient/package.json"} <= names
    assert f"extension/{os.path.normpath(manifest['main'])}" in names
