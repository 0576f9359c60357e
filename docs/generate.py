"""Write the reference pages from the schemas, mapping tables, rules and exit codes.

`python docs/generate.py` writes `docs/reference/`; with `--check` it writes nothing, and exits with 1
if a page is stale.
"""

import ast
import re
import sys
from collections import Counter
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
_OLD = PACKAGED.default
_LIMITS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "const": "must be {}",
}
_SENT = re.compile(r" (?:Sent (?:as|under) `[^`]+`|(?:Not|Never) sent)\.(?= |$)")


def keys() -> Iterator[str]:
    """Yield the lines of the page of all keys."""
    contract = PACKAGED.newest
    yield from (
        "# Keys",
        "",
        f"Version {contract.version} of the contract. A config of this version begins with",
    )
    yield f"`schema_version = {contract.version}`. Without that line it is of version {_OLD.version}, which"
    yield "lacks the keys marked *new*; [`sftc migrate`](../how-to/migrate.md) rewrites it."
    for section in ((), *contract.sections):
        yield from _section(contract, section)


def _section(contract: Contract, section: Path) -> Iterator[str]:
    yield from ("", f"## `[{dotted(section)}]`" if section else "## Outside any section", "")
    if section:
        yield from (_text(contract.properties[section]), "")
    paths = [path for path in contract.properties if path[:-1] == section and path not in contract.sections]
    home = _home(contract, paths)
    if home is not None:
        yield from (f"Sent below `{pointer(home)}`, unless noted.", "")
    for path in paths:
        schema = contract.properties[path]
        place = _place(contract, path)
        facts = [_value(schema), *_default(schema), *_new(path)]
        if place is None:
            facts.append("not sent")
        elif home is None or place != (*home, path[-1]):
            facts.append(f"sent as `{pointer(place)}`")
        yield f"- **`{path[-1]}`** ({'; '.join(facts)})<br>{_text(schema)}"


def _text(schema: dict[str, Any]) -> str:
    """Return a description without the sentences that say where the key is sent: the page has its own."""
    return _SENT.sub("", schema["description"])


def _home(contract: Contract, paths: list[Path]) -> Path | None:
    """Return the table of the payload that most keys of a section are sent in, if it has two of them."""
    places = (_place(contract, path) for path in paths)
    for home, keys_in_it in Counter(place[:-1] for place in places if place).most_common(1):
        return home if keys_in_it > 1 else None
    return None


def _table_row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(schema: dict[str, Any]) -> str:
    if schema.get("deprecated"):
        return "legacy"
    if form := schema.get("x-sftc", {}).get("form"):
        return str(form)
    if "enum" in schema:
        return " or ".join(f'`"{each}"`' for each in schema["enum"])
    limits = [words.format(schema[each]) for each, words in _LIMITS.items() if each in schema]
    type = f"array of {_value(schema['items'])}" if schema["type"] == "array" else schema["type"]
    return ", ".join([type, *limits]).replace("object", "table")


def _new(path: Path) -> list[str]:
    return [] if path in _OLD.properties else ["*new*"]


def _default(schema: dict[str, Any]) -> list[str]:
    return [f"default `{orjson.dumps(schema['default']).decode()}`"] if "default" in schema else []


def _place(contract: Contract, path: Path) -> Path | None:
    """Return the path of a key in the payload, or `None` if it is not sent."""
    for row in contract.mapping.rows:
        if row.path and path[: len(row.path)] == row.path:
            return (*row.to, *path[len(row.path) :])
    return None


def findings() -> Iterator[str]:
    """Yield the lines of the page of all findings."""
    yield from ("# Findings", "", "Errors stop the compiler. Errors and warnings fail `sftc lint` and")
    yield "`sftc dataset check`. `sftc rule ID` prints one of these findings with examples."
    for family in FAMILIES:
        topic = (family.__doc__ or "").strip().splitlines()[0].removeprefix("Rules about ").rstrip(".")
        yield from ("", f"## {_capital(topic)}")
        for rule in family.RULES:
            yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield from ("", f"### `{rule.id}` ({rule.severity})", "", f"{_capital(rule.title)}.")
    yield from (f"{rule.why}", "", f"**What to do:** {rule.act}")


def _capital(text: str) -> str:
    """Return `text` with a capital first letter, unless its first word is a name such as `fp16`."""
    return text[0].upper() + text[1:] if text.split(maxsplit=1)[0].isalpha() else text


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
    yield from ("# Formats", "", "## Payloads", "")
    yield f"`sftc compile --format` takes {_list(PAYLOAD_FORMATS)}."
    yield "[The contract](../explanation/contract.md#forms-of-the-payload) describes them."
    yield from ("", "## Findings", "")
    yield "`sftc lint --format` takes all of the formats in this table."
    yield f"`sftc dataset check --format` takes {_list(CHECK_FORMATS)}."
    yield from ("", "| format | description |", "| --- | --- |")
    for name in LINT_FORMATS:
        module = import_module(f"sftc.report.{'terminal' if name == 'text' else name}")
        yield _table_row((f"`{name}`", (module.__doc__ or "").strip().splitlines()[0]))
    yield from ("", "`sftc schema report` prints the JSON Schema of the format `json`.")


def _list(names: Iterable[str]) -> str:
    *others, last = (f"`{name}`" for name in names)
    return f"{', '.join(others)} and {last}"


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
