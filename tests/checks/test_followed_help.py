"""A person who does what a help line says gets rid of the finding."""

import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any, Final

import pytest
from hypothesis import given

from sftc.document.places import Scanner
from sftc.findings.finding import Finding
from sftc.text.keys import split
from sftc.text.source import Source
from sftc.tools.lint import lint
from support.configs import odd_configs, runs, toml, valid, valid_2
from support.golden import cases
from support.mistakes import mistaken

Table = dict[str, Any]
KeyPath = tuple[str | int, ...]


class NotATableError(Exception):
    """A key cannot be written where help says, because something else is there."""


class Follower:
    """Someone who changes a config as a finding advises.

    `path` is the key or the value that the finding is about, and `named` the key that its text underlines.
    """

    def __init__(self, values: Table, text: str, found: Finding) -> None:
        keys = {place.key: path for path, place in reversed(Scanner(text).places.items())}
        self.values = deepcopy(values)
        self.path = found.path
        self.named = keys.get(found.span[1:], found.path)
        self.is_about_name = is_about_name(found)

    def _around(self, path: KeyPath) -> Any:
        table: Any = self.values
        for part in path[:-1]:
            if isinstance(part, str) and not isinstance(table, dict):
                raise NotATableError
            table = table[part] if isinstance(part, int) else table.setdefault(part, {})
        if isinstance(path[-1], str) and not isinstance(table, dict):
            raise NotATableError
        return table

    def write(self, value: str) -> None:
        """Replace the value, or the name if that is what the finding underlines."""
        around = self._around(self.path)
        if self.is_about_name:
            [name] = tomllib.loads(f"{value} = 0")
            around[name] = self.remove()
        else:
            around[self.path[-1]] = tomllib.loads(f"x = {value}")["x"]

    def write_line(self, line: str) -> None:
        """Write `name = value` in the table of the key, in place of the key if it has that name."""
        self._around(self.path).update(tomllib.loads(line))

    def write_instead(self, line: str) -> None:
        """Write `name = value` in place of the key."""
        self.remove()
        self.write_line(line)

    def write_elsewhere(self, key: str, line: str) -> None:
        """Write `name = value` in place of the key, where `key` is."""
        self.remove()
        self._around(self._place(key)).update(tomllib.loads(line))

    def write_first_elsewhere(self, key: str, value: str) -> None:
        """Write the first of the values that `key` takes in place of the key."""
        self.write_elsewhere(key, f"{self._place(key)[-1]} = {value}")

    def remove(self, *_: str) -> Any:
        """Remove the key."""
        around = self._around(self.named)
        return around.pop(self.named[-1])

    def move(self, to: str, inside: str = "") -> None:
        """Move the key to another one, or the table, if what is `inside` belongs there as well."""
        self.move_inside(inside, to)
        place, value = self._place(to), self.remove()
        around = self._around(place)
        there = around.get(place[-1])
        around[place[-1]] = (
            {**there, **value} if isinstance(there, dict) and isinstance(value, dict) else value
        )

    def move_inside(self, inside: str, *but: str) -> None:
        """Move keys of a table to where they belong, but those that go where the table goes."""
        around, table = self.named, self._around(self.named)[self.named[-1]]
        for name, key in re.findall("`(.+?)` belongs at `(.+?)`", inside):
            if key.strip("[]") not in [f"{each.strip('[]')}.{name}" for each in but]:
                self.named = (*around, *split(name))
                self.move(key)
        self.named = around
        if table == {} and not but:
            self.remove()

    def move_below(self, header: str) -> None:
        """Move the key to a section."""
        self.move(f"{header.strip('[]')}.{self.named[-1]}")

    def move_to_top(self) -> None:
        """Move the key to the top of the file."""
        self.values = {str(self.named[-1]): self.remove(), **self.values}

    def add(self, line: str, header: str) -> None:
        """Add `name = value` to a section."""
        self._around((*header.strip("[]").split("."), "")).update(tomllib.loads(line))

    def choose(self, new: str, old: str, other: str) -> None:
        """Write the line `new` in place of the key if its value is `old`, else the line `other`."""
        self.write_line(new if self.remove() == tomllib.loads(f"x = {old}")["x"] else other)

    def _place(self, key: str) -> KeyPath:
        """Return the path of a key as help names it: without a dot, it is in the same table."""
        path = tuple(key.strip("[]").split("."))
        return path if len(path) > 1 or key.startswith("[") else (*self.named[:-1], *path)


_LINE: Final = r'`((?:\w+|".*") = [^`]+)`'
_MEANT: Final = r"(?:did you mean `([^`]+)`\?|it belongs at `([^`]+)`|it is called `([^`]+)` now\.?)"
_INSIDE: Final = r"((?:[;,]? ?`[^`]+` belongs at `[^`]+`)+)"

