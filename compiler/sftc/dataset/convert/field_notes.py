"""What a conversion does not take over as it is."""

from collections import Counter
from typing import Final

_FIELDS: Final = 1000
"""The names of fields that are counted."""


class FieldNotes:
    """What is not taken over as it is: counts of rows by the path of the field.

    Attributes:
        dropped: fields that are left out.
        nulls: fields that are left out because they are null or empty.
        changed: fields whose values are written in another way, with how.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.nulls: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()

    def add(self, other: "FieldNotes") -> None:
        """Count the fields of a row. Beyond a thousand, they are counted together."""
        for mine, others in (
            (self.dropped, other.dropped),
            (self.nulls, other.nulls),
            (self.changed, other.changed),
        ):
            is_full = len(mine) >= _FIELDS
            mine.update({name if not is_full or name in mine else "other fields" for name in others})
