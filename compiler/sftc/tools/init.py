"""New configs from templates, with the description of each key from the schemas."""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

import tomlkit

from sftc.contract.versions import SELECTOR, Contract
from sftc.text.keys import Path, dotted

_WIDTH = 88


def write_config(contract: Contract, template: str, schema: str) -> str:
    """Return the config of a template, each key explained; `schema` is what `#:schema` names.

    Raises:
        KeyError: the template does not exist.
    """
    chosen = contract.templates[template]
    lines = [f"#:schema {schema}", f"{SELECTOR} = {contract.version}", "", *_comment(chosen["title"])]
    lines += _table(contract, (), chosen["config"])
    return "\n".join(lines) + "\n"


def _table(contract: Contract, path: Path, table: Mapping[str, Any]) -> Iterator[str]:
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    if path:
        yield ""
        yield from _comment(contract.properties[path]["description"])
        yield f"[{dotted(path)}]"
    for name, value in plain.items():
        if (*path, name) in contract.properties:
            yield from _comment(contract.properties[(*path, name)]["description"])
        yield f"{name} = {tomlkit.item(value).as_string()}"
    for name, value in table.items():
        if name not in plain:
            yield from _table(contract, (*path, name), value)


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH)]
