"""A conversion in this process, whose output `sftc dataset check` must accept."""

import json
from pathlib import Path
from typing import Any

from sftc.dataset.check_files import check_files
from sftc.dataset.convert.convert_files import Conversion, NotConvertedError
from sftc.dataset.convert.convert_options import ConvertOptions
from sftc.findings.finding import Severity

ConvertedRow = dict[str, Any]


class Converted:
    """The result of a conversion: the rows, the report and the findings."""

    def __init__(self, folder: Path, data: bytes | None, name: str = "in.jsonl", **options: Any) -> None:
        path, out = folder / name, folder / "out.jsonl"
        if data is not None:
            path.write_bytes(data)
        wanted = ConvertOptions(**options)
        conversion = Conversion([str(path)], "out.jsonl", wanted)
        try:
            out.write_bytes(b"".join(conversion.pieces()))
            self.is_written = True
        except NotConvertedError:
            self.is_written = False
        self.findings = conversion.findings
        self.report = json.loads(b"".join(conversion.report()))
        self.rows = [json.loads(line) for line in out.read_text().splitlines()] if self.is_written else []
        if self.is_written:
            [checked] = check_files([str(out)])
            assert not [found for found in checked.findings if found.severity is not Severity.NOTE]

    @property
    def ids(self) -> list[str]:
        """The rules of the findings."""
        return [found.id for found in self.findings]

    @property
    def faults(self) -> list[str]:
        """The messages of the findings that are no notes."""
        return [found.message for found in self.findings if found.severity is not Severity.NOTE]

    @property
    def answers(self) -> list[str]:
        """The last content of each row."""
        return [row["messages"][-1]["content"] for row in self.rows]


def pair(answer: object, question: object = "2 + 2?") -> ConvertedRow:
    """Return a row of a question and its answer."""
    return {"question": question, "answer": answer}
