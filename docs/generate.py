"""Write the reference pages from the schemas, mapping tables, rules and exit codes.

`python docs/generate.py` writes `docs/reference/`; with `--check` it writes nothing, and exits with 1
if a page is stale.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path as File
from typing import Any

import orjson

from sftc.checks.catalogue import FAMILIES
from sftc.cli import exits
from sftc.cli.dataset_check_command import FORMATS as CHECK_FORMATS
from sftc.cli.lint_command import FORMATS as LINT_FORMATS
from sftc.contract.versions import PACKAGED, Contract
from sftc.findings.rule import Rule
from sftc.payload.encoding import FORMATS as PAYLOAD_FORMATS
from sftc.text.keys import Path, dotted, pointer

FOLDER = File(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py: do not edit. -->"
_LIMITS = {"minimum": ">= {}", "exclusiveMinimum": "> {}", "maximum": "<= {}", "const": "{}"}


def keys() -> Iterator[str]:
    """Yield the lines of the page of all keys."""
    contract = PACKAGED.newest
    yield from ("# Keys", "", f"Version {contract.version} of the contract.")
    for section in ((), *contract.sections):
        yield from _section(contract, section)


def _section(contract: Contract, section: Path) -> Iterator[str]:
    yield from ("", f"## `[{dotted(section)}]`" if section else "## Outside any section", "")
    if section:
        yield from (contract.properties[section]["description"], "")
    paths = [path for path in contract.properties if path[:-1] == section and path not in contract.sections]
    for path in paths:
        schema = contract.properties[path]
        facts = [_value(schema), *_default(schema), _place(contract, path)]
        yield f"- **`{path[-1]}`** ({'; '.join(facts)})<br>{schema['description']}"


def _table_row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(schema: dict[str, Any]) -> str:
    if schema.get("deprecated"):
        return "legacy"
    limits = [words.format(schema[each]) for each, words in _LIMITS.items() if each in schema]
    return ", ".join([schema["type"], *limits]).replace("object", "table")


def _default(schema: dict[str, Any]) -> list[str]:
    return [f"default `{orjson.dumps(schema['default']).decode()}`"] if "default" in schema else []


def _place(contract: Contract, path: Path) -> str:
    for row in contract.mapping.rows:
        if row.path and path[: len(row.path)] == row.path:
            return f"sent as `{pointer((*row.to, *path[len(row.path) :]))}`"
    return "not sent"


def findings() -> Iterator[str]:
    """Yield the lines of the page of all findings."""
    yield from ("# Findings", "", "Errors stop the compiler. Errors and warnings fail `sftc lint` and")
    yield "`sftc dataset check`. `sftc rule ID` prints one of these with its examples."
    for family in FAMILIES:
        yield from ("", f"## {(family.__doc__ or '').strip().splitlines()[0].rstrip('.')}")
        for rule in family.RULES:
            yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield from ("", f"### `{rule.id}` ({rule.severity})", "", f"{rule.title[0].upper()}{rule.title[1:]}.")
    yield from (f"{rule.why}", "", f"**What to do:** {rule.act}")


def exit_codes() -> Iterator[str]:
    """Yield the lines of the page of exit codes, from the docstrings in `sftc.cli.exits`."""
    yield from ("# Exit codes", "", "| code | meaning |", "| --- | --- |")
    meanings = {0: ["Done. There may be warnings or notes."], 2: ["Wrong usage of the command line."]}
    tree = ast.parse(File(exits.__file__).read_text(encoding="utf-8"))
    for constant, docstring in pairwise(tree.body):
        match constant, docstring:
            case (
                ast.AnnAssign(value=ast.Constant(value=int(code))),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ):
                meanings.setdefault(code, []).append(meaning)
    for code, texts in sorted(meanings.items()):
        yield _table_row((str(code), " ".join(texts)))


def formats() -> Iterator[str]:
    """Yield the lines of the page of formats, from the docstrings of their modules."""
    yield from ("# Formats", "", "## Payloads", "", "`sftc compile --format` takes", "")
    yield (
        ", ".join(f"`{name}`" for name in PAYLOAD_FORMATS)
        + ": see [the contract](../explanation/contract.md)."
    )
    yield from ("", "## Findings", "")
    yield f"`sftc lint --format` takes all of these, `sftc dataset check --format` {_list(CHECK_FORMATS)}."
    yield from ("", "| format | description |", "| --- | --- |")
    for name in LINT_FORMATS:
        module = import_module(f"sftc.report.{'terminal' if name == 'text' else name}")
        yield _table_row((f"`{name}`", (module.__doc__ or "").strip().splitlines()[0]))
    yield from ("", "`sftc schema report` prints the JSON Schema of `json`.")


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


PAGES = {
    "keys.md": keys,
    "findings.md": findings,
    "exit-codes.md": exit_codes,
    "formats.md": formats,
}


def main() -> int:
    """Write the pages, or with `--check` compare them; return the exit code."""
    stale = []
    for name, page in PAGES.items():
        text = "\n".join([NOTE, "", *page()]) + "\n"
        file = FOLDER / name
        if "--check" in sys.argv:
            fresh = file.exists() and file.read_text(encoding="utf-8") == text
            stale += [] if fresh else [name]
        else:
            file.write_text(text, encoding="utf-8")
    if stale:
        print(f"stale: {', '.join(stale)}; run python docs/generate.py", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
