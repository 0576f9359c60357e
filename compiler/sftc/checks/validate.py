"""A document against its contract: all findings, never only the first."""

from typing import Any

from sftc.checks import rules
from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.findings.finding import Finding, in_order
from sftc.findings.stage_rules.comments import SUPPRESSION

_CHECKS = tuple(rule.check for family in rules.FAMILIES for rule in family.RULES if rule.check)


def validate(document: Document, contract: Contract) -> list[Finding]:
    """Return every finding about `document`, in the order of the text."""
    findings: list[Finding] = []
    if not contract.accepts(document.values):
        from sftc.checks.violations import explain_violations

        findings += explain_violations(document, contract)
    for check in _CHECKS:
        findings += check(document, contract)
    if SUPPRESSION in document.source.text:
        from sftc.checks.suppressions import suppress

        findings = suppress(document, findings)
    return in_order(findings)


def check_payload(payload: dict[str, Any], contract: Contract) -> None:
    """Make sure that a compiled payload is what the contract promises.

    Raises:
        RuntimeError: it is not, which is a fault of the schemas or mapping rules.
    """
    if not contract.accepts_payload(payload):
        from sftc.contract.dialect import payload_faults

        if faults := payload_faults(contract, payload):
            raise RuntimeError(f"the compiled payload breaks its schema: {'; '.join(faults)}")
