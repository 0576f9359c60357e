"""The environment that tests and the programs that they start run in."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

KEY = "sk-0123456789abcdefghijklmnopqrstuvwxyz"
"""The key in the environment, which no output may show."""


def isolate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Keep state in `folder`, put the key into the environment and no service or proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "backend_base_url", "sftc_token"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("SYNTH_API_KEY", KEY)


def unmeasured() -> dict[str, str]:
    """Return the environment without what makes coverage measure a program: it writes files of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files (path in `folder` to text), and the folders that they need."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
