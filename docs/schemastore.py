"""What is sent to SchemaStore, whose catalog editors read: the schema, its entry and its tests.

`docs/generate.py` writes the files below `docs/schemastore/`, each at its place in their repository.
"""

from collections.abc import Iterator
from pathlib import Path as File
from typing import Any, Final

import orjson

from sftc.contract.schemas import Schema
from sftc.contract.versions import PACKAGED

NAME: Final = "sftc"
FOLDER: Final = "schemastore"
_ID: Final = f"https://www.schemastore.org/{NAME}.json"
_ROOT: Final = File(__file__).parent.parent
_JOB: Final = 'schema_version = 2\n\n[job]\nmodel = "Qwen/Qwen3-4B"\n\n'
_LINE: Final = f"#:schema ../../schemas/json/{NAME}.json\n"
_OPTIONS: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE

_OF_TYPE: Final = {
    "pattern": "string",
    "items": "array",
    "minItems": "array",
    "uniqueItems": "array",
    "additionalProperties": "object",
}
"""The type whose values each keyword is about."""

_POSITIVE: Final = {
    "lora": "examples/lora.toml",
    "full-multi-node": "examples/full-multi-node.toml",
    "every-key": "golden/accept/v2-every-key/config.toml",
    "extends": "golden/accept/extends-base/config.toml",
}
"""The configs that the schema must accept, by the name of the test."""

_NEGATIVE: Final = {
    "without-version": '[job]\nmodel = "Qwen/Qwen3-4B"\n',
    "without-model": 'schema_version = 2\n\n[job]\nname = "run"\n',
    "misspelt-section": f"{_JOB}[hyperparameter]\nseed = 1\n",
    "number-as-string": f'{_JOB}[hyperparameters]\nlearning_rate = "1e-4"\n',
    "unknown-mode": f'{_JOB}[training]\nmode = "dpo"\n',
    "no-modules": f"{_JOB}[training.lora]\ntarget_modules = []\n",
    "extends-an-array": 'schema_version = 2\nextends = ["one.toml", "two.toml"]\n',
}
"""Configs that it must refuse, each for one reason."""


def files() -> Iterator[tuple[str, str]]:
    """Yield the path of each file, below `docs/`, and its text."""
    yield f"{FOLDER}/src/schemas/json/{NAME}.json", _json(_schema())
    yield f"{FOLDER}/entry.json", _json(_entry())
    for test, path in _POSITIVE.items():
        text = (_ROOT / path).read_text(encoding="utf-8")
        yield f"{FOLDER}/src/test/{NAME}/{test}.toml", _LINE + text
    for test, text in _NEGATIVE.items():
        yield f"{FOLDER}/src/negative_test/{NAME}/{test}.toml", _LINE + text


def _entry() -> dict[str, Any]:
    """Return the entry for the catalog, in which it has its place by the alphabet."""
    return {
        "name": "sftc",
        "description": "sftc configs of supervised fine-tuning jobs",
        "fileMatch": ["*.sft.toml"],
        "url": _ID,
    }


def _schema() -> Schema:
    contract = PACKAGED.newest
    bundled = orjson.loads(contract.bundle(contract.config_schema))
    schema: Schema = _strict(bundled)
    return {"$schema": schema.pop("$schema"), "$id": _ID, **schema}


def _strict(node: Any) -> Any:
    """Return a schema as the strict mode of Ajv takes it: known keywords only, and one type each."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _strict(part) for name, part in node.items() if name != "x-sftc"}
    types = plain.get("type")
    if not isinstance(types, list):
        return plain
    shared = {name: part for name, part in plain.items() if name not in _OF_TYPE and name != "type"}
    kinds = [
        {"type": kind, **{name: plain[name] for name, of in _OF_TYPE.items() if of == kind and name in plain}}
        for kind in types
    ]
    return {**shared, "anyOf": kinds}


def _json(value: Any) -> str:
    return orjson.dumps(value, option=_OPTIONS).decode()
