"""Rules read keys through one accessor, so that tests detect a renamed key."""

import ast
import pkgutil
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import sftc.estimate
from sftc.checks import resources
from sftc.checks.catalogue import FAMILIES
from sftc.checks.config import Setting
from sftc.contract.versions import PACKAGED
from sftc.document.reading import read_source
from sftc.pipeline import run
from sftc.text.keys import Path as KeyPath
from sftc.text.keys import dotted
from support.scratch import Scratch

ESTIMATES = [
    import_module(each.name)
    for each in pkgutil.iter_modules(sftc.estimate.__path__, f"{sftc.estimate.__name__}.")
]
MODULES: list[ModuleType] = [resources, *FAMILIES, *ESTIMATES]
SETTINGS = [
    pytest.param(value, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, Setting)
]
TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "object": dict, "array": list}
KEYS = [path for path, schema in PACKAGED.newest.properties.items() if not schema.get("deprecated")]


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_are_keys_of_the_newest_contract(setting: Setting[object]) -> None:
    schema = PACKAGED.newest.properties[setting.path]
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert tuple(TYPES[each] for each in types) == setting.kinds


def test_keys_are_named_only_in_settings(root: Path) -> None:
    """The trainer has a table of its own, and reads payloads."""
    keys = {dotted(path) for path in PACKAGED.newest.properties if len(path) > 1}
    package = root / "compiler/sftc"
    strings = 0
    for file in package.rglob("*.py"):
        if file.is_relative_to(package / "training"):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        declared = {
            id(call.args[0])
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Setting"
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings += 1
                assert id(node) in declared or node.value not in keys, f"{file.name}:{node.lineno}"
    assert strings > 100


@pytest.mark.parametrize("key", KEYS, ids=dotted)
def test_a_contract_that_renames_a_key_compiles_the_configs_that_set_it(
    key: KeyPath, tmp_path: Path, root: Path
) -> None:
    scratch = Scratch(tmp_path)
    scratch.rename(dotted(key), f"{dotted(key)}_renamed")
    contracts = scratch.contracts()
    assert key not in contracts.newest.properties
    assert (*key[:-1], f"{key[-1]}_renamed") in contracts.newest.properties
    every = sorted(root.glob("golden/*/*/config.toml"))
    assert len(every) > 100
    for case in every[:20] + [case for case in every if str(key[-1]).encode() in case.read_bytes()]:
        run(partial(read_source, case), contracts=contracts)
