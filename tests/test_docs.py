"""The documentation site builds, and a broken link stops the build."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """Return a folder with a copy of the sources of the site."""
    for folder in ("docs", "golden/targets"):
        shutil.copytree(root / folder, tmp_path / folder)
    for name in ("mkdocs.yml", "ARCHITECTURE.md"):
        shutil.copy(root / name, tmp_path / name)
    return tmp_path


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    zensical = str(Path(sys.executable).parent / "zensical")
    command = [zensical, "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_site_builds_with_every_page(copy: Path) -> None:
    built = build(copy)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = [page.relative_to(copy / "docs").with_suffix("") for page in (copy / "docs").rglob("*.md")]
    assert len(pages) > 10
    for page in pages:
        name = "index.html" if page.name == "index" else f"{page}/index.html"
        assert (copy / "site" / name).is_file()
    architecture = (copy / "site/explanation/architecture/index.html").read_text(encoding="utf-8")
    assert "Invariants" in architecture


def test_the_first_page_links_to_every_page(root: Path) -> None:
    docs = root / "docs"
    linked = set(re.findall(r"\]\(([^)]+\.md)\)", (docs / "index.md").read_text(encoding="utf-8")))
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")} - {"index.md"}
    assert linked == {page for page in pages if not page.startswith("targets/")} | {"targets/index.md"}


def test_a_broken_link_stops_the_build(copy: Path) -> None:
    index = copy / "docs/index.md"
    index.write_text(index.read_text(encoding="utf-8") + "\n[gone](how-to/gone.md)\n", encoding="utf-8")
    assert build(copy).returncode != 0


def test_links_and_pictures_lead_to_files(root: Path) -> None:
    """The build does not look at pictures, or at pages outside the site."""
    texts = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "examples").rglob("*.md")]
    links = [
        (text, link)
        for text in texts
        for link in re.findall(r"\]\(([^)\s#]+)", re.sub(r"`[^`]*`", "", text.read_text(encoding="utf-8")))
        if "://" not in link
    ]
    assert len(links) > 50
    assert not [(text, link) for text, link in links if not (text.parent / link).exists()]


def test_pages_load_nothing_from_other_hosts(copy: Path) -> None:
    build(copy)
    pages = [*(copy / "site").rglob("*.html")]
    assert len(pages) > 10
    for page in pages:
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="?([^"> ]+)', html)
        loaded += re.findall(r'<link[^>]* rel="?stylesheet"?[^>]* href="?([^"> ]+)', html)
        loaded += re.findall(r'<link[^>]* href="?([^"> ]+)[^>]* rel="?stylesheet', html)
        assert loaded
        assert not [address for address in loaded if "//" in address], page


def test_the_reference_pages_are_up_to_date(root: Path) -> None:
    command = [sys.executable, str(root / "docs/generate.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
