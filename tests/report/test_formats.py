"""Machine-readable reports: valid by their published schemas, and complete."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import pytest
import xmlschema
from click.testing import CliRunner
from jsonschema import Draft7Validator
from jsonschema.validators import validator_for

from sftc.checks.catalogue import RULES
from sftc.cli.lint_command import lint_command
from sftc.document.edits import apply_fixes
from sftc.findings.finding import Finding, Severity
from sftc.report.rule_pages import page_url
from sftc.report.terminal import printable
from sftc.text.source import Span
from sftc.tools.lint import lint_file
from support.golden import GOLDEN, cases
from support.published_schemas import JUNIT, SARIF, PublishedSchemas

Findings = Mapping[str, Sequence[Finding]]
Edits = list[tuple[int, int, str]]

SCHEMA = Path(__file__).parent.parent.parent / "schemas/sftc_schemas/report.schema.json"
JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'
HOSTILE = [
    " a b: 50%, \"q\" 'é漢'&<c>.sft.toml",
    "%41::error file=x::y,z.sft.toml",
    "line\r\nbreak\ufffe\u202e.sft.toml",
    "back\\slash?#.sft.toml",
    os.fsdecode(b"\xff not utf-8.sft.toml"),
]
ODD = '"a\\r\\n::error::b%0A" = 1\n"\\uFFFE\\uFFFF\\u0000\\u001B]]>" = 2\n"漢" = "x"\n'
"""Keys that break a report that does not escape them."""

MISSING = "missing: not there.sft.toml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder of configs with all kinds of findings, and make it the current folder."""
    folder = tmp_path_factory.mktemp("configs")
    for kind in ("lint", "reject"):
        for case in cases(kind):
            copy = folder / case.relative_to(GOLDEN) / "config.toml"
            copy.parent.mkdir(parents=True)
            shutil.copy(case / "config.toml", copy)
    for name in HOSTILE:
        (folder / name).write_text(JOB + ODD, encoding="utf-8")
    (folder / "good.sft.toml").write_text(JOB)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def findings(folder: Path) -> Findings:
    """Return all findings, by path."""
    configs = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.toml"))
    return {path: lint_file(path) for path in [*configs, MISSING]}


def report(format: str, paths: Sequence[str] | Findings) -> str:
    result = CliRunner().invoke(lint_command, ["--format", format, *paths])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.stdout_bytes.decode()


def plain(path: str) -> str:
    """Return `path` as it appears in reports that contain only Unicode."""
    return path.encode("utf-8", "backslashreplace").decode()


def edited(text: str, edits: Edits) -> str:
    for start, end, new in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        text = text[:start] + new + text[end:]
    return text


def offset(text: str, line: int, column: int) -> int:
    return sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column - 1


def pairs(findings: Findings) -> list[tuple[str, Finding]]:
    return [(path, found) for path, each in findings.items() for found in each]


def test_the_findings_cover_every_case(findings: Findings) -> None:
    found = [found for _, found in pairs(findings)]
    assert {each.severity for each in found} == set(Severity)
    assert {each.fix.safe for each in found if each.fix} == {True, False}
    assert {each.id for each in findings[MISSING]} == {"unreadable-file"}
    assert any(each.span.line != each.span.end_line for each in found)
    assert any(not each for each in findings.values())
    assert len({each.id for each in found}) > 30


def test_json_is_valid_by_its_schema(findings: Findings) -> None:
    schema = json.loads(SCHEMA.read_bytes())
    Draft7Validator.check_schema(schema)
    Draft7Validator(schema).validate(json.loads(report("json", findings)))
    Draft7Validator(schema).validate(json.loads(report("json", ["good.sft.toml"])))


def test_json_contains_every_finding(findings: Findings) -> None:
    said = json.loads(report("json", findings))
    assert [each["path"] for each in said["files"]] == list(map(plain, findings))
    listed = [each for file in said["files"] for each in file["findings"]]
    for (_, found), each in zip(pairs(findings), listed, strict=True):
        assert (each["id"], each["severity"]) == (found.id, found.severity)
        assert (each["message"], each["help"]) == (found.message, found.help)
        assert tuple(each["path"]) == found.path
        assert (each["key"] is None) == (not found.path)
        assert in_json(each["range"], found.span.source.text) == (found.span.start, found.span.end)
    severities = [found.severity for _, found in pairs(findings)]
    assert said["summary"] == {f"{each}s": severities.count(each) for each in Severity}


