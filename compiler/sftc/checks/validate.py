"""A config held against its contract: all findings, never only the first."""

from sftc.checks import rules
from sftc.checks.config import Config
from sftc.checks.inexpressible import contradictions, inexpressible
from sftc.checks.rules import refusals
from sftc.checks.rules.batch import GLOBAL_BATCH_MISMATCH
from sftc.contract.versions import EXTENDS
from sftc.findings.finding import Finding, Severity, in_order
from sftc.findings.stage_rules.comments import SUPPRESSION
from sftc.findings.stage_rules.schema import MISSING_KEY
from sftc.text.keys import key

_CHECKS = tuple(check for family in rules.FAMILIES for check in family.CHECKS)
_MISSING = {MISSING_KEY.id, *(rule.id for rule in refusals.RULES)}
"""The rules about keys that are missing."""


def validate(config: Config) -> list[Finding]:
    """Return every finding about a config, in the order of the text."""
    document, contract = config.document, config.contract
    findings: list[Finding] = []
    if not contract.accepts(document.values):
        from sftc.checks.violations import explain_violations

        findings += explain_violations(config)
    for check in _CHECKS:
        findings += check(config)
    if not all(target.own_version for target in config.targets):
        findings = _with_contradictions(findings, list(contradictions(config)))
    for target in config.targets:
        findings += inexpressible(config, target)
    if any(found.id in _MISSING for found in findings):
        findings = _without_stand_ins(config, _without_unread_base(config, findings))
    for each in document.chain:
        if SUPPRESSION in each.source.text:
            from sftc.checks.suppressions import suppress

            findings = suppress(each, findings)
    return in_order(findings)


def _with_contradictions(findings: list[Finding], found: list[Finding]) -> list[Finding]:
    """Return `findings` and the contradictions `found`.

    A batch that does not agree is both. It becomes one finding: the contradiction, in the words of the rule.
    """
    paths = {each.path for each in found}
    rule = {
        each.path: each for each in findings if each.id == GLOBAL_BATCH_MISMATCH.id and each.path in paths
    }
    kept = [each for each in findings if each not in rule.values()]
    return kept + [
        each._replace(message=same.message, help=same.help) if (same := rule.get(each.path)) else each
        for each in found
    ]


def _without_unread_base(config: Config, findings: list[Finding]) -> list[Finding]:
    """Return `findings` without what is missing, if the config extends another one, which is not read.

    Version 1 has no bases. The key that names one is then the error.
    """
    base = (EXTENDS,)
    is_unread = base not in config.contract.properties and isinstance(config.document.get(base), str)
    if not is_unread or not any(found.path == base for found in findings):
        return findings
    fails = any(found.is_error and found.id in _MISSING for found in findings)
    return [
        found._replace(severity=Severity.ERROR) if fails and found.path == base else found
        for found in findings
        if found.id not in _MISSING
    ]


def _without_stand_ins(config: Config, findings: list[Finding]) -> list[Finding]:
    """Return `findings` with one for a missing key and the unknown key that was meant to be it."""
    from sftc.checks.counterparts import stand_ins

    stand_in = stand_ins(config, {found.path for found in findings if found.id in _MISSING})
    written = {path: missing for missing, path in stand_in.items()}
    unknown = {written[found.path]: found for found in findings if found.path in written}
    kept = [found for found in findings if found.path not in written]
    return [
        _joined(found, unknown[found.path]) if found.id in _MISSING and found.path in unknown else found
        for found in kept
    ]


def _joined(missing: Finding, unknown: Finding) -> Finding:
    """Return one finding for a missing key and the unknown one in its place."""
    name = key(str(unknown.path[-1]))
    message = missing.message.replace(" is missing", f" is missing, and `{name}` is unknown", 1)
    return missing._replace(span=unknown.span, message=message, help=unknown.help, fix=unknown.fix)
