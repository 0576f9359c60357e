"""The rows that a service takes: what is found in a file, and what `jsonschema` says about a row."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from sftc.contract.acceptance import schema_predicate
from sftc.contract.versions import PACKAGED
from sftc.dataset.check_files import CheckOptions, check_files
from sftc.dataset.row_form import RowForm
from sftc.findings.finding import Finding

SERVICES = ["together", "fireworks"]
TALK = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]

roles = st.sampled_from(["system", "user", "assistant", "tool", "developer", "function", "User", 1, None])
weights = st.sampled_from([0, 1, 0.5, -1, "1", None])
messages = st.lists(
    st.fixed_dictionaries({"role": roles, "content": st.text(max_size=3)}, optional={"weight": weights}),
    max_size=3,
)
rows: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"messages": messages},
    optional={"weight": weights, "text": st.text(max_size=2), "prompt": st.none(), "tools": st.just([])},
)


def schema(service: str) -> dict[str, Any]:
    found = PACKAGED.target(service).row_schema
    assert found
    return found


def found(path: Path, service: str, jobs: int = 1) -> list[Finding]:
    options = CheckOptions(second=RowForm(service, schema(service)), jobs=jobs)
    [result] = check_files([str(path)], options)
    return [each for each in result.findings if each.id == "row-not-taken"]


@pytest.mark.parametrize("service", SERVICES)
@given(row=rows)
def test_what_is_taken_is_what_the_schema_says(service: str, row: dict[str, Any]) -> None:
    is_valid = Draft7Validator(schema(service)).is_valid(row)
    assert schema_predicate(PACKAGED.schemas, schema(service))(row) == is_valid


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=20)
@given(row=rows)
def test_a_row_that_is_not_taken_has_a_finding(
    service: str, row: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert bool(found(path, service)) != Draft7Validator(schema(service)).is_valid(row)


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_cause_is_one_finding_on_the_first_row_that_has_it(tmp_path: Path, jobs: int) -> None:
    good, path = json.dumps({"messages": TALK}), tmp_path / "rows.jsonl"
    two = json.dumps({"messages": TALK, "text": "a", "completion": "x" * 200})
    old = json.dumps({"messages": [{"role": "developer", "content": "a"}, *TALK]})
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join([good, "", two, "not JSON", *[old] * 9000, good]).encode())
    lines = [(each.span.line, each.span.column, each.message) for each in found(path, "together", jobs)]
    role = '`messages[0].role` must be "system", "user", "assistant" or "tool" for together, not "developer"'
    absent = "absent (Together refuses rows of two formats) for together"
    assert lines == [
        (3, 97, f'`text` must be {absent}, not "a"'),
        (3, 116, f'`completion` must be {absent}, not "{"x" * 59}…'),
        (
            5,
            24,
            f"{role}, in 9,000 rows",
        ),
    ]


@pytest.mark.parametrize(("service", "is_taken"), [("together", False), ("fireworks", True)])
def test_a_weight_may_be_a_whole_float_only_for_fireworks(
    tmp_path: Path, service: str, *, is_taken: bool
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"messages": [TALK[0], {**TALK[1], "weight": 1.0}]}) + "\n")
    assert (found(path, service) == []) == is_taken


def test_a_value_that_is_nested_deep_is_still_a_finding(tmp_path: Path) -> None:
    path, deep = tmp_path / "rows.jsonl", "[" * 400 + "]" * 400
    path.write_text(f'{{"messages": [{{"role": "user", "content": "a", "weight": {deep}}}]}}\n')
    [message] = [each.message for each in found(path, "fireworks")]
    assert message == f"`messages[0].weight` must be 0 or 1 for fireworks, not {'[' * 60}…"
