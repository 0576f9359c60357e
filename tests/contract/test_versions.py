"""The contract version of a payload: the one in its metadata, or the first."""

from pathlib import Path
from typing import Any

import pytest

from sftc.contract.versions import Contracts
from support.scratch import Scratch


@pytest.fixture
def contracts(tmp_path: Path) -> Contracts:
    """Return a contract with three versions."""
    scratch = Scratch(tmp_path)
    scratch.add_version(3)
    return scratch.contracts()


@pytest.mark.parametrize(
    ("payload", "version"),
    [
        ({}, 1),
        ({"metadata": {}}, 1),
        ({"metadata": {"schema_version": 1}}, 1),
        ({"metadata": {"schema_version": 2}}, 2),
        ({"metadata": {"schema_version": 3}}, 3),
        ([], 1),
    ],
)
def test_the_version_of_a_payload_is_in_its_metadata(
    contracts: Contracts, payload: Any, version: int
) -> None:
    assert contracts.of_payload(payload).version == version


@pytest.mark.parametrize("number", [0, 4, "2", 2.0, True, None])
def test_an_unknown_version_is_an_error_that_names_the_known_ones(contracts: Contracts, number: Any) -> None:
    with pytest.raises(ValueError, match="known versions: 1, 2, 3"):
        contracts.of_payload({"metadata": {"schema_version": number}})


def test_a_key_goes_where_its_table_goes(contracts: Contracts) -> None:
    pointers = contracts.newest.mapping.pointers
    assert pointers(("job", "model")) == [("model",)]
    table = ("hyperparameters", "parallelism")
    assert pointers((*table, "flash")) == [(*table, "flash")]
    assert pointers(("job", "data")) == []


def test_a_config_that_names_no_version_is_of_the_first(contracts: Contracts) -> None:
    assert contracts.default.version == 1