ADVICE: Final[tuple[tuple[str, Callable[..., object]], ...]] = (
    (r"write `([^`]+)` for `([^`]+)`, `([^`]+)` for `[^`]+`", Follower.choose),
    (
        rf"(?:write|for example:) {_LINE}(?:: otherwise .*|, or evaluate.*|, leave it out.*)?",
        Follower.write_line,
    ),
    (r"(?:write|remove the quotes:|write it as a string:) `(.+)`", Follower.write),
    (r"(?:write it as an array:|write a point, not a comma:|for example:) `(.+)`", Follower.write),
    (r"write `(.+)`, or single quotes, in which it is a backslash", Follower.write),
    (r'did you mean (".+")\?', Follower.write),
    (rf"a share of the run is {_LINE}", Follower.write_instead),
    (rf"(?:{_MEANT} )?`[^`]+` is set as well: remove one of the two", Follower.remove),
    (rf"{_MEANT} [^`]*: {_LINE}", Follower.write_elsewhere),
    (rf"{_MEANT} Write {_LINE}", Follower.write_elsewhere),
    (rf"{_MEANT} It takes `([^`]+)`.*", Follower.write_first_elsewhere),
    (rf"{_MEANT} ?{_INSIDE}?(?: or .*)?", Follower.move),
    (_INSIDE, Follower.move_inside),
    (r"move it to `(\[.*?\])`(?: or .*)?", Follower.move_below),
    (r"move it to the top of the file, above every table", Follower.move_to_top),
    (r"(?:remove it|remove one of the two|name one, or leave the key out)(?:[:,] .*)?", Follower.remove),
    (r"(?:add|name|evaluate)\b.*, or remove it", Follower.remove),
    (r"add `([^`]+)`, with your own value, to `(\[[^`]+\])`", Follower.add),
)
"""Help lines that say what to write, and who does so."""


NAMES: Final = frozenset(
    {
        "unknown-key",
        "unknown-table",
        "misplaced-key",
        "misplaced-version",
        "likely-typo",
        "renamed-key",
        "legacy-key",
        "missing-key",
        "missing-gpu-type",
    }
)
"""Rules about keys that have another name, or are elsewhere."""


def followed(values: Table, text: str, found: Finding) -> Table | None:
    """Return the config of someone who does what a finding advises.

    `None` if it does not say what to write, or not in full, or if something else has to be corrected before.
    """
    if "…" in (found.help or "") or "<U+" in (found.help or ""):
        return None
    for pattern, edit in ADVICE:
        if match := re.fullmatch(pattern, found.help or "", re.DOTALL):
            follower = Follower(values, text, found)
            try:
                edit(follower, *(group for group in match.groups() if group is not None))
            except (NotATableError, KeyError):  # a name with unseen characters is shown in another form
                return None
            return follower.values
    return None


def is_same(one: Finding, other: Finding) -> bool:
    """Return whether two findings are the same; there may be one about a key, and one about its value."""
    return (one.id, one.path, is_about_name(one)) == (other.id, other.path, is_about_name(other))


def is_about_name(found: Finding) -> bool:
    return found.message.startswith("the key ")


def errors(findings: list[Finding]) -> set[tuple[str, KeyPath]]:
    return {(found.id, found.path) for found in findings if found.is_error}


def check_help(values: Table) -> Iterator[str]:
    """Do what each finding about a config says, check that it is gone, and yield its rule."""
    text = toml(values)
    findings = lint(Source("c.toml", text))
    for found in findings:
        if (changed := followed(values, text, found)) is not None:
            after = lint(Source("c.toml", toml(changed)))
            # Names of a table that belong nowhere keep it, but then the others are not told again.
            is_told = found.id != "unknown-table" or found.help in [each.help for each in after]
            again = is_told and [each.message for each in after if is_same(each, found)]
            assert not again, (found.message, found.help)
            if found.id not in NAMES:  # what had no effect takes effect, and may be wrong
                new = errors(after) - errors(findings)
                assert {path for _, path in new} <= {found.path}, (found.message, found.help)
            yield found.id


@given((valid | runs | valid_2).flatmap(mistaken) | odd_configs)
def test_help_that_is_followed_removes_its_finding(values: Table) -> None:
    for _ in check_help(values):
        pass


JOB = '[job]\nmodel = "m"\n[compute]\ngpu_type = "H100"\ngpu_count = 2\n'
BATCH = "[hyperparameters]\nglobal_batch = 2\nper_device_batch = 9007199254740991\n"


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("hyperparameters.parallelism.job.model = 'm'\n", "move it to the top level, as `[job]`"),
        (f"{JOB}[tracking]\nto = 5\n", 'for example: `to = ["tensorboard"]`'),
        (f"{JOB}[tracking]\nto = ' '\n", "leave the key out: the default is `[]`"),
        (
            f"{JOB}[training]\nmode = 'lora'\n[training.samples]\nprompts = [\"\\u0015\"]\n",
            "write it without",
        ),
        (
            f'{JOB}[data]\nvalidation_path = "a\\test\\u0089"\n',
            'write `"a/test"`, or single quotes, in which it is a backslash',
        ),
        (f"{JOB}{BATCH}gradient_accumulation_steps = 9007199254740991\n", "leave it out, or change a factor"),
    ],
)
def test_help_can_be_followed(text: str, help: str) -> None:
    values = {"schema_version": 2, **tomllib.loads(text)}
    assert help in [found.help for found in lint(Source("c.toml", toml(values)))]
    for _ in check_help(values):
        pass


def test_most_rules_say_what_to_write() -> None:
    ids = set[str]()
    for kind in ("accept", "reject"):
        for case in cases(kind):
            with suppress(ValueError, RecursionError):
                values = tomllib.loads((case / "config.toml").read_text(encoding="utf-8"))
                ids.update(() if "extends" in values else check_help(values))
    assert len(ids) > 15, ids
