"""The type of a rule: a row of the catalogue of findings."""

from typing import Final, Literal, NamedTuple

from sftc.findings.finding import Finding, Fix, Severity
from sftc.text.characters import visible
from sftc.text.keys import Path
from sftc.text.source import Span

_LONGEST: Final = 2000
"""The characters of a message that are shown."""


class Rule(NamedTuple):
    """One kind of finding and its page: what it is, why it matters, what to do.

    `invalid` is a config that raises the finding and `valid` one that does not; if `examples` is
    `jsonl` they are training files. A rule about something other than text has neither. `needs` is
    the model or the setting without which the rows do not raise it.
    """

    id: str
    severity: Severity
    title: str
    why: str
    act: str
    invalid: str | None = None
    valid: str | None = None
    examples: Literal["toml", "jsonl"] = "toml"
    needs: str = ""

    def finding(
        self,
        span: Span,
        message: str,
        *,
        path: Path = (),
        help: str | None = None,
        fix: Fix | None = None,
    ) -> Finding:
        """Return a finding of this rule.

        Its texts show invisible characters by code point, no secrets, and no name or value of
        thousands of characters.
        """
        from sftc.text.secrets import masked

        shown, more = (text and masked(visible(_shortened(text))) for text in (message, help))
        return Finding(self.id, self.severity, shown or "", span, path, more, fix)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"
