"""A model of GGUF as one of safetensors: `python -m sftc.training.unpack_gguf FOLDER FILE INTO`."""

import sys
from functools import cache

import gguf
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from sftc.training.base_model import BaseModel

# transformers reads the file for each of the three, and makes the names of all weights for each weight
gguf.GGUFReader = cache(gguf.GGUFReader)
gguf.get_tensor_name_map = cache(gguf.get_tensor_name_map)


def main() -> None:
    """Write the model, its weights in fp32, and its tokenizer."""
    folder, file, into = sys.argv[1:]
    options = BaseModel(folder, file).options()
    config = AutoConfig.from_pretrained(folder, **options)
    loaded = AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, **options)
    with torch.device("meta"):  # it has no weights of its own
        plain = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]  # theirs
            config, dtype=torch.float32
        )
    plain.save_pretrained(into, state_dict=loaded.state_dict())
    AutoTokenizer.from_pretrained(folder, **options).save_pretrained(into)


if __name__ == "__main__":
    main()
