"""A model of GGUF as one of safetensors: `python -m sftc.training.unpacking FOLDER FILE INTO`."""

import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from sftc.training.models import Model


def main() -> None:
    """Write the model, its weights in fp32, and its tokenizer."""
    folder, file, into = sys.argv[1:]
    options = Model(folder, file).options()
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options)
    config = AutoConfig.from_pretrained(folder, **options)
    with torch.device("meta"):  # it has no weights of its own
        plain = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]  # theirs
            config, dtype=torch.float32
        )
    plain.save_pretrained(into, state_dict=loaded.state_dict())
    AutoTokenizer.from_pretrained(folder, **options).save_pretrained(into)


if __name__ == "__main__":
    main()
