"""The pages that findings link to."""

import re
from pathlib import Path

from sftc.checks.catalogue import RULES
from sftc.report.rule_pages import page_url


def test_every_rule_has_a_page_at_its_address(root: Path) -> None:
    page = (root / "docs/reference/findings.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (.*)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w-]", "", heading.replace(" ", "-")) for heading in headings}
    assert RULES
    for rule in RULES.values():
        assert page_url(rule).partition("#")[2] in anchors
