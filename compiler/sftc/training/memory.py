"""Where memory has run out: how that is known, and what to do."""


def out_of_memory(error: Exception) -> str | None:
    """Return what to do where `error` says that memory has run out."""
    import torch

    text = str(error)
    if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "can't allocate memory" not in text:
        return None
    return (
        "out of memory: lower `hyperparameters.sequence_length` or `hyperparameters.per_device_batch` "
        "(and raise `hyperparameters.gradient_accumulation_steps` to make up for it), or set "
        "`hyperparameters.parallelism.activation_checkpointing = true`"
    )
