"""The process that exports a model: `python -m sftc.training.export.export_worker`, with an `ExportSpec`.

At any time, one model is in memory, in fp32.
"""

import gc
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from warnings import filterwarnings

from sftc.service.executor import FailedError
from sftc.training.artifacts import end_tokens
from sftc.training.base_model import ADAPTER, base_of, loading
from sftc.training.base_tokenizer import input_limit
from sftc.training.export.export_spec import QUANTIZED, ROUNDED, ExportSpec
from sftc.training.machine import disk_full, out_of_memory
from sftc.training.process_start import importing
from sftc.training.reporter import Reporter
from sftc.training.worker import exit_with_parent


def main() -> None:
    """Export a model, and report the progress."""
    exit_with_parent()
    reporter = Reporter.take_stdout()
    spec = ExportSpec.decoded(sys.argv[1])
    filterwarnings("ignore", module="transformers")
    filterwarnings("ignore", module="peft")
    with importing():
        import peft  # noqa: F401  `load_trained` needs it, and most of what it imports
    try:
        export_model(spec, reporter)
    except FailedError as error:
        reporter.failed(str(error))
        sys.exit(1)
    except Exception as error:
        full = disk_full(error) and f"the disk is full: {error}"
        if not (reason := full or (out_of_memory(error) and "out of memory: the model is loaded in fp32")):
            raise
        reporter.failed(reason)
        sys.exit(1)
    reporter.done(spec.into)


def export_model(spec: ExportSpec, reporter: Reporter) -> None:
    """Write the merged model or a GGUF file of it, after a comparison with the trained one.

    Raises:
        FailedError: the model cannot be merged or converted, or what was made is another model.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from sftc.training.export.comparison import answer, compare, explained_by, longest_prompt
    from sftc.training.export.comparison_prompts import read_prompts
    from sftc.training.export.export_card import write_card
    from sftc.training.export.trained_model import load_trained

    folder, into = Path(spec.model), Path(spec.into)
    base = base_of(folder)
    with loading(base):
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        config: Any = AutoConfig.from_pretrained(base.folder, **base.options())
    longest = longest_prompt(input_limit(config, tokenizer))
    prompts = read_prompts(tokenizer, Path(spec.rows) if spec.rows else None, longest)
    reporter.event("export", f"loading {folder}")
    trained = load_trained(folder, len(tokenizer))
    dtype = spec.dtype or _dtype(config)
    reporter.event("export", f"asking it {len(prompts)} prompts")
    answers = answer(trained, prompts)
    explained = explained_by(trained, answers, ROUNDED[dtype])
    kind, by_kind = dtype, explained
    if spec.quantize:
        kind, by_kind = spec.quantize, explained_by(trained, answers, QUANTIZED[spec.quantize])
    del trained
    gc.collect()
    is_adapter = (folder / ADAPTER).is_file()
    said = _what_is_made(spec, dtype, is_adapter=is_adapter)
    reporter.event("export", said)
    whole = into.parent / "merged" if spec.gguf else into
    _merge(folder, Path(base.folder), whole, dtype, tokenizer)
    gc.collect()
    made: Any = AutoModelForCausalLM.from_pretrained(whole, dtype="float32", local_files_only=True)
    found = compare(made.eval(), answers, explained, dtype)
    reporter.event("compared", str(found), found._asdict())
    before = "base plus adapter" if is_adapter else "the model as it was"
    facts = [said, f"compared with {before}: {found}"]
    write_card(folder, whole / "README.md", facts)  # the converter reads it
    if spec.gguf:
        from sftc.training.export.gguf_file import check_tokenizer, load_gguf, read_fields

        del made
        gc.collect()
        reporter.event("export", f"writing {spec.gguf}, in {kind}")
        file = into / spec.gguf
        _convert(spec, whole, file, dtype, kind)
        fields, stops = read_fields(file), end_tokens(whole)
        check_tokenizer(fields, tokenizer, stops)
        found = compare(load_gguf(file), answers, by_kind, kind)
        reporter.event("compared", str(found), found._asdict())
        write_card(folder, into / "README.md", [*facts, f"GGUF in {kind}, compared with the same: {found}"])
        if spec.ollama:
            _write_modelfile(file, fields, tokenizer, stops, reporter)


def _what_is_made(spec: ExportSpec, dtype: str, *, is_adapter: bool) -> str:
    said = f"merged into the base model, in {dtype}" if is_adapter else f"written in {dtype}"
    if spec.four_bit:
        said += "; it was trained on the base in 4 bits, and is merged into the unquantised weights"
    return said


def _dtype(config: Any) -> str:
    """Return the dtype that the weights of the model with that config are stored in."""
    import torch

    from sftc.training.trainable import DTYPES

    names = {dtype: name for name, dtype in DTYPES.items()}
    return names.get(config.dtype or torch.float32, "fp32")


def _merge(folder: Path, base: Path, into: Path, dtype: str, tokenizer: Any) -> None:
    """Write the merged model in `dtype`, with its tokenizer and how it ends its answers."""
    from transformers import GenerationConfig

    from sftc.training.export.trained_model import load_trained, merge_adapter
    from sftc.training.trainable import DTYPES

    merged = merge_adapter(load_trained(folder, len(tokenizer))).to(DTYPES[dtype])
    broken = [name for name, weight in merged.named_parameters() if not weight.isfinite().all()]
    if broken:
        raise FailedError(f"{broken[0]} has values that {dtype} cannot hold: choose another --dtype")
    # `save_pretrained` refuses the generation config of some models, which is copied as it is below.
    merged.generation_config = GenerationConfig()
    merged.save_pretrained(into)
    tokenizer.save_pretrained(into)
    for place in (folder, base):
        if (given := place / "generation_config.json").is_file():
            shutil.copyfile(given, into / given.name)
            break


def _convert(spec: ExportSpec, model: Path, file: Path, dtype: str, kind: str) -> None:
    """Write the model as a GGUF file: the converter writes some kinds itself."""
    from sftc.training.export.llama_cpp import DIRECT, convert, quantise

    file.parent.mkdir()
    if kind in DIRECT:
        convert(spec.converter, model, file, kind)
    else:
        whole = model.parent / "whole.gguf"
        convert(spec.converter, model, whole, dtype)
        quantise(spec.quantiser, whole, file, kind)


def _write_modelfile(
    file: Path, fields: Mapping[str, Any], tokenizer: Any, stops: list[int], reporter: Reporter
) -> None:
    """Write the Modelfile of Ollama; without the chat template if that cannot be translated to one of Go."""
    from sftc.training.export.modelfile import (
        UntranslatableError,
        begins_itself,
        find_pieces,
        modelfile,
        quoted_value,
        without_begin,
    )

    note = "The template is for plain conversations, without tool calls and thoughts."
    pieces = None
    try:
        pieces = find_pieces(tokenizer)
        if tokenizer.bos_token and begins_itself(fields):
            pieces = without_begin(pieces, tokenizer.bos_token)
    except UntranslatableError as error:
        note = f"Without a template, Ollama reads that of the GGUF file, if it knows it: {error}."
        reporter.event(
            "warning", f"the Modelfile has no template, because {error}: compare answers in Ollama"
        )
    ends = [tokenizer.decode([each]) for each in stops]
    if lost := [each for each in ends if quoted_value(each) is None]:
        said = f"the Modelfile cannot quote {', '.join(map(repr, lost))}, which ends answers"
        reporter.event("warning", f"{said}: compare answers in Ollama")
    text = modelfile(file.name, pieces, ends, note)
    (file.parent / "Modelfile").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
