"""Configs that a target takes, and how they are imported again."""

import json
import posixpath
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import tomlkit
import yaml
from hypothesis import given, settings

import sftc
from sftc.contract.import_table import ImportTable
from sftc.contract.inverse import same
from sftc.contract.versions import PACKAGED
from sftc.text.keys import ABSENT, look_up
from sftc.text.source import Source
from sftc.tools.import_config import ImportedConfig, import_config, importable
from support.configs import runs

ROOT = Path(__file__).parents[2]
GENERATED = 80


@cache
def texts() -> tuple[str, ...]:
    """Return the golden configs, the examples, and configs that are generated, the same in every run."""
    files = [*sorted(ROOT.glob("golden/accept/*/config.toml")), *sorted(ROOT.glob("examples/*.toml"))]
    made = [file.read_bytes().decode() for file in files]

    @settings(max_examples=GENERATED, derandomize=True, database=None)
    @given(runs)
    def generate(config: dict[str, Any]) -> None:
        made.append(tomlkit.dumps(config))

    generate()
    return tuple(dict.fromkeys(made))


def expressible(text: str, target: str) -> str:
    """Return the config without the keys that `target` cannot express, and with those that it needs."""
    config = tomllib.loads(text)
    if "job" not in config or config.get("schema_version") != 2:
        return text
    config["job"].setdefault("data", "train.jsonl")
    config.setdefault("hyperparameters", {}).setdefault("sequence_length", 1024)
    if target == "fireworks":
        training = config.setdefault("training", {})
        training["mode"] = "lora"
        if "validation" in training:
            training["validation"]["save_best_model_at_end"] = False
    for _ in range(4):
        written = sftc.compile(tomlkit.dumps(config), target=target)
        if written.ok:
            break
        for found in written.findings:
            if found.is_error and found.path:
                table = look_up(config, found.path[:-1])
                table.pop(found.path[-1], None)
    return tomlkit.dumps(config)


def imported(text: str, trainer: str | None = None, files: dict[str, Any] | None = None) -> ImportedConfig:
    """Import the YAML `text`, with the JSON `files` beside it."""

    def beside(path: str) -> Any:
        return (files or {}).get(posixpath.normpath(path))

    return import_config(Source("config.yaml", text), trainer, PACKAGED, beside)


def imported_again(compiled: sftc.Compiled, target: str, text: str | None = None) -> ImportedConfig:
    """Import what a config was compiled to, or `text` instead of its main file."""
    written = compiled.files("job")
    others = {name: json.loads(data) for name, data in written.items() if name.endswith(".json")}
    return imported(text or written["job.yaml"].decode(), target, others)


def without_defaults(compiled: sftc.Compiled, target: str) -> str:
    """Return what a config was compiled to, without the keys that have the trainer's default."""
    written = yaml.safe_load(compiled.files("job")["job.yaml"])
    table = importable(PACKAGED)[target]
    kept = {name: value for name, value in written.items() if not _is_default(table, name, value)}
    text: str = yaml.safe_dump(kept, sort_keys=False)
    return text


def _is_default(table: ImportTable, name: str, value: Any) -> bool:
    default = table.default((name,))
    return default not in (ABSENT, None) and same(value, default)
