"""A config held against its contract: all findings, never only the first."""

from sftc.checks import rules
from sftc.checks.config import Config
from sftc.checks.inexpressible import contradictions, inexpressible
from sftc.checks.rules import refusals
from sftc.checks.rules.batch import GLOBAL_BATCH_MISMATCH
from sftc.checks.rules.evaluation import EVALUATION_NEVER_RUNS
from sftc.checks.rules.forwarded import MISPLACED_KEY
from sftc.contract.versions import EXTENDS
from sftc.findings.finding import MOST_SHOWN, Finding, Severity, in_order
from sftc.findings.stage_rules.comments import SUPPRESSION
from sftc.findings.stage_rules.other_trainers import UNDECIDED, UNFINISHED
from sftc.findings.stage_rules.schema import MISSING_KEY, UNKNOWN_KEY, UNKNOWN_TABLE
from sftc.text.keys import Path

_CHECKS = tuple(check for family in rules.FAMILIES for check in family.CHECKS)
_MISSING = {rule.id for rule in (MISSING_KEY, UNFINISHED, UNDECIDED, *refusals.RULES)}
"""The rules about keys that are missing."""
_UNKNOWN = {rule.id for rule in (UNKNOWN_KEY, UNKNOWN_TABLE, MISPLACED_KEY)}
"""The rules about names that may be meant to be one of these keys."""


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
    number = len(findings)
    if any(found.id == EVALUATION_NEVER_RUNS.id for found in findings):
        findings = _without_consequences(config, findings)
    if any(found.id in _MISSING for found in findings):
        findings = _without_stand_ins(config, _without_unread_base(config, findings))
    if any(SUPPRESSION in each.source.text for each in document.chain):
        from sftc.checks.suppressions import suppress

        has_errors = any(found.is_error for found in findings)  # which may hide other findings
        findings = suppress(document, findings, is_complete=not has_errors and len(findings) == number)
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


def _without_consequences(config: Config, findings: list[Finding]) -> list[Finding]:
    """Return `findings` without an interval that is not set, if an unknown name was meant to set it."""
    from sftc.checks.unknown_keys import meant_by

    unknown = [each.path for each in findings if each.id in _UNKNOWN][:MOST_SHOWN]
    meant = set[Path]().union(*(meant_by(config, path) for path in unknown))
    return [each for each in findings if each.id != EVALUATION_NEVER_RUNS.id or each.path not in meant]


def _without_stand_ins(config: Config, findings: list[Finding]) -> list[Finding]:
    """Return `findings` with one for each unknown name and the missing keys that were meant by it."""
    from sftc.checks.unknown_keys import meant_by

    missing = sorted((each for each in findings if each.id in _MISSING), key=lambda each: not each.is_error)
    unknown = [each for each in findings if each.id in _UNKNOWN]
    joined: dict[Path, Finding] = {}
    for found in unknown[:MOST_SHOWN]:
        meant = meant_by(config, found.path)
        causes = [each for each in missing if each.path in meant]
        if causes:
            joined[found.path] = _joined(config, causes[0], found)
            missing = [each for each in missing if each not in causes]
    rest = [each for each in findings if each.id not in _MISSING and each.path not in joined]
    return [*rest, *missing, *joined.values()]


def _joined(config: Config, missing: Finding, unknown: Finding) -> Finding:
    """Return one finding for a missing key and the unknown name in its place."""
    from sftc.checks.unknown_keys import is_unknown

    message = f"{is_unknown(config, unknown.path)}, and {missing.message}"
    return missing._replace(message=message, span=unknown.span, help=unknown.help, fix=unknown.fix)
