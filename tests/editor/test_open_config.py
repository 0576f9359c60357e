"""The state of a config that is open, and what is kept of the state before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.contract.targets import DEFAULT
from sftc.contract.versions import PACKAGED
from sftc.editor.hover import hover
from sftc.editor.open_config import LintChoices, OpenConfig
from sftc.text.source import Source
from sftc.tools.lint import lint

CHOICES = LintChoices(PACKAGED.target(DEFAULT))
JOB = '[job]\nmodel = "m"\ndata = "x"\n\n[compute]\ngpu_type = "H100"\ngpu_cout = 1\n'


def typed(*texts: str, choices: LintChoices = CHOICES) -> OpenConfig:
    """Return the config after each of the texts was in the editor."""
    config: OpenConfig | None = None
    for text in texts:
        config = OpenConfig("job.sft.toml", text, choices, config)
    assert config
    return config


def test_findings_are_those_of_lint() -> None:
    found = lint(Source("job.sft.toml", JOB))
    assert found
    assert [each.message for each in typed(JOB).findings] == [each.message for each in found]


def test_a_project_selects_and_ignores_rules() -> None:
    assert typed(JOB, choices=CHOICES._replace(ignore=["unknown-key"])).findings == []
    assert typed(JOB, choices=CHOICES._replace(select=["older-name"])).findings == []


def test_findings_are_kept_on_the_lines_that_stay() -> None:
    config = typed(JOB, JOB.replace("[compute]", "x\n\n[compute]"))
    assert [found.id for found in config.findings] == ["toml-syntax"]
    [kept] = config.kept_findings
    assert (kept.id, kept.span.text, kept.span.line, kept.fix) == ("unknown-key", "gpu_cout", 9, None)
    assert typed(JOB, JOB.replace("cout =", "cout = =")).kept_findings == []


def test_two_changes_that_break_the_text_do_not_lose_what_is_kept() -> None:
    broken = JOB.replace("[compute]", "x\n\n[compute]")
    config = typed(JOB, broken, broken.replace("x\n", "xy\n"), broken.replace("x\n", "xyz\n"))
    assert len(config.kept_findings) == 1
    assert config.parsed is not None
    assert config.parsed.parsed is config.parsed  # states do not pile up


def test_a_text_that_never_parsed_has_the_places_above_its_error() -> None:
    config = typed(JOB.replace("[compute]", "[compute"))
    found = hover(config, config.source.text.index("model"))
    assert found
    assert "Identifier of the base model" in found.text


def test_values_are_not_told_of_lines_that_changed() -> None:
    config = typed(JOB, JOB.replace('"H100"', '"A100'))
    found = hover(config, config.source.text.index("gpu_type"))
    assert found is None or "in line" not in found.text


@given(
    st.lists(st.sampled_from([*JOB.splitlines(keepends=True), "x\n", "[", "😀 = 1\n"]), max_size=12),
    st.data(),
)
def test_a_span_moves_to_equal_text_or_nowhere(lines: list[str], data: st.DataObject) -> None:
    before = Source("job.sft.toml", JOB)
    after = typed(JOB, "".join(lines))
    start = data.draw(st.integers(0, len(JOB)))
    end = data.draw(st.integers(start, len(JOB)))
    moved = after.moved(before.span(start, end))
    assert moved is None or moved.text == JOB[start:end]


@pytest.mark.parametrize("name", ["sft-offline", "trl"])
def test_hover_is_about_the_chosen_target(name: str) -> None:
    text = JOB.replace("gpu_cout = 1\n", "").replace("[job]", "schema_version = 2\n[job]")
    text += "[hyperparameters]\nlearning_rate = 2e-4\n"
    config = typed(text, choices=LintChoices(PACKAGED.target(name)))
    found = hover(config, text.index("learning_rate"))
    assert found
    assert f"Payload (`{name}`)" in found.text
