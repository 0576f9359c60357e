"""Fixes keep what a config means: every value that they do not name, and the payload for every target."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sftc.cli.lint_command import lint_command
from sftc.contract.targets import DEFAULT, Target
from sftc.contract.versions import PACKAGED
from sftc.document.edits import apply_fixes
from sftc.document.places import Scanner
from sftc.document.reading import read_source
from sftc.editor.open_config import LintChoices, OpenConfig
from sftc.editor.quick_fixes import QuickFix, fix_all, quick_fixes
from sftc.findings.finding import Finding, Fix
from sftc.pipeline import run
from sftc.text.source import Source
from sftc.tools.fix import fix
from sftc.tools.lint import lint
from support.configs import runs, valid, valid_2
from support.layouts import texts
from support.mistakes import mistaken

Values = dict[tuple[str | int, ...], Any]

TARGETS = [PACKAGED.target(name) for name in PACKAGED.target_names]
REMARKS = [
    f"# sftc: ignore[{ids}]"
    for ids in ("unknown-key", "older-name", "legacy-key, misplaced-key", "global-batch-mismatch")
] + ["# sftc: ignore[not-carried]", "# sftc: ignore[missing-gpu-type]: why"]
"""Comments that suppress findings; those of the last two are only about some targets."""

MARKS = st.sampled_from(["", "", "", "\ufeff"])

RENAMED: Values = {("job", "data_path"): ("job", "data"), ("training", "use_qlora"): ("training", "mode")}
"""The keys that a safe fix may call by another name."""

MODES = {True: "qlora", False: "full"}


class Files(NamedTuple):
    """The text of a config, and of the one that it extends."""

    text: str
    base: str | None


@st.composite
def files(draw: st.DrawFn) -> Files:
    """Return a config with mistakes; some extend another one, which has some of their tables."""
    values = draw((valid | runs | valid_2 | runs).flatmap(mistaken))
    base = None
    if values.get("schema_version") == 2 and draw(st.booleans()):
        theirs = draw(st.sets(st.sampled_from(["job", "compute", "training", "hyperparameters"])))
        below = {name: each for name, each in values.items() if name in theirs}
        values = {name: each for name, each in values.items() if name not in theirs}
        values["extends"] = "base.toml"
        base = draw(MARKS) + draw(texts({"schema_version": 2, **below}, REMARKS))
    return Files(draw(MARKS) + draw(texts(values, REMARKS)), base)


class Folder:
    """A folder with the files of a config, which are `config.toml` and `base.toml`."""

    def __init__(self, folder: str, files: Files) -> None:
        self.path = Path(folder) / "config.toml"
        self.path.write_bytes(files.text.encode())
        if files.base is not None:
            (Path(folder) / "base.toml").write_bytes(files.base.encode())

    def source(self, text: str) -> Source:
        """Return a text as one of this folder."""
        return Source(str(self.path), text)

    def lint(self, text: str, *targets: Target) -> list[Finding]:
        """Return the findings about a text."""
        return lint(self.source(text), targets=targets)

    def payloads(self, text: str) -> dict[str, Any]:
        """Return the payload for each target for which a text compiles."""
        compiled = {each.name: run(lambda: self.source(text), target=each) for each in TARGETS}
        return {name: each.payload for name, each in compiled.items() if each.ok}

    def fixed(self, text: str, *targets: Target, unsafe: bool = False) -> str:
        """Return a text with its fixes."""

        def wanted(found: Finding) -> bool:
            return found.fix is not None and (unsafe or found.fix.safe)

        return fix(self.source(text), partial(lint, targets=targets), wanted).text


def flat(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield each value that is not a table or an array, by its path."""
    if not isinstance(value, dict | list) or not value:
        yield path, value
        return
    for part, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield from flat(child, (*path, part))


def parsed(text: str) -> Values:
    return dict(flat(tomllib.loads(text.removeprefix("\ufeff"))))


def values(config: Values) -> Counter[str]:
    return Counter(repr(each) for each in config.values() if each != {})


def comments(text: str) -> Counter[str]:
    return Counter(re.findall("# [cs][^\r\n]*", text))


def check_comments(before: str, after: str) -> Counter[str]:
    """Check that comments and line ends are as they were; return the suppressions that are gone."""
    assert after.count("\r\n") == (after.count("\n") if "\r\n" in before else 0)
    gone = comments(before) - comments(after)
    assert comments(after) <= comments(before)
    assert all(each.startswith("# sftc: ignore[") for each in gone)
    return gone


def is_same(before: Any, after: Any) -> bool:
    """Return whether a fix wrote a value another way: without blanks around, or as an integer."""
    if isinstance(before, str):
        return bool(after == before.strip())
    return type(before) is float and type(after) is int and before == after


