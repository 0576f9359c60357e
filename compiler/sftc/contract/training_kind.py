"""What the words that people write for a kind of training mean."""


def says_adapter(word: str) -> bool | None:
    """Return whether `word` means an adapter (`True`), all weights (`False`), or neither (`None`).

    >>> says_adapter("LoRA"), says_adapter("full_finetune"), says_adapter("sft")
    (True, False, None)
    """
    plain = word.lower()
    if any(part in plain for part in ("lora", "dora", "peft", "adapter")):
        return True
    return False if plain.startswith(("full", "fft")) else None
