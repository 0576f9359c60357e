"""A preview of a training file: what the renderers of its three formats share."""

from typing import NamedTuple

from sftc.dataset.check_files import Checked
from sftc.findings.finding import Finding
from sftc.text.plural import counted
from sftc.training.model_look import Reading, TokenTally


class Preview(NamedTuple):
    """What a model is trained on, of one file.

    Attributes:
        checked: the result of the check of the file.
        together: the findings about the config with the file.
        reading: how the rows were read.
        tally: the rows that were asked for, and the numbers of all rows.
    """

    checked: Checked
    together: list[Finding]
    reading: Reading
    tally: TokenTally

    @property
    def findings(self) -> list[Finding]:
        """All findings: about rows in the order of their lines, then about the config."""
        return [*self.of_rows, *self.together]

    @property
    def of_rows(self) -> list[Finding]:
        """The findings about the file and its rows, in the order of their lines."""
        return sorted(self.checked.findings, key=_line)

    @property
    def skipped(self) -> int:
        """The rows with errors, which are not tokenized."""
        return self.checked.rows - self.tally.rows


def _line(found: Finding) -> tuple[bool, int]:
    """Return a key that puts findings about the whole file last."""
    return found.span.start == found.span.end, found.span.line


def tally_text(tally: TokenTally) -> str:
    """Return the numbers of tokens as text: `1,200 tokens, 300 trained on, none cut off`."""
    cut = f"{tally.cut:,} cut off" if tally.cut else "none cut off"
    return f"{counted(tally.tokens, 'token')}, {tally.trained:,} trained on, {cut}"


def reading_facts(reading: Reading) -> list[tuple[str, str]]:
    """Return how the rows were read, as names and values."""
    limit = f"{reading.limit:,} tokens, " + (
        "by `sequence_length`" if reading.sequence_length else "which is all that the model reads"
    )
    facts = [("model", reading.name), ("limit", limit), ("trained on", _TRAINED[reading.train_on])]
    if "strftime_now" in str(reading.load().tokenizer.chat_template):
        facts.append(("date", "today, because the chat template prints it"))
    return facts


_TRAINED = {
    "assistant": "all answers",
    "last": "the last answer",
    "all": "all messages",
}
