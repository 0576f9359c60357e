"""The type of a rule: a row of the catalogue of findings."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from sftc.findings.finding import Finding, Fix, Severity
from sftc.text.keys import Path
from sftc.text.source import Span

if TYPE_CHECKING:
    from sftc.contract.versions import Contract
    from sftc.document.toml import Document

    Check = Callable[[Document, Contract], Iterable[Finding]]


class Rule(NamedTuple):
    """One kind of finding, and its page: what it is, why it matters, how to act on it.

    `invalid` is a config, or, where the `examples` are `jsonl`, a training file that raises
    the finding, and `valid` one that does not; a rule about something else than the text has
    neither. `check` finds what no schema can say of a config.
    """

    id: str
    severity: Severity
    title: str
    why: str
    act: str
    invalid: str | None = None
    valid: str | None = None
    check: "Check | None" = None
    examples: Literal["toml", "jsonl"] = "toml"

    def finding(
        self,
        span: Span,
        message: str,
        *,
        path: Path = (),
        help: str | None = None,
        fix: Fix | None = None,
    ) -> Finding:
        """Return a finding of this rule."""
        return Finding(self.id, self.severity, message, span, path, help, fix)
