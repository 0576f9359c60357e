"""The worker process that checks one upload: `python -m sftc.service.check_upload FILE`.

It prints a `Verdict` as JSON. The check runs in a separate process so that the service stays
responsive, and so that a file that exhausts memory ends only this process.
"""

import json
import sys
from typing import NamedTuple

from sftc.dataset.check_files import CheckOptions, check_files


class Verdict(NamedTuple):
    """The result of a check: the number of rows, and the first error or `None`."""

    rows: int
    error: str | None


def check_upload(path: str) -> Verdict:
    """Return the verdict on the training file at `path`."""
    [checked] = check_files([path], CheckOptions(max_errors=1))
    error = next((found for found in checked.findings if found.is_error), None)
    if error is None:
        return Verdict(checked.rows, None)
    return Verdict(checked.rows, f"line {error.span.line}: {error.message} [{error.id}]")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(check_upload(sys.argv[1])))
