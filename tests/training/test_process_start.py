"""Garbage is collected where there is some: while a job runs, and not while libraries are imported."""

import gc

import pytest

from sftc.training.process_start import importing


def test_garbage_is_collected_again_after_the_imports() -> None:
    with importing():
        assert not gc.isenabled()
        imported = [[object()]]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert not any(each is imported for each in gc.get_objects())


def test_garbage_is_collected_again_after_an_import_that_fails() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
