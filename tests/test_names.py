"""Module names and public names are unique in the whole package."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import sftc

PACKAGE = Path(sftc.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
SHARED = {
    "main": "the entry point of a program",
    "render": "one per report format, all with the signature of `report.json.render`",
}
"""Public names that several modules define, and why."""


def name_of(module: Path) -> str:
    """Return the last part of the import name of a module or package."""
    return module.parent.name if module.stem == "__init__" else module.stem


def defined(module: Path) -> Iterator[str]:
    """Yield the classes, functions and aliases at the top level of a module, also under `if` and `try`."""
    statements = [*ast.parse(module.read_bytes()).body]
    for each in statements:
        match each:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if not name.isupper():  # constants are local: FORMATS, COMMANDS, NAMES
                    yield name
            case ast.If(body=body, orelse=orelse):
                statements += [*body, *orelse]
            case ast.Try(body=body, orelse=orelse):
                statements += [*body, *orelse]


def repeated(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the names with more than one place."""
    return {name: places for name, places in found.items() if len(places) > 1}


def test_module_names_are_unique() -> None:
    places = defaultdict(list)
    for module in MODULES:
        places[name_of(module)].append(str(module.relative_to(PACKAGE)))
    assert len(places) > 100
    assert repeated(places) == {}


def test_public_names_are_unique() -> None:
    places = defaultdict(list)
    for module in MODULES:
        for name in {*defined(module)}:
            if not name.startswith("_"):
                places[name].append(str(module.relative_to(PACKAGE)))
    assert len(places) > 300
    assert repeated(places).keys() == SHARED.keys(), repeated(places)
