"""The learning rate of each step, as a share of the peak."""

import math
from collections.abc import Callable

from sftc.training.plan import Plan


def schedule(plan: Plan, total: int) -> Callable[[int], float]:
    """Return the function from a step, counted from 0, to its learning rate as a share of the peak.

    The rate rises in equal parts over the warmup, so that the first step has one part and not 0, and then
    falls to `plan.min_lr_ratio`, along a line or a cosine, or stays. With `warmup_ratio = 0.25`, 8 steps
    have the shares 1/2, 1, and then 1, 5/6, 4/6, 3/6, 2/6, 1/6.

    Args:
        plan: the training plan.
        total: the number of steps of the run.
    """
    warmup = plan.warmup_ratio * total if plan.warmup_steps < 0 else float(plan.warmup_steps)

    def share(step: int) -> float:
        if step + 1 < warmup:
            return (step + 1) / warmup
        done = min(1.0, max(0.0, (step - warmup) / max(1.0, total - warmup)))
        return plan.min_lr_ratio + (1 - plan.min_lr_ratio) * _FALLS[plan.schedule](done)

    return share


_FALLS: dict[str, Callable[[float], float]] = {
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "constant": lambda done: 1.0,
}
"""The shapes of the decay, from the share of the decay that is over to the share of the peak."""
