"""The walk over the row schema against `jsonschema`, the authority."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from sftc.contract.row_violations import row_violations
from sftc.contract.versions import PACKAGED, ROW

AUTHORITY = Draft7Validator(PACKAGED.schemas.bundle(ROW))

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", " ", "a"])
)
names = st.sampled_from(
    ["messages", "role", "content", "tool_calls", "tool_call_id", "name", "function", "tools", "tool_choice"]
)
some = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
messages = st.dictionaries(names, some, max_size=3) | some
rows = some | st.fixed_dictionaries(
    {"messages": st.lists(messages, max_size=3)},
    optional={"tools": some | st.lists(messages, max_size=2), "tool_choice": some, "metadata": some},
)


@given(rows)
def test_the_violations_are_those_of_the_authority(row: Any) -> None:
    expected = [
        (error.validator, tuple(error.absolute_path), error.instance, error.schema["title"])
        for error in AUTHORITY.iter_errors(row)
    ]
    found = [
        (each.keyword, each.path, each.value, each.schema["title"])
        for each in row_violations(PACKAGED.schemas, row)
    ]
    assert orjson.dumps(found) == orjson.dumps(expected)


@given(rows)
def test_a_row_without_violations_is_accepted(row: Any) -> None:
    assert PACKAGED.accepts_row(row) == (not [*row_violations(PACKAGED.schemas, row)])
