"""Where an export writes: links, mount points, and nothing left behind."""

import os
import sys
from pathlib import Path

import pytest

from sftc.service.executor import FailedError
from sftc.training.export.exporter import new_file, new_folder
from support.small_disk import needs_namespaces, small


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, target in (("link", "empty"), ("dangling", "new/deep"), ("sums.gguf", "other.bin")):
        (tmp_path / name).symlink_to(target)
    for name in ("link", "dangling"):
        with new_folder(tmp_path / name) as made:
            made.mkdir()
            (made / "config.json").write_text("{}")
    with new_file(tmp_path / "sums.gguf") as made:
        made.mkdir()
        (made / "sums.gguf").write_text("weights")
        (made / "README.md").write_text("card")
    assert all((tmp_path / each).is_symlink() for each in ("link", "dangling", "sums.gguf"))
    assert (tmp_path / "empty/config.json").exists()
    assert (tmp_path / "new/deep/config.json").exists()
    assert (tmp_path / "other.bin").read_text() == "weights"
    assert (tmp_path / "other.md").read_text() == "card"
    with pytest.raises(FailedError, match=r"empty is not empty"), new_folder(tmp_path / "link"):
        pass
    assert sorted(os.listdir(tmp_path)) == [
        *("dangling", "empty", "link", "new", "other.bin", "other.md", "sums.gguf"),
    ]


def test_a_file_with_the_name_of_its_card(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=r"sums\.md has the name of a card"), new_file(tmp_path / "sums.md"):
        pass


@needs_namespaces
def test_a_mount_point_is_refused_at_once(tmp_path: Path, sftc_program: str) -> None:
    (tmp_path / "disk").mkdir()
    command = f"{sftc_program} export model --merge --output disk"
    line = f"mount -t tmpfs none disk && {command}; echo status $?; ls -A disk"
    done = small(["bash", "-c", line], tmp_path, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert done.stdout == "status 1\n", done.stderr
    assert "disk is a mount point, which cannot be replaced: name a folder in it" in done.stderr