def test_json_contains_the_fixes_that_would_be_applied(findings: Findings) -> None:
    said = json.loads(report("json", findings))
    listed = [each for file in said["files"] for each in file["findings"]]
    for (_, found), each in zip(pairs(findings), listed, strict=True):
        assert (each["fix"] is None) == (found.fix is None)
        if found.fix:
            text = found.span.source.text
            edits = [(*in_json(edit["range"], text), edit["text"]) for edit in each["fix"]["edits"]]
            assert edited(text, edits) == apply_fixes(found.span.source, [found.fix]).text
            assert (each["fix"]["title"], each["fix"]["safe"]) == (found.fix.title, found.fix.safe)


def in_json(range: Any, text: str) -> tuple[int, int]:
    start, end = (offset(text, range[edge]["line"], range[edge]["column"]) for edge in ("start", "end"))
    return start, end


def within(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a schema, including the schema itself."""
    if isinstance(schema, dict):
        yield schema
        for each in schema.values():
            yield from within(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from within(each)


def test_the_report_schema_is_closed_and_documented() -> None:
    schema = json.loads(SCHEMA.read_bytes())
    objects = [each for each in within(schema) if "properties" in each]
    assert len(objects) > len(schema["definitions"])
    assert all(each["additionalProperties"] is False for each in objects)
    assert all(set(each["required"]) == each["properties"].keys() for each in objects)
    named = [child for each in objects for child in each["properties"].values()]
    told = [each for each in [*objects, *named] if not {"$ref", "anyOf"} & each.keys()]
    assert all(each["title"] and each["description"].endswith(".") for each in told)


def test_sarif_is_valid_by_its_published_schema(published: PublishedSchemas, findings: Findings) -> None:
    schema = json.loads(published.read(*SARIF))
    validator = validator_for(schema)
    assert validator.META_SCHEMA["$schema"] == schema["$schema"]
    for paths in (list(findings), ["good.sft.toml"], ["good.sft.toml", "./good.sft.toml"]):
        validator(schema).validate(json.loads(report("sarif", paths)))


def test_sarif_contains_every_finding(findings: Findings) -> None:
    [run] = json.loads(report("sarif", findings))["runs"]
    uris = [artifact["location"]["uri"] for artifact in run["artifacts"]]
    assert [unquote_to_bytes(uri) for uri in uris] == list(map(os.fsencode, findings))
    assert all(not any(urlsplit(uri)[part] for part in (0, 1, 3, 4)) for uri in uris)
    for (path, found), result in zip(pairs(findings), run["results"], strict=True):
        assert (result["ruleId"], result["level"]) == (found.id, found.severity)
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == found.id
        assert result["message"]["text"] == "\n".join(filter(None, (found.message, found.help)))
        [location] = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == uris[list(findings).index(path)]
        region = in_sarif(location["physicalLocation"]["region"], found.span.source.text)
        assert region == (found.span.start, found.span.end)


def test_sarif_contains_the_fixes_that_would_be_applied(findings: Findings) -> None:
    [run] = json.loads(report("sarif", findings))["runs"]
    for (_, found), result in zip(pairs(findings), run["results"], strict=True):
        assert ("fixes" in result) == (found.fix is not None)
        if found.fix:
            [fix] = result["fixes"]
            [change] = fix["artifactChanges"]
            place = result["locations"][0]["physicalLocation"]
            assert change["artifactLocation"] == place["artifactLocation"]
            text = found.span.source.text
            edits = [
                (*in_sarif(each["deletedRegion"], text), each["insertedContent"]["text"])
                for each in change["replacements"]
            ]
            assert edited(text, edits) == apply_fixes(found.span.source, [found.fix]).text


def in_sarif(region: Any, text: str) -> tuple[int, int]:
    start = offset(text, region["startLine"], region["startColumn"])
    return start, offset(text, region["endLine"], region["endColumn"])


def test_sarif_explains_every_rule(folder: Path) -> None:
    [run] = json.loads(report("sarif", ["good.sft.toml"]))["runs"]
    rules = run["tool"]["driver"]["rules"]
    told = [(rule["id"], rule["fullDescription"]["text"], rule["helpUri"]) for rule in rules]
    assert told == [(rule.id, rule.why, page_url(rule)) for rule in RULES.values()]
    assert run["columnKind"] == "unicodeCodePoints"


def test_sarif_has_a_file_uri_for_an_absolute_path(folder: Path) -> None:
    [run] = json.loads(report("sarif", [str(folder / HOSTILE[0])]))["runs"]
    uri = run["artifacts"][0]["location"]["uri"]
    assert uri.startswith("file:///")
    assert unquote(urlsplit(uri).path) == str(folder / HOSTILE[0])


def test_junit_is_valid_by_its_published_schema(published: PublishedSchemas, findings: Findings) -> None:
    schema = xmlschema.XMLSchema(published.read(*JUNIT))
    schema.validate(report("junit", findings))
    schema.validate(report("junit", ["good.sft.toml"]))


def test_junit_contains_every_error_and_warning(findings: Findings) -> None:
    suites = xmlschema.XMLResource(report("junit", findings)).root
    failing = {
        path: [each for each in found if each.severity is not Severity.NOTE]
        for path, found in findings.items()
    }
    [suite] = suites
    for element in (suites, suite):
        assert element.get("tests") == str(len(findings))
        assert element.get("failures") == str(sum(map(bool, failing.values())))
        assert element.get("errors") == "0"
    for (path, found), case in zip(failing.items(), suite, strict=True):
        lines = [line for failure in case for line in str(failure.text).split("\n")]
        assert len(lines) == len(found)
        for line, each in zip(lines, found, strict=True):
            assert line.startswith(f"{each.span.line}:{each.span.column}: {each.severity}[{each.id}]: ")
        if path.isprintable():
            assert case.get("name") == path


def test_github_commands_parse_back_to_the_findings(findings: Findings) -> None:
    commands = re.split(r"\r\n|\r|\n", report("github", findings))
    assert commands.pop() == ""
    kinds = {"error": Severity.ERROR, "warning": Severity.WARNING, "notice": Severity.NOTE}
    for (path, found), command in zip(pairs(findings), commands, strict=True):
        kind, properties, message = parsed(command)
        assert kinds[kind] == found.severity
        assert message == "\n".join(filter(None, (found.message, found.help)))
        assert properties.pop("file") == printable(plain(path))
        assert properties.pop("title") == f"sftc: {found.id}"
        assert {name: int(value) for name, value in properties.items()} == lines_and_columns(found.span)


def parsed(command: str) -> tuple[str, dict[str, str], str]:
    """Return a workflow command's name, properties and message, parsed like GitHub's runner."""
    _, head, message = command.split("::", 2)
    kind, _, listed = head.partition(" ")
    properties = dict(each.split("=", 1) for each in listed.split(","))
    escapes = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    for escape, char in escapes.items():
        properties = {name: value.replace(escape, char) for name, value in properties.items()}
        if char not in ":,":
            message = message.replace(escape, char)
    return kind, properties, message


def lines_and_columns(span: Span) -> dict[str, int]:
    lines = {"line": span.line, "endLine": span.end_line}
    if span.line != span.end_line:
        return lines
    return lines | {"col": span.column, "endColumn": span.end_column}


def test_gitlab_entries_have_the_required_fields(findings: Findings) -> None:
    entries = json.loads(report("gitlab", findings))
    severities = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}
    for (path, found), entry in zip(pairs(findings), entries, strict=True):
        assert re.fullmatch("[0-9a-f]{64}", entry.pop("fingerprint"))
        lines = {"begin": found.span.line, "end": found.span.end_line}
        assert entry == {
            "description": found.message,
            "check_name": found.id,
            "severity": severities[found.severity],
            "location": {"path": plain(path), "lines": lines},
        }


def test_gitlab_fingerprints_are_unique(findings: Findings) -> None:
    for paths in (list(findings), ["lint/suppressions/config.toml", "./lint/suppressions/config.toml"]):
        prints = [entry["fingerprint"] for entry in json.loads(report("gitlab", paths))]
        assert len(set(prints)) == len(prints) > 0


def test_gitlab_fingerprints_survive_an_added_line(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = json.loads(report("gitlab", findings))
    for path in findings:
        if path != MISSING:
            data = Path(path).read_bytes()
            mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(mark + b"\n" + data.removeprefix(mark))
    monkeypatch.chdir(tmp_path)
    after = json.loads(report("gitlab", findings))
    for old, new in zip(before, after, strict=True):
        assert (old["location"]["path"], old["check_name"]) == (new["location"]["path"], new["check_name"])
        assert old["fingerprint"] == new["fingerprint"], old
    moved = [old for old, new in zip(before, after, strict=True) if old["location"] != new["location"]]
    assert len(moved) > len(before) / 2


@pytest.mark.parametrize("format", ["sarif", "github", "gitlab"])
def test_paths_are_normalized_for_the_repository(format: str, folder: Path) -> None:
    path = "./lint/suppressions/config.toml"
    assert report(format, [path]) == report(format, [path.removeprefix("./")])
