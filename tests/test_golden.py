import json
import re
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

import sftc
from sftc.checks.catalogue import RULES
from sftc.contract.versions import PACKAGED
from sftc.findings.stage_rules import conversions, templates
from support.golden import (
    EXIT_CODES,
    GOLDEN,
    KINDS,
    OUTPUTS,
    cases,
    on_disk,
    produce,
    produce_target,
    target_cases,
    target_on_disk,
    update,
    update_target,
)

TARGET_CASES = [case for target in PACKAGED.target_names[1:] for case in target_cases(target)]
ALL = [(kind, case) for kind in KINDS for case in cases(kind)]
NOT_AS_FILES = {
    "unreadable-file": "a golden case is a file that can be read",
    "file-too-large": "the repository contains no file of a megabyte",
    "unwritable-output": "golden cases write to memory",
    "small-difference": "`sftc compile` prints no notes",
    "bad-target": "a golden case has no target of its own",
    "beyond-service-limit": "a service says its limits",
    "row-not-taken": "`sftc train --target` reports it, which sends files",
    "unknown-module": "a golden case has no files of a model",
    "sequence-beyond-model": "as above",
    "no-chat-template": "as above",
    "no-room-for-answer": "`sftc chat --file` reports it, which needs a model",
    "migrate-by-hand": "`sftc migrate` reports it, which writes files",
    "damaged-archive": "an archive is not text, and a library words the message",
    "imported": "the table of an account says it",
    "equal-to-default": "as above",
    "without-effect": "as above",
    "yaml-syntax": "the file has no keys to account for; tests/document has cases",
    "file-changed": "a golden case does not change",
    "row-too-large": "the repository contains no row of 64 MiB",
    **dict.fromkeys(
        (rule.id for rule in templates.RULES if rule.id != "nothing-trained"), "a golden case has no model"
    ),
    **dict.fromkeys(
        (rule.id for rule in conversions.RULES), "`sftc dataset convert` reports it, which writes files"
    ),
}


@pytest.mark.parametrize(("kind", "case"), ALL, ids=[f"{kind}/{case.name}" for kind, case in ALL])
def test_the_output_matches_the_golden_files(kind: str, case: Path, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        update(case)
    code, files = produce(case)
    assert files == on_disk(case)
    assert code == exit_code(kind, files)
    assert ("payload.json" in files) == (kind == "accept")


@pytest.mark.parametrize("case", TARGET_CASES, ids=lambda case: "/".join(case.parts[-2:]))
def test_each_target_writes_the_golden_files(case: Path, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        update_target(case)
    assert produce_target(case) == target_on_disk(case)


def test_each_golden_case_of_a_target_is_compiled() -> None:
    assert sorted((GOLDEN / "targets").glob("*/*")) == sorted(TARGET_CASES)


def exit_code(kind: str, files: dict[str, bytes]) -> int:
    """Return the expected exit code.

    A report fails unless it has only notes, an estimate if nothing fits, and an account if it has an error.
    """
    if kind == "estimate":
        return int(b"does not fit" in files["report.txt"])
    if kind == "import":
        return int(b"error[" in files["account.txt"])
    if "report.txt" not in files:
        return EXIT_CODES[kind]
    return int(re.search(rb"^\S+: (error|warning)\[", files["report.txt"], re.MULTILINE) is not None)


def test_updating_the_golden_files_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "golden")
    before = contents(tmp_path)
    for kind in KINDS:
        for case in cases(kind, tmp_path / "golden"):
            update(case)
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_are_enough_golden_cases_and_no_other_files() -> None:
    assert len(cases("accept")) >= 25
    assert len(cases("reject")) >= 40
    inputs = {
        "config.toml",
        "base.toml",
        "config.yaml",
        "dataset_info.json",
        "rows.jsonl",
        "validation.jsonl",
        "flags.txt",
    }
    allowed = inputs | {*OUTPUTS}
    assert {path.name for kind in KINDS for path in (GOLDEN / kind).rglob("*") if path.is_file()} <= allowed


def test_every_rule_has_a_golden_case() -> None:
    names = ("findings.txt", "report.txt", "account.txt")
    reports = [path for name in names for path in GOLDEN.rglob(name)]
    said = "".join(path.read_text(encoding="utf-8") for path in reports)
    assert {rule for rule in RULES if f"[{rule}]" not in said} == NOT_AS_FILES.keys()


@pytest.mark.parametrize("case", cases("dataset"), ids=lambda case: case.name)
def test_the_digest_is_reported_if_the_whole_file_is_read(case: Path) -> None:
    data, report = (case / "rows.jsonl").read_bytes(), (case / "report.txt").read_text(encoding="utf-8")
    identity = f"{len(data):,} bytes, sha256:{sha256(data).hexdigest()}"
    is_read = case.name not in {"max-errors", "examples"} and "error[not-json-lines]" not in report
    assert (identity in report) == is_read


def test_configs_with_the_same_meaning_give_the_same_bytes() -> None:
    names = ["same-meaning-dotted", "same-meaning-inline", "crlf-line-endings"]
    example = (GOLDEN / "accept/contract-example/payload.json").read_bytes()
    assert [(GOLDEN / "accept" / name / "payload.json").read_bytes() for name in names] == [example] * 3


WITHOUT_FLAGS = [case for case in cases("accept") if not (case / "flags.txt").exists()]


@pytest.mark.parametrize("case", WITHOUT_FLAGS, ids=lambda case: case.name)
def test_the_api_gives_the_same_payload(case: Path) -> None:
    compiled = sftc.compile(case / "config.toml")
    assert compiled.payload == json.loads((case / "payload.json").read_bytes())
    if not (case / "base.toml").exists():  # a text is in no folder
        assert compiled.payload == sftc.compile((case / "config.toml").read_bytes()).payload
