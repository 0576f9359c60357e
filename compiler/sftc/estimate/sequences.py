"""How rows become sequences and batches, by their lengths alone: packing, and what is padding."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple


class Packed(NamedTuple):
    """How rows are packed.

    Attributes:
        sequences: for each sequence, the indices of its rows.
        length: the maximum tokens of a sequence.
        padding: the share of the positions in a batch that is padding.
        unpacked_padding: the share that it would be with a row for each sequence.
    """

    sequences: list[list[int]]
    length: int
    padding: float
    unpacked_padding: float


def pack(lengths: Sequence[int], limit: int, batch: int) -> Packed:
    """Return how to pack rows into sequences.

    From the longest row to the shortest, each goes into the fullest sequence that has room for it.

    Args:
        lengths: the tokens of each row.
        limit: the maximum tokens of a sequence; 0 for those of the longest row.
        batch: the sequences in a batch, for the shares of padding.
    """
    limit = limit or max(lengths)
    sequences: list[list[int]] = []
    rooms: list[int] = []  # the different rooms of sequences that are not full, in order
    having: dict[int, list[int]] = {}  # by room, the sequences that have it
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        at = bisect_left(rooms, lengths[row])
        if at == len(rooms):
            sequence, room = len(sequences), limit
            sequences.append([])
        else:
            room = rooms[at]
            sequence = having[room].pop()
            if not having[room]:
                del rooms[at], having[room]
        sequences[sequence].append(row)
        if left := room - lengths[row]:
            if left not in having:
                insort(rooms, left)
            having.setdefault(left, []).append(sequence)
    packed = [sum(lengths[row] for row in rows) for rows in sequences]
    return Packed(sequences, limit, padding(packed, batch), padding(lengths, batch))


def padding(lengths: Sequence[int], batch: int) -> float:
    """Return the share of positions that is padding, in batches of sequences in the order of the file."""
    return 1 - sum(lengths) / positions(lengths, batch)


def positions(lengths: Sequence[int], batch: int) -> int:
    """Return the positions of batches of sequences in order: each is as long as the longest in its batch."""
    batches = (lengths[at : at + batch] for at in range(0, len(lengths), batch))
    return sum(max(each) * len(each) for each in batches)
