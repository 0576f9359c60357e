"""A person with a good config sees no warning: ten jobs in the manner of real ones, each with ten recipes."""

import tomllib
from pathlib import Path

import pytest

from sftc.findings.finding import Severity
from sftc.text.source import Source
from sftc.tools.lint import lint

PARTS = tomllib.loads(Path(__file__).with_name("good_configs.toml").read_text(encoding="utf-8"))
JOBS, RECIPES = PARTS["job"], PARTS["recipe"]


def test_there_are_a_hundred() -> None:
    assert len(JOBS) * len(RECIPES) == 100


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("job", JOBS)
def test_a_good_config_has_no_warning(job: str, recipe: str) -> None:
    version = "schema_version = 2\n" if recipe.startswith("2") else ""
    found = lint(Source("c.toml", version + JOBS[job] + RECIPES[recipe]))
    alarms = [each for each in found if each.severity is not Severity.NOTE]
    assert [(each.id, each.message) for each in alarms] == []
