"""The defaults of the settings of a trainer, as JSON has them."""

import dataclasses
import enum
from collections.abc import Iterator
from typing import Any


def defaults(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a dataclass with their defaults, `None` for one that has none."""
    for field in dataclasses.fields(kind):
        value = field.default
        if value is dataclasses.MISSING:
            factory = field.default_factory
            value = None if factory is dataclasses.MISSING else factory()
        yield field.name, plain(value)


def plain(value: Any) -> Any:
    """Return a default as JSON has it, `None` for an object."""
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, list | tuple | set):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    return value if isinstance(value, str | int | float | bool) else None
