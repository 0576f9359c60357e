"""Configs that are made to take long: each grows one thing, and the cost may only grow with the file."""

from collections.abc import Callable
from typing import Final

JOB: Final = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H"\n\n'
_V2: Final = f"schema_version = 2\n\n{JOB}"
_SECTION: Final = f"{JOB}[hyperparameters]\n"
_FORWARDED: Final = f"{JOB}[hyperparameters.parallelism]\n"
_TAGS: Final = f"{_V2}[tags]\n"
_LORA: Final = f'{_V2}[training]\nmode = "lora"\n\n[training.lora]\n'

Text = Callable[[int], str]


def _lines(head: str, line: Callable[[int], str]) -> Text:
    """Return what makes a text of about a size: `head`, and as many lines as fit."""

    def text(size: int) -> str:
        lines, left, number = [head], size - len(head), 0
        while left > 0:
            lines.append(line(number))
            left -= len(lines[-1])
            number += 1
        return "".join(lines[:-1])

    return text


def _repeated(before: str, part: str, after: str = "") -> Text:
    """Return what makes a text of about a size with `part` as often as it fits."""
    return lambda size: before + part * ((size - len(before) - len(after)) // len(part)) + after


def _items(number: int) -> str:
    return ",".join(f'"m{each}"' for each in range(number))


HOSTILE: Final[dict[str, Text]] = {
    "unknown keys": _lines(_SECTION, lambda n: f"k{n} = 1\n"),
    "keys that are almost known": _lines(_SECTION, lambda n: f"n_epoch{n} = 1\n"),
    "spellings of one key": _lines(
        f"{JOB}[training]\n", lambda n: f'"l-o-r-a-r{"-" * (n % 700)}{"." * (n // 700)}" = 8\n'
    ),
    "keys of 64 KB": _lines(_SECTION, lambda n: f"{'a' * min(65536, 10 ** (n + 3))}{n} = 1\n"),
    "unknown tables": _lines(JOB, lambda n: f"[t{n}]\na = 1\n"),
    "unknown tables in tables": _lines(JOB, lambda n: f"[a.b{n}.c]\n"),
    "many tables of one name": _lines(JOB, lambda n: "[[lora]]\nr = 8\n"),
    "one table again": _lines(JOB, lambda n: "[lora]\nr = 8\n"),
    "one key again": _lines(JOB, lambda n: "a = 8\n"),
    "forwarded keys": _lines(_FORWARDED, lambda n: f"bf_{n} = true\n"),
    "forwarded slips": _lines(_FORWARDED, lambda n: f"use_deepspee{n} = true\n"),
    "quoted numbers": _lines(_FORWARDED, lambda n: f'k{n} = "{n}"\n'),
    "forwarded controls": _lines(_FORWARDED, lambda n: f'k{n} = "\\t\\u0007"\n'),
    "forwarded secrets": _lines(_FORWARDED, lambda n: f'k{n} = "hf_{"a1B2" * 9}"\n'),
    "forwarded dates": _lines(_FORWARDED, lambda n: f"k{n} = 1979-05-27\n"),
    "tags": _lines(_TAGS, lambda n: f'k{n} = "v"\n'),
    "tags of a wrong type": _lines(_TAGS, lambda n: f"k{n} = {n}\n"),
    "tags with hidden characters": _lines(_TAGS, lambda n: f'"k{n}\u00a0" = "v\u00a0v"\n'),
    "dotted keys": _lines("", lambda n: f"hyperparameters.k{n} = 1\n"),
    "deep dotted keys": _lines(f"{JOB}[data.topology]\n", lambda n: f"{'a.' * 60}b{n} = 1\n"),
    "a key of a million parts": _repeated("", "a.", "a = 1\n"),
    "an inline table": lambda size: (
        f"{JOB}hyperparameters = {{{', '.join(f'k{n} = 1' for n in range(size // 14))}}}\n"
    ),
    "modules": lambda size: (
        f"{_LORA}target_modules = [{_items(size // 20)}]\nmodules_to_save = [{_items(size // 20)}]\n"
    ),
    "files": lambda size: f'schema_version = 2\n[job]\nmodel = "m"\ndata = [{_items(size // 10)}]\n',
    "files that are numbers": _repeated('schema_version = 2\n[job]\nmodel = "m"\ndata = [', "1,", "]\n"),
    "suppressions": _lines(_SECTION, lambda n: f"# sftc: ignore[unknown-key]\nk{n} = 1\n"),
    "suppressions of nothing": _lines(JOB, lambda n: "# sftc: ignore[unknown-key]\n"),
    "ids in a suppression": _repeated(f"{JOB}# sftc: ignore[", "unknown-key,", "]\n"),
    "a long line of equals signs": _repeated("x = ", "=", "\n"),
    "a long line of assignments": _repeated("x = ", "=a", "\n"),
    "a long string": _repeated(f'{JOB}data = "', "x", '"\n'),
    "a long string of blanks": _repeated(f'{JOB}data = "a', " ", '"\n'),
    "a long string of placeholders": _repeated(f'{JOB}data = "', "${", '"\n'),
    "a long string of addresses": _repeated(f'{JOB}data = "', "://a:b", '"\n'),
    "a long string of tokens": _repeated(f'{JOB}data = "', "eyJaaaaaaaaaaa.eyJ", '"\n'),
    "a long string of keys": _repeated(f'{JOB}data = "', "-----BEGIN PRIVATE KEY-----", '"\n'),
    "a number of many digits": _repeated(f"{_SECTION}learning_rate = 0.", "9", "\n"),
    "brackets": _repeated("x = ", "["),
    "braces": _repeated("x = ", "{a="),
    "quotes": _repeated("x = ", '"', "\n"),
    "an open string": _repeated('x = """', "a\n"),
    "backslashes": _repeated('x = "', "\\", "\n"),
    "commas": _repeated("x = [", ",", "]\n"),
    "no-break spaces": _repeated("x = ", "\u00a0", "\n"),
    "words": _repeated("", "hello world\n"),
    "YAML": _lines("", lambda n: f"a{n}: 1\n"),
    "JSON": _repeated('{"a": [', "1,", "1]}"),
    "a schema line": _repeated("#:schema ", "a/", f"\n{JOB}"),
}
"""What makes each hostile text, of about a number of characters and never more."""
