"""A config held against its contract: all findings, never only the first."""

from sftc.checks import rules
from sftc.checks.config import Config
from sftc.findings.finding import Finding, in_order
from sftc.findings.stage_rules.comments import SUPPRESSION

_CHECKS = tuple(check for family in rules.FAMILIES for check in family.CHECKS)


def validate(config: Config) -> list[Finding]:
    """Return every finding about a config, in the order of the text."""
    document, contract = config.document, config.contract
    findings: list[Finding] = []
    if not contract.accepts(document.values):
        from sftc.checks.violations import explain_violations

        findings += explain_violations(config)
    for check in _CHECKS:
        findings += check(config)
    if SUPPRESSION in document.source.text:
        from sftc.checks.suppressions import suppress

        findings = suppress(document, findings)
    return in_order(findings)
