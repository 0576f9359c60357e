"""Training files, and `sftc dataset` as a person or a script runs it on them."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

compressed = zstd.compress


def row(number: int) -> str:
    """Return a row that nothing is to be said of, on a line of its own."""
    ask, answer = f"{number} + 1?", f"{number + 1}"
    messages = [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}) + "\n"


GOOD = "".join(map(row, range(10)))
UNANSWERED = '{"messages": [{"role": "user", "content": "2 + 2?"}]}\n'
BROKEN = '{"messages":\n'
CONFIG = '[job]\nmodel = "m"\ndata = "good.jsonl"\n\n[compute]\ngpu_type = "H100"\ngpu_count = 1\n'


def digest(text: str) -> str:
    """Return the digest that a report has of a file that holds `text`."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"


class Dataset:
    """The installed command, in the current folder."""

    def __init__(self, program: str) -> None:
        self.program = program

    def __call__(self, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        run = subprocess.run(
            [self.program, "dataset", *arguments], input=stdin, capture_output=True, check=False, timeout=60
        )
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def shell(self, line: str) -> tuple[int, str, str]:
        """Run a line of bash, in which `dataset` is the command; it fails where any part of it does."""
        command = ["bash", "-c", f'set -o pipefail; dataset() {{ {self.program} dataset "$@"; }}; {line}']
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=_plain())
        return run.returncode, run.stdout, run.stderr

    def report(self, *arguments: str) -> dict[str, Any]:
        """Return what `check` reports as JSON, by path."""
        files = json.loads(self("check", "--format", "json", *arguments)[1])["files"]
        return {file["path"]: file for file in files}


def _plain() -> dict[str, str]:
    """Return the environment, without what makes coverage measure a program: it writes files of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}
