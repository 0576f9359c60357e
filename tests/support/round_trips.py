"""Configs that a target takes, and how they are imported again."""

import json
import posixpath
import tomllib
from typing import Any

import tomlkit

import sftc
from sftc.contract.versions import PACKAGED
from sftc.text.keys import look_up
from sftc.text.source import Source
from sftc.tools.import_config import ImportedConfig, import_config


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


def imported_again(compiled: sftc.Compiled, target: str) -> ImportedConfig:
    """Import what a config was compiled to."""
    written = compiled.files("job")
    others = {name: json.loads(data) for name, data in written.items() if name.endswith(".json")}
    return imported(written["job.yaml"].decode(), target, others)
