"""The config of a job as its page shows it: each line with its findings and what it became."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from sftc.service.pages.read_back import SentValue

_MOST: Final = 2000
"""The number of lines of a file that a page shows."""


class ConfigLine(NamedTuple):
    """A line of a config: its number from 1, its text, what was found about it, and the values it gives."""

    number: int
    text: str
    findings: list[Mapping[str, Any]]
    sent: list[SentValue]

    @property
    def reported(self) -> list[str]:
        """What the job has reported about its keys."""
        return [*dict.fromkeys(text for each in self.sent for text in each.found)]


class ConfigFile(NamedTuple):
    """A config file: its path, its first lines, and the number of the others."""

    path: str
    lines: list[ConfigLine]
    more: int


class ConfigView(NamedTuple):
    """The config of a job.

    Attributes:
        revision: the git revision; may be empty.
        files: the config, and those that it extends.
        findings: the findings that are about no line here.
        others: the values that no line here gives, by section, each with its origin.
    """

    revision: str
    files: list[ConfigFile]
    findings: list[Mapping[str, Any]]
    others: list[tuple[str, list[SentValue]]]


def config_view(
    provenance: Mapping[str, Any], values: Sequence[tuple[str, Sequence[SentValue]]]
) -> ConfigView:
    """Return the view of a config.

    Args:
        provenance: where the job comes from, as the wire contract has it.
        values: the values of its payload; see `sent_values`.
    """
    files = [_file(each["path"], each["text"]) for each in provenance["files"]]
    lines = {(file.path, line.number): line for file in reversed(files) for line in file.lines}

    def line_of(each: Mapping[str, Any]) -> ConfigLine | None:
        return lines.get((each.get("path", ""), each.get("line", 0)))

    findings: list[Mapping[str, Any]] = []
    for found in provenance["findings"]:
        line = line_of(found)
        (line.findings if line else findings).append(found)
    others = []
    first = _first_origins(provenance["origins"])
    for section, sent in values:
        left = []
        for each in sent:
            origin = first.get(each.at)
            line = line_of(origin) if origin else None
            if line:
                line.sent.append(each)
            else:
                left.append(each._replace(origin=_place(origin)) if origin else each)
        others += [(section, left)] if left else []
    return ConfigView(provenance.get("git_revision", ""), files, findings, others)


def _file(path: str, text: str) -> ConfigFile:
    lines = text.removesuffix("\n").split("\n")
    shown = [
        ConfigLine(number, line.removesuffix("\r"), [], [])
        for number, line in enumerate(islice(lines, _MOST), 1)
    ]
    return ConfigFile(path, shown, len(lines) - len(shown))


def _first_origins(origins: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the origin of each value that a config decides; that of a list is that of its first item."""
    first = {at: origin for at, origin in origins.items() if origin["kind"] != "constant"}
    for at, origin in [*first.items()]:
        parts = at.split("/")
        for end in range(len(parts) - 1, 1, -1):
            first.setdefault("/".join(parts[:end]), origin)
    return first


def _place(origin: Mapping[str, Any]) -> str:
    """Return an origin in words.

    >>> _place({"kind": "config", "path": "job.toml", "line": 3}), _place({"kind": "default"})
    ('job.toml:3', 'default')
    """
    line = f":{origin['line']}" if "line" in origin else ""
    return f"{origin.get('path', origin['kind'])}{line}"
