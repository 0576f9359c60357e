"""The files for SchemaStore."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs/schemastore"


def configs(kind: str) -> list[Path]:
    """Return the configs of a kind of test, `test` or `negative_test`."""
    found = sorted((FOLDER / "src" / kind / "sftc").iterdir())
    assert len(found) > 3
    return found
