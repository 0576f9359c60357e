"""Print the reference page, docs/reference.md, from the schemas, mapping rules and rule tables."""

from collections.abc import Iterator
from typing import Any

import orjson

from sftc.checks.catalogue import FAMILIES
from sftc.contract.versions import PACKAGED, Contract
from sftc.findings.rule import Rule
from sftc.text.keys import Path, dotted, pointer

_LIMITS = {"minimum": ">= {}", "exclusiveMinimum": "> {}", "maximum": "<= {}", "const": "{}"}


def page() -> str:
    """Return the whole page."""
    contract = PACKAGED.newest
    lines = [
        "# Reference",
        "",
        f"Version {contract.version} of the contract. Printed by `docs/generate.py`; do not edit.",
        "",
        "## Keys",
    ]
    for section in ((), *contract.sections):
        lines += _section(contract, section)
    lines += [
        "",
        "## Findings",
        "",
        "Errors stop the compiler. Errors and warnings fail `sftc lint` and `sftc dataset check`.",
    ]
    for family in FAMILIES:
        heading = (family.__doc__ or "").strip().rstrip(".")
        lines += ["", f"### {heading}", ""]
        for rule in family.RULES:
            lines += _rule(rule)
    return "\n".join(lines) + "\n"


def _section(contract: Contract, section: Path) -> Iterator[str]:
    yield ""
    yield f"### `[{dotted(section)}]`" if section else "### Outside any section"
    yield ""
    if section:
        yield contract.properties[section]["description"]
        yield ""
    keys = [path for path in contract.properties if path[:-1] == section and path not in contract.sections]
    if keys:
        yield "| key | value | when absent | becomes | meaning |"
        yield "| --- | --- | --- | --- | --- |"
        for path in keys:
            schema = contract.properties[path]
            cells = (
                f"`{path[-1]}`",
                _value(schema),
                _default(schema),
                _fate(contract, path),
                schema["description"],
            )
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(schema: dict[str, Any]) -> str:
    if schema.get("deprecated"):
        return "legacy"
    limits = [words.format(schema[each]) for each, words in _LIMITS.items() if each in schema]
    return ", ".join([schema["type"], *limits]).replace("object", "table")


def _default(schema: dict[str, Any]) -> str:
    return f"`{orjson.dumps(schema['default']).decode()}`" if "default" in schema else ""


def _fate(contract: Contract, path: Path) -> str:
    for row in contract.mapping.rows:
        if row.path and path[: len(row.path)] == row.path:
            return f"`{pointer((*row.to, *path[len(row.path) :]))}`"
    return "not sent"


def _rule(rule: Rule) -> Iterator[str]:
    yield f"- **`{rule.id}`** ({rule.severity}): {rule.title}. {rule.why} *{rule.act}*"


if __name__ == "__main__":
    print(page(), end="")
