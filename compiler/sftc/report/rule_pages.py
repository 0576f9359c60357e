"""The rule catalogue as text: a list of rules, and a page for each rule."""

from collections.abc import Iterable
from textwrap import fill, indent
from typing import Final

from sftc.findings.rule import Rule
from sftc.report.json import to_json

PAGES: Final = "https://sftc-dev.github.io/sftc/reference/findings/"
"""Where the documentation has the pages of all rules."""


def page_url(rule: Rule) -> str:
    """Return the address of the page of one rule, whose heading is its id and severity."""
    return f"{PAGES}#{rule.id}-{rule.severity}"


def listing(rules: Iterable[Rule]) -> str:
    """Return one line per rule: its id, severity and title."""
    rules = list(rules)
    width = max(len(rule.id) for rule in rules)
    return "".join(f"{rule.id:<{width}}  {rule.severity:<7}  {rule.title}\n" for rule in rules)


def as_json(rules: Iterable[Rule]) -> str:
    """Return the texts and examples of rules as JSON; its version is 1."""
    return to_json({"version": 1, "rules": [rule._asdict() for rule in rules]})


def page(rule: Rule) -> str:
    """Return the page of one rule: its title, why it matters, how to fix it, and examples."""
    parts = [f"{rule.id} ({rule.severity}): {rule.title}", fill(rule.why, 80), fill(rule.act, 80)]
    if rule.invalid and rule.valid:
        given = f", with {rule.needs}" if rule.needs else ""
        parts += [_example(f"Raises this finding{given}:", rule.invalid), _example("Does not:", rule.valid)]
    return "\n\n".join(parts) + "\n"


def _example(title: str, config: str) -> str:
    return f"{title}\n\n{indent(config.rstrip(), '    ')}"
