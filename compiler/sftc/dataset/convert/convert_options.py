"""What a conversion can be asked for, and the command that asks for it."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sftc.dataset.convert.row_formats import Pinned

CONTAINERS: Final = ("parquet", "csv", "json")
"""The containers that `--from` can name, besides the formats of rows."""


class ConvertOptions(NamedTuple):
    """Options of a conversion.

    Attributes:
        container: the container of all files, or `None` to detect it.
        format: the format of all rows, or `None` to detect it.
        mapped: what columns and roles become, by name.
        system: the system message of rows that have none.
        skip_bad: leave out rows that cannot be converted.
    """

    container: str | None = None
    format: str | None = None
    mapped: Mapping[str, str] = {}
    system: str | None = None
    skip_bad: bool = False


def repeat_command(paths: Sequence[str], output: str, options: ConvertOptions, how: Pinned) -> str:
    """Return the line of a shell that converts files with `options`, and reads their rows as `how` says.

    Args:
        paths: the files, folders and patterns.
        output: the file that is written.
        options: how to convert.
        how: the format of the rows, and their columns.
    """
    words = ["sftc", "dataset", "convert", *map(_as_path, paths), "--output", output]
    for name in filter(None, (options.container, how.format)):
        words += ["--from", name]
    for column, target in {**options.mapped, **dict(how.columns)}.items():
        words += ["--map", f"{column}={target}"]
    words += ["--system", options.system] if options.system is not None else []
    return _line([*words, *(["--skip-bad"] if options.skip_bad else [])])


def _as_path(path: str) -> str:
    return f"./{path}" if path.startswith("-") and path != "-" else path


def _line(words: Iterable[str]) -> str:
    return " ".join(map(shell_word, words))


def shell_word(word: str) -> str:
    r"""Return a word for a shell. What a terminal does not show is written as bash writes it: `$'a\033'`."""
    if word.isprintable():
        return shlex.quote(word)
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"}
    made = "".join(
        each
        if each.isprintable() and each not in escapes
        else escapes.get(each) or "".join(f"\\{byte:03o}" for byte in each.encode("utf-8", "surrogateescape"))
        for each in word
    )
    return f"$'{made}'"
