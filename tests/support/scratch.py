"""Changed copies of the contract's data."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sftc.contract.versions import TARGET, Contracts

SCHEMAS = Path(__file__).parents[2] / "schemas" / "sftc_schemas"


class Scratch:
    """A copy of the contract's files that a test can change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "contract"
        shutil.copytree(SCHEMAS, self.folder, ignore=shutil.ignore_patterns("__pycache__"))

    def config(self, version: int, section: str = "config") -> Path:
        """Return the schema file of a section."""
        return self.folder / f"config/v{version}/{section}.schema.json"

    def payload(self, version: int) -> Path:
        """Return the schema file of the payload."""
        return self.folder / f"{TARGET}/v{version}/payload.schema.json"

    def mapping(self, version: int) -> Path:
        """Return the mapping table."""
        return self.folder / f"{TARGET}/v{version}/mapping.toml"

    def add_version(self, number: int) -> None:
        """Add a version that equals the previous one."""
        before = number - 1
        for place in (self.folder / "config", self.folder / TARGET):
            shutil.copytree(place / f"v{before}", place / f"v{number}")
        edit(self.config(number), lambda schema: schema["properties"]["schema_version"].update(const=number))
        text = self.payload(number).read_text(encoding="utf-8")
        self.payload(number).write_text(text.replace(f"config/v{before}/", f"config/v{number}/"))
        versions = json.dumps({"versions": [*range(1, number + 1)]})
        (self.folder / "config/versions.json").write_text(versions)

    def rename(self, version: int, key: str, to: str) -> None:
        """Rename the dotted `key` of a version everywhere in the contract's data."""
        *section, old = key.split(".")
        new = to.rsplit(".", maxsplit=1)[-1]
        edit(self.config(version, ".".join(section) or "config"), lambda schema: _rename(schema, old, new))
        reference = f"{'.'.join(section)}.schema.json#/properties/"
        for file, before, after in (
            (self.mapping(version), f'"{key}"', f'"{to}"'),
            (self.mapping(version), f'"{key}.', f'"{to}.'),
            (self.folder / TARGET / "target.toml", f'"{key}"', f'"{to}"'),
            (self.folder / TARGET / "target.toml", f'"{key}.', f'"{to}.'),
            (self.payload(version), f'{reference}{old}"', f'{reference}{new}"'),
        ):
            file.write_text(file.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")

    def contracts(self) -> Contracts:
        """Return the changed contract."""
        return Contracts(lambda name: (self.folder / name).read_bytes())


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file in place."""
    schema = json.loads(path.read_bytes())
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


def _rename(schema: dict[str, Any], old: str, new: str) -> None:
    properties = schema.get("properties", {})
    if old in properties:
        schema["properties"] = {new if name == old else name: each for name, each in properties.items()}
        schema["required"] = [new if name == old else name for name in schema.get("required", [])]
