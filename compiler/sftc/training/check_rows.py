"""Try the chat template of a base model on rows: `python -m sftc.training.check_rows MODEL FOLDER FILE...`.

`FOLDER` is the folder of models, or empty. Prints the rows that the template refuses, and exits with
`REFUSED` if there are any. A model that is not on this machine refuses nothing. The program needs
transformers but not torch, which takes seconds to import.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sftc.dataset.sample import rows_of
from sftc.service.executor import FailedError
from sftc.training.base_model import find_base_model
from sftc.training.base_tokenizer import load_tokenizer, without_torch
from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import UnspeakableError, read_row
from sftc.training.process_start import importing
from sftc.training.rendered_row import render_row

REFUSED: Final = 3
"""The exit code if rows are refused."""

_ROWS: Final = 1000
"""The rows at the start of a file that are tried. The trainer tries all."""

_SHOWN: Final = 10


def main() -> None:
    """Try the rows of the files."""
    name, folder, *files = sys.argv[1:]
    try:
        base = find_base_model(name, Path(folder) if folder else None, download=False)
        with without_torch(base), importing():
            tokenizer = load_tokenizer(base, name, 0).tokenizer
    except (FailedError, ImportError):
        return  # the job says what is wrong with the model
    found = [f"{file}:{reason}" for file in files for reason in refusals(Path(file), tokenizer)]
    sys.stdout.write("".join(f"{each}\n" for each in found[:_SHOWN]))
    if len(found) > _SHOWN:
        sys.stdout.write(f"and {len(found) - _SHOWN:,} more\n")
    sys.exit(REFUSED if found else 0)


def refusals(path: Path, tokenizer: Any) -> Iterator[str]:
    """Yield `LINE: REASON` for each of the first rows that the chat template refuses.

    Args:
        path: a JSON Lines file without errors from `sftc dataset check`.
        tokenizer: a transformers tokenizer with a chat template.
    """
    template = ChatTemplate(tokenizer)
    for line in islice(rows_of(str(path)), _ROWS):
        try:
            render_row(read_row(line.data), template)
        except UnspeakableError as error:
            yield f"{line.number}: {error}"


if __name__ == "__main__":
    main()
