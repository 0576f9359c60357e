"""A name means one thing in the whole code base: modules, and what they define in public."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import sftc

PACKAGE = Path(sftc.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
SHARED = {
    "main": "the entry point of a program that is run by itself",
    "render": "one a report format, of a common signature: `report.json.render` says which",
}
"""Public names that several modules define, and why."""


def name_of(module: Path) -> str:
    """Return what an import calls a module; of a package, the folder's name."""
    return module.parent.name if module.stem == "__init__" else module.stem


def defined(module: Path) -> Iterator[str]:
    """Yield the public classes, functions and aliases at the top of a module, whatever they are under."""
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
    """Return what has several places."""
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_two_modules_have_one_name() -> None:
    places = defaultdict(list)
    for module in MODULES:
        places[name_of(module)].append(str(module.relative_to(PACKAGE)))
    assert len(places) > 100
    assert repeated(places) == {}


def test_no_two_modules_define_one_public_name() -> None:
    places = defaultdict(list)
    for module in MODULES:
        for name in {*defined(module)}:
            if not name.startswith("_"):
                places[name].append(str(module.relative_to(PACKAGE)))
    assert len(places) > 300
    assert repeated(places).keys() == SHARED.keys(), repeated(places)
