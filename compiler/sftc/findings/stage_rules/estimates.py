"""Rules about the memory that a run needs, and the device that it is for."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

WILL_NOT_FIT = Rule(
    id="will-not-fit",
    severity=Severity.WARNING,
    title="a run needs more memory than its device has",
    why="Even the least that the run takes with rows of that length is more than the device has, so it ends with `out of memory`, often only at the longest batch. `sftc train` looks at the rows, and stops before the upload if no row length can save the run.",
    act="Apply what the finding names, or let `sftc estimate --fit --write` do it. `sftc estimate` shows the parts of the memory.",
)

FITS_BARELY = Rule(
    id="fits-barely",
    severity=Severity.NOTE,
    title="a run may need more memory than its device has",
    why="What the device has is between the least and the most that the run can take. Whether it fits depends on the longest batch and on how memory is cut up.",
    act="Apply what the finding names to be certain, or try a few steps with the longest rows first.",
)

SEQUENCE_LONGER_THAN_DATA = Rule(
    id="sequence-longer-than-data",
    severity=Severity.NOTE,
    title="`sequence_length` is far longer than every row",
    why="No row comes near the limit. Trainers that pad to it, or reserve memory for it, waste time and memory, and an estimate without the data is too high.",
    act="Lower `sequence_length` to the longest row.",
)

GPU_UNDERUSED = Rule(
    id="gpu-underused",
    severity=Severity.NOTE,
    title="a run leaves most of its GPU unused",
    why="Each forward pass is small, so the GPU waits for the next one. More rows a pass with fewer passes a step are the same batch in less time, and a smaller GPU may cost less.",
    act="Raise `per_device_batch` and lower `gradient_accumulation_steps` by the same factor, or name a smaller GPU.",
)

RULES = (WILL_NOT_FIT, FITS_BARELY, SEQUENCE_LONGER_THAN_DATA, GPU_UNDERUSED)
