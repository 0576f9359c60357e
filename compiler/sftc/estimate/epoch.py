"""An epoch of a run: its steps, its tokens, and what its batches waste on padding."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from sftc.estimate.interval import Interval
from sftc.estimate.row_lengths import RowLengths
from sftc.estimate.sequences import pack, positions
from sftc.estimate.training_setup import TrainingSetup


class Epoch(NamedTuple):
    """What one pass over the training files is.

    Attributes:
        rows: the rows.
        sequences: the sequences that they are, fewer with packing.
        steps: the optimizer steps.
        tokens: the tokens of all rows.
        positions: the positions that are computed: the tokens, and the padding of each batch.
        longest: the tokens of the longest sequence.
        cut: the rows that are longer than `sequence_length`.
        packed_positions: what they are with packing.
        unpacked_positions: what they are without.
    """

    rows: int
    sequences: int
    steps: int
    tokens: int
    positions: int
    longest: int
    cut: int
    packed_positions: int
    unpacked_positions: int

    @property
    def padding(self) -> float:
        """The share of the positions that is padding."""
        return 1 - self.tokens / self.positions

    @property
    def packing_saves(self) -> float:
        """The share of the positions that packing saves, or has saved."""
        return max(0.0, 1 - self.packed_positions / self.unpacked_positions)


class Epochs(NamedTuple):
    """An epoch if rows have as few tokens as may be, as many as expected, and as many as may be."""

    low: Epoch
    expected: Epoch
    high: Epoch


def epochs(lengths: RowLengths, setup: TrainingSetup, limit: int, seed: int) -> Epochs:
    """Return the epoch of a run over rows of `lengths`, cut at `limit` tokens, within bounds."""
    if lengths.is_measured:
        one = _epoch(lengths.tokens, lengths.scaled(1.0, limit), setup, limit, seed)
        return Epochs(one, one, one)
    return Epochs(*(_at(lengths, share, setup, limit, seed) for share in lengths.share))


def _at(lengths: RowLengths, share: float, setup: TrainingSetup, limit: int, seed: int) -> Epoch:
    return _epoch(lengths.scaled(share, 0), lengths.scaled(share, limit), setup, limit, seed)


def _epoch(whole: Sequence[int], kept: Sequence[int], setup: TrainingSetup, limit: int, seed: int) -> Epoch:
    order = [*kept]
    Random(seed).shuffle(order)  # noqa: S311  an order like that of the run, no secret
    packed = pack(kept, limit, setup.per_device)
    filled = [sum(kept[row] for row in rows) for rows in packed.sequences]
    sequences = filled if setup.packing else order
    packed_positions, unpacked = (positions(each, setup.per_device) for each in (filled, order))
    return Epoch(
        rows=len(whole),
        sequences=len(sequences),
        steps=-(-len(sequences) // setup.batch),
        tokens=sum(kept),
        positions=packed_positions if setup.packing else unpacked,
        longest=max(sequences),
        cut=sum(tokens > limit for tokens in whole) if limit else 0,
        packed_positions=packed_positions,
        unpacked_positions=unpacked,
    )


def steps_of(epochs: Epochs, number: int, most: int) -> Interval:
    """Return the optimizer steps of `number` epochs, at most `most` of them if that is not 0."""
    steps = (each.steps * number for each in epochs)
    return Interval(*(min(each, most) if most else each for each in steps))
