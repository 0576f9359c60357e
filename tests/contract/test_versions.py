"""The contract version of a payload: the one in its metadata, or the first."""

from pathlib import Path
from typing import Any

import pytest

from sftc.contract.versions import Contracts
from support.scratch import Scratch


@pytest.fixture
def contracts(tmp_path: Path) -> Contracts:
    """Return a contract with two versions."""
    scratch = Scratch(tmp_path)
    scratch.add_version(2)
    return scratch.contracts()


@pytest.mark.parametrize(
    ("payload", "version"),
    [
        ({}, 1),
        ({"metadata": {}}, 1),
        ({"metadata": {"schema_version": 1}}, 1),
        ({"metadata": {"schema_version": 2}}, 2),
        ([], 1),
    ],
)
def test_the_version_of_a_payload_is_in_its_metadata(
    contracts: Contracts, payload: Any, version: int
) -> None:
    assert contracts.of_payload(payload).version == version


@pytest.mark.parametrize("number", [0, 3, "2", 2.0, True, None])
def test_an_unknown_version_is_an_error_that_names_the_known_ones(contracts: Contracts, number: Any) -> None:
    with pytest.raises(ValueError, match="known versions: 1, 2"):
        contracts.of_payload({"metadata": {"schema_version": number}})


def test_a_key_of_an_open_table_is_mapped_with_its_table(contracts: Contracts) -> None:
    pointer = contracts.newest.mapping.pointer
    assert pointer(("job", "model")) == ("model",)
    table = ("hyperparameters", "parallelism")
    assert pointer((*table, "flash")) == (*table, "flash")
    with pytest.raises(KeyError, match=r"job\.data"):
        pointer(("job", "data"))
