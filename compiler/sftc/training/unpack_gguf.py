"""Convert a GGUF model to safetensors: `python -m sftc.training.unpack_gguf FOLDER FILE INTO`."""

import sys
from functools import cache

import gguf
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from sftc.training.base_model import BaseModel

# Without the caches, transformers parses the file three times and rebuilds the name map per weight.
gguf.GGUFReader = cache(gguf.GGUFReader)
gguf.get_tensor_name_map = cache(gguf.get_tensor_name_map)


def main() -> None:
    """Write the model with fp32 weights, and its tokenizer."""
    folder, file, into = sys.argv[1:]
    options = BaseModel(folder, file).options()
    config = AutoConfig.from_pretrained(folder, **options)
    loaded = AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, **options)
    with torch.device("meta"):  # allocates no weights: they come from `loaded`
        plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.save_pretrained(into, state_dict=loaded.state_dict())
    AutoTokenizer.from_pretrained(folder, **options).save_pretrained(into)


if __name__ == "__main__":
    main()
