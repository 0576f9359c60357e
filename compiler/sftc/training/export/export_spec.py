"""What the process that exports a model is to make."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

QUANTIZED: Final = {
    "q8_0": 0.0055,
    "q6_k": 0.018,
    "q5_k_m": 0.036,
    "q5_0": 0.043,
    "q4_k_m": 0.072,
    "q4_0": 0.087,
    "q3_k_m": 0.152,
    "q2_k": 0.3,
}
"""The quantisations of a GGUF file, and how far each moves a weight: the root mean square of the
difference, as a share of that of the weights. Measured with llama.cpp on normally distributed weights."""

ROUNDED: Final = {"fp32": 3e-7, "fp16": 2.2e-4, "bf16": 1.7e-3}
"""The same for each dtype. That of fp32 has room for sums that are added in another order."""


class ExportSpec(NamedTuple):
    """What to make of a trained model.

    Attributes:
        model: the folder of the trained model, an adapter or a whole one.
        into: the new folder to write.
        dtype: a dtype of `ROUNDED`; empty for that of the base model.
        rows: a JSON Lines file whose rows the models are compared on; empty for fixed questions.
        four_bit: whether the adapter was trained on a base in 4 bits.
        gguf: the name of the GGUF file to write; empty for the merged model.
        quantize: a quantisation of `QUANTIZED` for it, or empty.
        ollama: whether to write a Modelfile beside it.
        converter: the beginning of the command that converts a model to GGUF.
        quantiser: that of the command that quantises the file, if the converter does not.
    """

    model: str
    into: str
    dtype: str
    rows: str
    four_bit: bool
    gguf: str = ""
    quantize: str = ""
    ollama: bool = False
    converter: Sequence[str] = ()
    quantiser: Sequence[str] = ()

    def encoded(self) -> str:
        """Return the specification as JSON."""
        return orjson.dumps(self._asdict()).decode()

    @classmethod
    def decoded(cls, text: str) -> "ExportSpec":
        """Return the specification that `encoded` wrote."""
        return cls(**orjson.loads(text))
