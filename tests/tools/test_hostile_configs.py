"""Every hostile config comes to its end with all tools, is never an exception, and no fix makes it worse."""

import pytest
from hostile_configs import HOSTILE, JOB

import sftc
from sftc.contract.versions import PACKAGED
from sftc.findings.finding import MOST_SHOWN, ConfigError, bounded
from sftc.report.terminal import render
from sftc.text.source import Source
from sftc.tools import diff, explain
from sftc.tools.fix import fix
from sftc.tools.lint import lint
from sftc.tools.migrate import migrate

SIZE = 12_000
LIMIT = 1 << 20


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_config_ends_with_every_tool_and_a_short_report(name: str) -> None:
    text = HOSTILE[name](SIZE)
    assert SIZE / 2 < len(text) <= SIZE + 100
    source = Source("c.toml", text)
    findings = lint(source)
    shown = bounded(findings)
    assert sum(found.number for found in shown) == sum(found.number for found in findings)
    assert len(shown) <= (MOST_SHOWN + 1) * len({(found.id, found.severity) for found in findings})
    assert len(render(findings)) < LIMIT
    fixed = fix(source, lint, lambda found: True)
    errors = {found.id for found in findings if found.is_error}
    assert {found.id for found in lint(fixed) if found.is_error} <= errors
    compiled = sftc.compile(text.encode())
    if compiled.ok:
        other = sftc.compile(JOB.replace('"m"', '"n"').encode())
        assert list(explain.keys(compiled))
        assert list(diff.changes(compiled, other))
    if compiled.config:
        migrated = migrate(source, PACKAGED)
        assert migrated.source.text == text or not migrated.problems
    else:
        with pytest.raises(ConfigError):
            migrate(source, PACKAGED)


def test_more_than_a_hundred_findings_of_a_kind_are_counted() -> None:
    text = JOB + "[hyperparameters]\n" + "".join(f"k{number} = 1\n" for number in range(3000))
    shown = bounded(lint(Source("c.toml", text)))
    assert [found.number for found in shown] == [1] * MOST_SHOWN + [2900]
    assert shown[-1].message == "2,900 more findings of this kind, the first of them here"
    assert shown[-1].span.text == f"k{MOST_SHOWN}"


@pytest.mark.parametrize(
    ("text", "id", "number"),
    [
        (f'schema_version = 2\n[job]\nmodel = "m"\ndata = [{"1, " * 5000}]\n', "wrong-type", 5000),
        (
            f"schema_version = 2\n{JOB}[tags]\n" + "".join(f"k{n} = {n}\n" for n in range(3000)),
            "wrong-type",
            3000,
        ),
    ],
)
def test_what_is_not_explained_is_counted(text: str, id: str, number: int) -> None:
    findings = [found for found in lint(Source("c.toml", text)) if found.id == id]
    assert len(findings) <= MOST_SHOWN + 1
    assert sum(found.number for found in findings) == number
    assert f"{number - MOST_SHOWN:,} more findings of this kind" in render(findings)


def test_names_that_are_no_strings_are_errors_of_their_type() -> None:
    lora = 'target_modules = [["a"], {a = 1}]\nmodules_to_save = [["a"], {b = 1}]\n'
    text = f'schema_version = 2\n{JOB}[training]\nmode = "lora"\n[training.lora]\n{lora}'
    assert [found.id for found in lint(Source("c.toml", text))] == ["wrong-type"] * 4
