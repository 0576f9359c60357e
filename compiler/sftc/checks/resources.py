"""What a config adds up to: GPUs, model copies and batches, and how each sum was made."""

from math import prod
from typing import NamedTuple

from sftc.document.toml import Document
from sftc.text.keys import split

_ROWS = ("hyperparameters.per_device_batch", "hyperparameters.gradient_accumulation_steps")


class Product(NamedTuple):
    """A count, and the factors it was made of, as `8 (gpu_count) x 2 (nodes)`."""

    number: int
    made_of: str

    def __str__(self) -> str:
        return f"{self.number} = {self.made_of}" if " x " in self.made_of else self.made_of


def gpus(document: Document) -> Product | None:
    """Return the number of GPUs of the job, `None` where the config does not say."""
    if _count(document, "compute.gpu_count") is None:
        return None
    return _product(document, "compute.gpu_count", "compute.nodes")


def model_parallel(document: Document) -> Product:
    """Return how many GPUs share one copy of the model; 1 where nothing is said."""
    table = "hyperparameters.parallelism"
    return _product(document, f"{table}.tensor_parallel_size", f"{table}.pipeline_parallel_size")


def known_batch(document: Document) -> tuple[Product, bool]:
    """Return what the config says of the rows that one optimizer step sees, and whether that is all.

    The rows are the batch a GPU x the accumulated steps x the copies of the model, which are
    the GPUs over those that share a copy. A factor that is not said is left out, and the
    product then a divisor of the rows.
    """
    total, shared = gpus(document), model_parallel(document)
    rows = _product(document, *_ROWS)
    is_whole = total is not None and all(_count(document, key) for key in _ROWS)
    if not total or total.number % shared.number:
        return rows, False
    made_of = f"{rows.made_of} x {total.made_of}"
    if shared.number > 1:
        made_of += f" / ({shared.made_of})"
    return Product(rows.number * (total.number // shared.number), made_of), is_whole


def effective_batch(document: Document) -> Product | None:
    """Return the rows that one optimizer step sees, `None` where the config does not say."""
    product, is_whole = known_batch(document)
    return product if is_whole else None


def _product(document: Document, *keys: str) -> Product:
    given = {key: count for key in keys if (count := _count(document, key))}
    names = (f"{count} ({split(key)[-1]})" for key, count in given.items())
    return Product(prod(given.values()), " x ".join(names) or "1")


def _count(document: Document, key: str) -> int | None:
    """Return the count at `key`; one below 1 is an error of its own, and says nothing here."""
    count = document.value(key, int)
    return count if count and count > 0 else None
