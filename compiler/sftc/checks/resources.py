"""What a config adds up to: GPUs, model copies and batches, and how each product is made."""

from math import prod
from typing import Final, NamedTuple

from sftc.checks.config import Config, Setting

GPU_COUNT: Final = Setting("compute.gpu_count", int)
NODES: Final = Setting("compute.nodes", int)
TENSOR_PARALLEL: Final = Setting("hyperparameters.parallelism.tensor_parallel_size", int)
PIPELINE_PARALLEL: Final = Setting("hyperparameters.parallelism.pipeline_parallel_size", int)
PER_DEVICE_BATCH: Final = Setting("hyperparameters.per_device_batch", int)
ACCUMULATION: Final = Setting("hyperparameters.gradient_accumulation_steps", int)


class Product(NamedTuple):
    """A count and the factors that make it, as `8 (gpu_count) x 2 (nodes)`."""

    number: int
    made_of: str

    def __str__(self) -> str:
        return f"{self.number} = {self.made_of}" if " x " in self.made_of else self.made_of


def gpus(config: Config) -> Product | None:
    """Return the number of GPUs of the job, `None` if the config does not set `gpu_count`."""
    return _product(config, GPU_COUNT, NODES) if _count(config, GPU_COUNT) else None


def model_parallel(config: Config) -> Product:
    """Return how many GPUs share one copy of the model; 1 by default."""
    return _product(config, TENSOR_PARALLEL, PIPELINE_PARALLEL)


def known_batch(config: Config) -> tuple[Product, bool]:
    """Return the rows of one optimizer step as far as they are known, and whether that is all of it.

    The rows are the batch a GPU x the accumulated steps x the copies of the model; the copies are
    the GPUs divided by those that share a copy. A factor that the config does not set is left
    out: the product is then a divisor of the rows.
    """
    total, shared = gpus(config), model_parallel(config)
    rows = _product(config, PER_DEVICE_BATCH, ACCUMULATION)
    if not total or total.number % shared.number:
        return rows, False
    is_whole = all(_count(config, setting) for setting in (PER_DEVICE_BATCH, ACCUMULATION))
    made_of = f"{rows.made_of} x {total.made_of}"
    if shared.number > 1:
        made_of += f" / ({shared.made_of})"
    return Product(rows.number * (total.number // shared.number), made_of), is_whole


def effective_batch(config: Config) -> Product | None:
    """Return the rows of one optimizer step, `None` if the config does not set every factor."""
    product, is_whole = known_batch(config)
    return product if is_whole else None


def _product(config: Config, *settings: Setting[int]) -> Product:
    given = {setting.name: count for setting in settings if (count := _count(config, setting))}
    names = (f"{count} ({name})" for name, count in given.items())
    return Product(prod(given.values()), " x ".join(names) or "1")


def _count(config: Config, setting: Setting[int]) -> int | None:
    """Return the count; one below 1 is an error of its own, and does not count here."""
    count = config.given(setting)
    return count if count and count > 0 else None