def check_values(before: Values, after: Values, named: Sequence[Finding]) -> None:
    """Check that each value is as it was, but for those that a safe fix names."""
    paths = {found.path for found in named}
    left = dict(after)
    for path, value in before.items():
        if path in left and repr(left[path]) == repr(value):
            del left[path]
            continue
        assert path[:2] in paths or path in paths, path
        if path in left:
            assert is_same(value, left.pop(path)), path
        else:
            meant = MODES[value] if path == ("training", "use_qlora") else value
            assert left.pop((*RENAMED[path[:2]], *path[2:])) == meant, path
    assert left == {}


def errors(findings: Sequence[Finding]) -> set[tuple[str, Any]]:
    return {(found.id, found.path) for found in findings if found.is_error}


@given(files(), st.lists(st.sampled_from(TARGETS), max_size=1))
def test_safe_fixes_keep_the_meaning(files: Files, targets: list[Target]) -> None:
    with TemporaryDirectory() as name:
        folder = Folder(name, files)
        before, after = files.text, folder.fixed(files.text, *targets)
        first = folder.lint(before.removeprefix("\ufeff"), *targets)
        named = [found for found in first if found.fix and found.fix.safe]
        check_values(parsed(before), parsed(after), named)
        assert errors(folder.lint(after, *targets)) <= errors(first)
        gone = check_comments(before, after)
        assert folder.fixed(after, *targets) == after
        sent = folder.payloads(before)
        assert {name: each for name, each in folder.payloads(after).items() if name in sent} == sent
        check_suppressed(folder, before.removeprefix("\ufeff"), after, gone)


def check_suppressed(folder: Folder, before: str, after: str, gone: Counter[str]) -> None:
    """Check that no finding for any target appears because the comment that suppressed it is gone."""
    ids = {id for comment in gone for id in re.findall(r"[\w-]+", comment.partition("[")[2])}
    for target in TARGETS if ids else ():
        was, now = ([each.id for each in folder.lint(text, target)] for text in (before, after))
        assert all(now.count(id) <= was.count(id) for id in ids), target.name


def first_preferred(config: OpenConfig) -> QuickFix | None:
    fixes = quick_fixes(config, 0, len(config.source.text))
    return next((each for each in fixes if each.is_preferred), None)


@given(files())
def test_the_command_and_the_editor_make_the_same_edits(files: Files) -> None:
    with TemporaryDirectory() as name:
        folder = Folder(name, files._replace(text=files.text.removeprefix("\ufeff")))
        path = folder.path
        text = read_source(path).text
        config = OpenConfig(str(path), text, LintChoices(PACKAGED.target(DEFAULT)))
        edit, stepwise = fix_all(config), config
        while (preferred := first_preferred(stepwise)) is not None:
            changed = apply_fixes(stepwise.source, [Fix(preferred.title, preferred.edits, safe=True)])
            stepwise = OpenConfig(str(path), changed.text, config.choices)
        CliRunner().invoke(lint_command, [str(path), "--fix"], catch_exceptions=False)
        written = read_source(path).text
        assert written == (edit.text if edit else text)
        assert written == stepwise.source.text


class Watched:
    """A lint that keeps which keys findings name, and what their fixes do."""

    def __init__(self) -> None:
        self.named: set[tuple[str | int, ...]] = set()
        self.titles: set[str] = set()

    def __call__(self, source: Source) -> list[Finding]:
        """Return the findings about a text."""
        findings = lint(source)
        spans = {found.span[1:] for found in findings if found.span.source is source}
        keys = Scanner(source.text).places.items()
        self.named |= {path for path, place in keys if place.key in spans}
        self.named |= {found.path for found in findings if found.path}
        self.titles |= {found.fix.title.split()[0] for found in findings if found.fix}
        return findings

    def names(self, path: tuple[str | int, ...]) -> bool:
        """Return whether a finding is about a key or a table around it."""
        return any(path[:end] in self.named for end in range(1, len(path) + 1))


@given(files())
def test_unsafe_fixes_keep_what_no_finding_names(files: Files) -> None:
    with TemporaryDirectory() as name:
        folder, watched, before = Folder(name, files), Watched(), files.text
        after = fix(folder.source(before), watched, lambda found: found.fix is not None).text
        was, now = parsed(before), parsed(after)
        assert errors(folder.lint(after)) <= errors(folder.lint(before.removeprefix("\ufeff")))
        check_comments(before, after)
        assert folder.fixed(after, unsafe=True) == after
        if "migrate" not in watched.titles:
            right = {path: each for path, each in was.items() if each != {} and not watched.names(path)}
            assert repr({path: now.get(path) for path in right}) == repr(right)
        if watched.titles.isdisjoint({"migrate", "write", "remove"}):
            assert values(now) == values(was)
