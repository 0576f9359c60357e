"""Changed copies of the contract's data."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
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
        """Add a version that is the one before it under another number, with nothing to upgrade."""
        before = number - 1
        for place in (self.folder / "config", self.folder / TARGET):
            shutil.copytree(place / f"v{before}", place / f"v{number}")
        edit(self.config(number), lambda schema: schema["properties"]["schema_version"].update(const=number))
        for file in (self.payload(number), self.mapping(number)):
            text = file.read_text(encoding="utf-8").replace(f"config/v{before}/", f"config/v{number}/")
            file.write_text(text.replace(f"value = {before}\n", f"value = {number}\n"), encoding="utf-8")
        edit(self.payload(number), lambda schema: _payload_version(schema, number))
        self.upgrade(number).write_text("")
        versions = json.dumps({"versions": [*range(1, number + 1)], "default": 1})
        (self.folder / "config/versions.json").write_text(versions)

    def upgrade(self, version: int) -> Path:
        """Return the table of how the version before becomes this one."""
        return self.folder / f"config/v{version}/upgrade.toml"

    def rename(self, key: str, to: str) -> None:
        """Rename the dotted `key`, in every version that has it, wherever the contract's data names it."""
        *section, old = key.split(".")
        new = to.rsplit(".", maxsplit=1)[-1]
        name = ".".join(section) or "config"
        for schema in self.folder.glob(f"config/*/{name}.schema.json"):
            edit(schema, lambda schema: _rename(schema, old, new))
        reference = f"{name}.schema.json#/properties/"
        _replace(self.folder.rglob("*.json"), {f'{reference}{old}"': f'{reference}{new}"'})
        _replace(self.folder.rglob("*.toml"), {f'"{key}"': f'"{to}"', f'"{key}.': f'"{to}.'})

    def contracts(self) -> Contracts:
        """Return the changed contract."""

        def folders(name: str) -> list[str]:
            return [path.name for path in (self.folder / name).iterdir() if path.is_dir()]

        return Contracts(lambda name: (self.folder / name).read_bytes(), folders)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file in place."""
    schema = json.loads(path.read_bytes())
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


def _replace(files: Iterable[Path], texts: Mapping[str, str]) -> None:
    for file in files:
        text = file.read_text(encoding="utf-8")
        for found, instead in texts.items():
            text = text.replace(found, instead)
        file.write_text(text, encoding="utf-8")


def _payload_version(schema: dict[str, Any], number: int) -> None:
    schema["properties"]["metadata"]["properties"]["schema_version"]["const"] = number


def _rename(schema: dict[str, Any], old: str, new: str) -> None:
    properties = schema.get("properties", {})
    if old in properties:
        schema["properties"] = {new if name == old else name: each for name, each in properties.items()}
        schema["required"] = [new if name == old else name for name in schema.get("required", [])]
