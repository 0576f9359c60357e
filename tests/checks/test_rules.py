"""Every rule has a page, and its examples are its tests."""

import pkgutil
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import sftc
import sftc.checks.rules as checks_rules
from sftc.checks.catalogue import RULES
from sftc.checks.rules.refusals import BY_CODE
from sftc.contract.versions import PACKAGED
from sftc.dataset import check_files
from sftc.findings import stage_rules
from sftc.findings.finding import Finding
from sftc.findings.rule import Rule
from sftc.report.rule_pages import listing, page
from sftc.training.base_model import BaseModel
from sftc.training.model_look import ModelLook, Reading
from support.chat_models import TEMPLATE, write_chat_model

WITH_EXAMPLES = [rule for rule in RULES.values() if rule.invalid]
WITHOUT_EXAMPLES = {
    "unreadable-file",
    "file-too-large",
    "not-utf8",
    "byte-order-mark",
    "unwritable-output",
    "override-conflict",
    "endless-extends",
    "base-version",
    "value-not-allowed",
    "missing-schema-file",
    "renamed-key",
    "migrate-by-hand",
    "unknown-module",
    "sequence-beyond-model",
    "no-room-for-answer",
    "no-chat-template",
    "converted-from",
    "field-not-converted",
    "unconvertible-file",
    "unconvertible-row",
    "unreadable-data",
    "damaged-archive",
    "file-changed",
    "row-not-utf8",
    "row-too-large",
    "shared-rows",
    "steps",
    "batch-exceeds-rows",
    "eval-steps-beyond-run",
    "validation-file-missing",
    "best-model-without-file",
    "row-cannot-fit",
    "labels-cut-off",
    "double-bos",
    "padding-is-end",
    "cannot-express",
    "not-carried",
    "small-difference",
    "no-such-run",
    "bad-target",
    "unfinished-for-target",
    "undecided-for-target",
    "beyond-service-limit",
    "row-not-taken",
    "will-not-fit",
    "fits-barely",
    "sequence-longer-than-data",
    "gpu-underused",
    "yaml-syntax",
    "unknown-trainer",
    "wrong-value",
    "cannot-import",
    "not-imported",
    "unknown-source-key",
    "imported-differently",
    "imported",
    "equal-to-default",
    "without-effect",
    "default-written",
    "trainer-detected",
}
CAPITALIZES = TEMPLATE.replace("message.content", "message.content | capitalize")
MODELS: dict[str, dict[str, Any]] = {
    "template-refuses-row": {"family": "gemma-1"},
    "part-not-text": {},
    "answer-not-found": {"template": CAPITALIZES},
    "answer-left-out": {"family": "llama-3"},
    "part-left-out": {"family": "llama-3"},
    "answer-cut": {"longest": 256},
    "end-token-not-trained": {"family": "alpaca"},
}
"""The models that the examples of rules need."""


@pytest.mark.parametrize("rule", WITH_EXAMPLES, ids=lambda rule: rule.id)
def test_examples_of_a_rule_give_the_finding_or_not(rule: Rule, tmp_path: Path) -> None:
    assert rule.invalid
    assert rule.valid
    found = [each for each in findings(rule, rule.invalid, tmp_path) if each.id == rule.id]
    assert found
    assert {each.severity for each in found} == {rule.severity}
    assert rule.id not in {each.id for each in findings(rule, rule.valid, tmp_path)}


def findings(rule: Rule, example: str, folder: Path) -> Sequence[Finding]:
    """Return the findings in an example of `rule`, which is a config or a training file."""
    if rule.examples == "toml":
        return sftc.compile(example).findings
    rows = folder / "rows.jsonl"
    rows.write_bytes(example.encode())
    if not rule.needs:
        return check_files.check_files([str(rows)])[0].findings
    model = write_chat_model(folder / "model", **MODELS[rule.id])
    look = ModelLook(Reading("model", BaseModel(str(model), None)))
    return check_files.check_files([str(rows)], check_files.CheckOptions(second=look))[0].findings


def test_every_rule_is_in_the_catalogue() -> None:
    modules = [
        import_module(module.name)
        for package in (stage_rules, checks_rules)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    defined = {each.id for module in modules for each in vars(module).values() if isinstance(each, Rule)}
    assert len(defined) > 100
    assert defined == RULES.keys()


def test_every_certain_refusal_of_the_service_has_a_rule() -> None:
    codes = {refusal.code for refusal in PACKAGED.newest.refusals}
    assert codes
    assert codes == BY_CODE.keys()


def test_only_listed_rules_have_no_example() -> None:
    assert {rule.id for rule in RULES.values() if not rule.invalid} == WITHOUT_EXAMPLES


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_every_rule_has_a_page(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    for words in (rule.why, rule.act):
        assert words[0].isupper() or words[0] == "`"
        assert words.endswith(".")
    text = page(rule)
    assert text.startswith(f"{rule.id} ({rule.severity}): {rule.title}\n")
    assert f"{rule.id} " in listing(RULES.values())
    assert max(map(len, words_of(rule, text).splitlines())) <= 100


def words_of(rule: Rule, text: str) -> str:
    """Return the part of a page that must fit a terminal: without examples that have long lines."""
    long = rule.id == "nesting-too-deep" or rule.examples == "jsonl"
    return text.partition("\n\nRaises this finding")[0] if long else text
