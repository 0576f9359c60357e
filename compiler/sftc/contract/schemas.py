"""The JSON Schemas of the contract by their path in `sftc_schemas`, and references between them."""

import posixpath
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from sftc.text.keys import Path

Schema = dict[str, Any]


class Schemas:
    """Schema files by path, read when they are first referred to; `files` has those that were read."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        """Take `read`, which returns the bytes of the schema file at a path."""
        self._read = read
        self.files: dict[str, Schema] = {}

    def file(self, name: str) -> Schema:
        """Return the schema in the file at the path `name`."""
        if name not in self.files:
            self.files[name] = orjson.loads(self._read(name))
        return self.files[name]

    def resolve(self, schema: Schema, name: str) -> tuple[Schema, str]:
        """Follow the references of `schema`, which is in file `name`; return the schema and its file.

        A reference is a path relative to `name`, such as `other.schema.json`, optionally
        followed by `#/definitions/x`; or `#`, the file itself.
        """
        while "$ref" in schema:
            file, _, fragment = schema["$ref"].partition("#")
            name = _target(file, name)
            schema = self.file(name)
            for part in fragment.split("/")[1:]:
                schema = schema[part]
        return schema, name

    def reachable(self, name: str) -> set[str]:
        """Return the files that the schema in file `name` refers to, directly or not, and `name` itself."""
        found, left = {name}, [name]
        while left:
            home = left.pop()
            for reference in _references(self.file(home)):
                file = _target(reference.partition("#")[0], home)
                if file not in found:
                    found.add(file)
                    left.append(file)
        return found

    def properties(self, name: str) -> dict[Path, Schema]:
        """Return every property that the root schema in file `name` declares, by TOML path."""
        return dict(self._properties((), self.file(name), name))

    def sections(self, name: str) -> dict[Path, str]:
        """Return the properties of the root schema in file `name` that are whole files, and those."""
        return dict(self._sections((), name))

    def bundle(self, name: str) -> Schema:
        """Return the schema in file `name` with every schema that it refers to in its `definitions`.

        All references become local, so that every editor reads it without a network.
        """
        root = self.file(name)
        definitions: dict[str, Schema] = {}
        bundled: Schema = self._localised(root, name, name, definitions)
        return {**bundled, "definitions": {**bundled.get("definitions", {}), **definitions}}

    def _localised(self, node: Any, home: str, root: str, definitions: dict[str, Schema]) -> Any:
        if isinstance(node, list):
            return [self._localised(each, home, root, definitions) for each in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            file, _, fragment = node["$ref"].partition("#")
            file = _target(file, home)
            if file == root:
                return {"$ref": f"#{fragment}"}
            if fragment:
                return self._localised(*self.resolve(node, home), root, definitions)
            title = posixpath.basename(file).removesuffix(".schema.json")
            if title not in definitions:
                definitions[title] = {}  # it may refer to itself
                schema = {name: part for name, part in self.file(file).items() if name != "$schema"}
                definitions[title] = self._localised(schema, file, root, definitions)
            return {"$ref": f"#/definitions/{title}"}
        return {name: self._localised(each, home, root, definitions) for name, each in node.items()}

    def _sections(self, path: Path, name: str) -> Iterator[tuple[Path, str]]:
        for key, reference in self.file(name).get("properties", {}).items():
            file, _, fragment = reference.get("$ref", "").partition("#")
            if file and not fragment:
                section = _target(file, name)
                yield (*path, key), section
                yield from self._sections((*path, key), section)

    def _properties(self, path: Path, schema: Schema, name: str) -> Iterator[tuple[Path, Schema]]:
        for key, reference in schema.get("properties", {}).items():
            child, file = self.resolve(reference, name)
            yield (*path, key), child
            yield from self._properties((*path, key), child, file)


def _references(node: Any) -> Iterator[str]:
    """Yield the references anywhere in a schema."""
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        yield node["$ref"]
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _references(each)


def _target(file: str, home: str) -> str:
    """Return the path of the file that a reference in `home` names; of none, `home` itself."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(home), file)) if file else home
