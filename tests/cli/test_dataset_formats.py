"""The machine-readable reports of `sftc dataset check`: complete, and valid by their schemas."""

import json
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from jsonschema import Draft7Validator
from jsonschema.validators import validator_for

from support.program import Dataset
from support.published_schemas import SARIF, PublishedSchemas
from support.training_files import BROKEN, CONFIG, GOOD, UNANSWERED, digest

FORMATS = ("text", "json", "github", "sarif")
"""The source package that carries the published schema, which is not ours to copy, and its SHA-256."""

HOSTILE = [
    " a b: 50%, \"q\" 'é漢'&<c>.jsonl",
    "%41::error file=x::y,z.jsonl",
    "line\r\nbreak\x1b[31m\u202e.jsonl",
    "[a]*?.jsonl",
    "--jobs.jsonl",
    os.fsdecode(b"\xff not utf-8.jsonl"),
]
ALL = ["good.jsonl", "unanswered.jsonl", "./broken.jsonl", "absent.jsonl", "-", "--config", "config.toml"]


FILES = {
    "good.jsonl": GOOD,
    "unanswered.jsonl": UNANSWERED,
    "broken.jsonl": BROKEN,
    "config.toml": CONFIG + "\n[hyperparameters]\nglobal_batch = 5\n",
}


@pytest.mark.parametrize("arguments", [ALL, ["good.jsonl"], [*ALL, "--max-errors", "1"], ["a*.jsonl"]])
def test_json_is_valid_by_its_schema(dataset: Dataset, root: Path, arguments: list[str]) -> None:
    Path("aa.jsonl").write_text(UNANSWERED + UNANSWERED.replace("2 + 2", "2 + 3") + BROKEN * 2)
    schema = json.loads((root / "schemas/sftc_schemas/report.schema.json").read_bytes())
    code, report, errors = dataset("check", *arguments, "--format", "json", stdin=BROKEN.encode())
    Draft7Validator(schema).validate(json.loads(report))
    assert (code, errors) == (int(arguments != ["good.jsonl"]), "")


def test_json_contains_rows_digest_and_positions(dataset: Dataset) -> None:
    Path("broken.jsonl").write_text(text := GOOD + BROKEN)
    files = dataset.report("broken.jsonl", "absent.jsonl", "--config", "config.toml")
    assert files["broken.jsonl"]["data"] == {
        "rows": 11, "bytes": len(text), "digest": digest(text), "stopped": False, "more": {},
    }  # fmt: skip
    [found] = files["broken.jsonl"]["findings"]
    assert (found["severity"], found["path"], found["byte"]) == ("error", [], len(text) - 1)
    assert found["range"]["start"] == {"line": 11, "column": 13}
    assert files["absent.jsonl"]["data"]["digest"] is None
    assert files["config.toml"]["data"] is None


def test_sarif_is_valid_by_its_published_schema(dataset: Dataset, published: PublishedSchemas) -> None:
    code, report, errors = dataset("check", *ALL, "--format", "sarif")
    assert (code, errors) == (1, "")
    schema = json.loads(published.read(*SARIF))
    validator_for(schema)(schema).validate(json.loads(report))
    results = json.loads(report)["runs"][0]["results"]
    places = [result["locations"][0]["physicalLocation"] for result in results]
    assert [
        (result["ruleId"], place["artifactLocation"]["uri"], place["region"]["startLine"])
        for result, place in zip(results, places, strict=True)
    ] == [
        ("no-assistant-message", "unanswered.jsonl", 1),
        ("row-not-json", "broken.jsonl", 1),
        ("unreadable-data", "absent.jsonl", 1),
        ("empty-data", "-", 1),
        ("steps", "config.toml", 9),
    ]


def test_github_gets_one_command_per_finding(dataset: Dataset) -> None:
    code, report, errors = dataset("check", *ALL, "--format", "github")
    assert (code, errors) == (1, "")
    heads = [line.split("::")[1].split(",", 1) for line in report.splitlines()]
    assert heads == [
        [
            "warning file=unanswered.jsonl",
            "line=1,endLine=1,col=14,endColumn=15,title=sftc%3A no-assistant-message",
        ],
        ["error file=broken.jsonl", "line=1,endLine=1,col=13,endColumn=13,title=sftc%3A row-not-json"],
        ["error file=absent.jsonl", "line=1,endLine=1,col=1,endColumn=1,title=sftc%3A unreadable-data"],
        ["error file=-", "line=1,endLine=1,col=1,endColumn=1,title=sftc%3A empty-data"],
        ["notice file=config.toml", "line=9,endLine=9,col=2,endColumn=17,title=sftc%3A steps"],
    ]
    assert dataset("check", "good.jsonl", "--format", "github") == (0, "", "")


def test_odd_file_names_are_escaped(dataset: Dataset) -> None:
    for number, name in enumerate(HOSTILE):
        Path(name).write_text(UNANSWERED.replace("2", str(number)))
    reports = {}
    for format in FORMATS:
        code, reports[format], errors = dataset("check", "--format", format, "--", *HOSTILE)
        assert (code, errors) == (1, "")
    assert len(reports["text"].split("\n")) == len(HOSTILE) * 7 + 1
    assert reports["text"].replace("\n", "").isprintable()
    assert [file["path"] for file in json.loads(reports["json"])["files"]] == [
        name.encode("utf-8", "backslashreplace").decode() for name in HOSTILE
    ]
    assert len(reports["github"].splitlines()) == len(HOSTILE)
    artifacts = json.loads(reports["sarif"])["runs"][0]["artifacts"]
    assert [unquote_to_bytes(each["location"]["uri"]) for each in artifacts] == [*map(os.fsencode, HOSTILE)]
