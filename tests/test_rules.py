"""The catalogue: every rule has a page, and its examples are its tests."""

import re

import pytest

import sftc
from sftc.catalogue import RULES
from sftc.report.pages import listing, page
from sftc.rule import Rule

WITH_EXAMPLES = [rule for rule in RULES.values() if rule.invalid]
WITHOUT_EXAMPLES = {
    "unreadable-file",
    "file-too-large",
    "not-utf8",
    "byte-order-mark",
    "unwritable-output",
    "override-conflict",
    "value-not-allowed",
    "missing-schema-file",
    "renamed-key",
}


@pytest.mark.parametrize("rule", WITH_EXAMPLES, ids=lambda rule: rule.id)
def test_examples(rule: Rule) -> None:
    assert rule.invalid
    assert rule.valid
    found = [each for each in sftc.compile(rule.invalid).findings if each.id == rule.id]
    assert found
    assert {each.severity for each in found} == {rule.severity}
    assert rule.id not in {each.id for each in sftc.compile(rule.valid).findings}


def test_only_rules_that_no_config_text_breaks_have_no_example() -> None:
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
    assert max(map(len, text.splitlines())) <= 100 or rule.id == "nesting-too-deep"
