"""What the renderers of an estimate get."""

from typing import NamedTuple

from sftc.estimate.estimate_run import RunEstimate
from sftc.estimate.estimate_work import WorkEstimate
from sftc.findings.finding import Finding


class EstimateReport(NamedTuple):
    """An estimate and what it is about.

    Attributes:
        path: the path of the config.
        model: the base model, as it is named.
        run: the estimate of the memory.
        work: the estimate of the work, if there are training files.
        price: the price of one device for an hour, if it is known.
        findings: the findings about the run.
    """

    path: str
    model: str
    run: RunEstimate
    work: WorkEstimate | None
    price: float | None
    findings: tuple[Finding, ...]
