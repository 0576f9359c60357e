"""Report from a training process to the executor, as JSON lines on standard output."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO


class Reporter:
    """Writes reports to a stream.

    In a distributed job, only the process with rank 0 reports, except for failures.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._speaks = os.environ.get("RANK", "0") == "0"

    @classmethod
    def take_stdout(cls) -> "Reporter":
        """Return a reporter on standard output, and redirect all other output to standard error."""
        stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return cls(stream)

    def give_stdout_back(self) -> None:
        """Restore standard output, so that child processes can report on it."""
        os.dup2(self._stream.fileno(), 1)

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Report an event."""
        self._say({"event": [type, message, data or {}]})

    def metric(self, name: str, step: int, value: float) -> None:
        """Report a point of a metric."""
        self._say({"metric": [name, step, value]})

    def failed(self, reason: str, *, resumes: bool = False) -> None:
        """Report that the job failed, why, and whether the next job like it resumes it."""
        self._speaks = True
        self._say({"failed": reason, "resumes": resumes})

    def done(self, model: str) -> None:
        """Report that training is complete, and the folder of the model."""
        self._say({"done": model})

    def _say(self, what: Mapping[str, Any]) -> None:
        if self._speaks:
            self._stream.write(json.dumps(what) + "\n")  # orjson would write NaN as null
            self._stream.flush()
