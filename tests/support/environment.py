"""The environment of tests and of the programs that they start."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

KEY = "sk-0123456789abcdefghijklmnopqrstuvwxyz"
"""The API key in the environment. It must not appear in any output."""


def isolate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Store state in `folder`, set the API key, and unset any service, proxy or certificates."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for name in (*proxies, "ssl_cert_file", "ssl_cert_dir", "backend_base_url", "sftc_token"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("SYNTH_API_KEY", KEY)


def unmeasured() -> dict[str, str]:
    """Return the environment without the variables that make coverage measure a program."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files (path in `folder` to text), and create their folders."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
