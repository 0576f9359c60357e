"""Devices by the words that configs, drivers and people have for them."""

import pytest

from sftc.estimate import devices
from sftc.estimate.devices import device_names, find_device


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("H100", "H100-80GB"),
        ("h100 80gb", "H100-80GB"),
        ("NVIDIA H100 80GB HBM3", "H100-80GB"),
        ("NVIDIA H100 PCIe", "H100-80GB"),
        ("NVIDIA H100 NVL", "H100-NVL"),
        ("H200", "H200"),
        ("A100", "A100-40GB"),
        ("A100-80GB", "A100-80GB"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA A100-SXM4-40GB", "A100-40GB"),
        ("A10", "A10G"),
        ("A10G", "A10G"),
        ("NVIDIA L4", "L4"),
        ("L40S", "L40S"),
        ("NVIDIA L40S", "L40S"),
        ("Tesla T4", "T4"),
        ("Tesla V100-SXM2-32GB", "V100-32GB"),
        ("Tesla V100-SXM2-16GB", "V100-16GB"),
        ("NVIDIA RTX A6000", "RTX-A6000"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("CPU", "cpu"),
    ],
)
def test_a_word_names_a_device(word: str, name: str) -> None:
    found = find_device(word)
    assert found
    assert found.name == name
    assert 0 < found.usable <= found.total
    assert found.source


@pytest.mark.parametrize("word", ["", "H", "TPU", "A1000", "B2000", "4", "Apple GPU", "H1000"])
def test_other_words_name_none(word: str) -> None:
    assert find_device(word) is None


def test_every_name_names_its_own_device() -> None:
    for name in device_names():
        found = find_device(name)
        assert found
        assert found.name == name


def test_a_container_has_less_than_its_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("groups")
    (folder / "one").write_text("1048576\n")
    (folder / "two").write_text("max\n")
    monkeypatch.setattr(devices, "_GROUPS", tuple(str(folder / each) for each in ("two", "one", "none")))
    found = find_device("cpu")
    assert found
    assert found.usable == 1 << 20 < found.total
