"""Comments that suppress warnings and notes, and their scope."""

import pytest

import sftc
from sftc.contract.versions import PACKAGED
from sftc.text.source import Source
from sftc.tools.lint import lint

JOB = '[job]\nmodel = "m"\n'
GPU = JOB + '[compute]\ngpu_type = "H100"\n'


EVALUATION = "[data]\nvalidation_path = 'v'\n[training.validation]\neval_steps = 1\n"


def ids(text: str) -> list[str]:
    return [found.id for found in sftc.compile(text).findings]


@pytest.mark.parametrize(
    "text",
    [
        GPU + "variant = 1 # sftc: ignore[unknown-key]\n",
        GPU + "variant = 1 # sftc: ignore[ unknown-key , ]\n",
        GPU + "# sftc: ignore[unknown-key]\nvariant = 1\n",
        GPU + "# sftc: ignore[unknown-key]\n\n# more\n  variant = 1\n",
        GPU + "variant = [ # sftc: ignore[unknown-key]\n 1,\n]\n",
        GPU + "variant = [\n 1,\n] # sftc: ignore[unknown-key]\n",
        GPU + "# sftc: ignore[newer-key]\n[lora]\nr = 1\n",
        GPU + "[lora] # sftc: ignore[newer-key]\nr = 1\n",
        JOB + "# sftc: ignore[missing-gpu-type]\n[compute]\ngpu_count = 1\n",
        GPU + "# sftc: ignore[unknown-key]\n[hyperparameters]\na = 1\n\nb = 2\nn_epochs = 1\n",
        (GPU + "# sftc: ignore[unknown-key]\n[hyperparameters]\na = 1\n").replace("\n", "\r\n"),
        "# sftc: ignore[missing-gpu-type]\n" + JOB,
        GPU + "[training.validation]\neval_steps = 1\n# sftc: ignore[unknown-key]\n[training]\na = 1\nb = 2\n"
        "[data]\nvalidation_path = 'v'\n",
    ],
)
def test_comments_suppress_findings(text: str) -> None:
    assert ids(text) == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (GPU + "variant = 1 # sftc: ignore[legacy-key]\n", ["unknown-key", "unused-suppression"]),
        (GPU + "# sftc: ignore[unknown-key]\na = 1\nb = 2\n", ["unknown-key"]),
        (GPU + "# sftc: ignore[unknown-key]\n[data]\na = 1\n[training]\nb = 2\n", ["unknown-key"]),
        (GPU + 'a = "# sftc: ignore[unknown-key]"\n', ["unknown-key"]),
        (GPU + "gpu_count = 0 # sftc: ignore[out-of-range]\n", ["out-of-range", "unused-suppression"]),
        (GPU + "# sftc: ignore[unknown-key]", ["unused-suppression"]),
        (
            f"{GPU}{EVALUATION}".replace("[training", "# sftc: ignore[unknown-key]\n[training")
            + "foo = 1\n[training]\na = 1\n",
            ["unknown-key"],
        ),
        (GPU + "nodes = 1 # sftc: ignore[no-such-rule, a]\n", ["unused-suppression"] * 2),
    ],
)
def test_comments_do_not_suppress_other_findings(text: str, left: list[str]) -> None:
    assert ids(text) == left


@pytest.mark.parametrize(
    "id",
    [
        "not-carried",
        "small-difference",
        "missing-gpu-type",
        "no-chat-template",
        "gpu-underused",
        "batch-exceeds-rows",
    ],
)
@pytest.mark.parametrize("targets", [(), ("trl",)])
def test_what_only_a_target_a_model_or_rows_can_show_is_not_unused(id: str, targets: tuple[str, ...]) -> None:
    source = Source("c.toml", f"schema_version = 2\n{GPU}gpu_count = 1 # sftc: ignore[{id}]\n")
    found = lint(source, targets=[PACKAGED.target(name) for name in targets])
    assert "unused-suppression" not in [each.id for each in found]


def test_nothing_is_unused_while_an_error_may_hide_its_finding() -> None:
    text = GPU + "[hyperparameters]\n# sftc: ignore[global-batch-mismatch]\nglobal_batch = 64.0\n"
    text += "per_device_batch = 3\ngradient_accumulation_steps = 1\n"
    assert ids(text) == ["float-for-integer"]
    assert ids(text.replace("64.0", "64")) == []
    assert ids(text.replace("64.0", "3")) == ["unused-suppression"]


@pytest.mark.parametrize("target", ["sft-offline", "trl"])
def test_nothing_is_unused_while_a_finding_is_part_of_another_one(target: str) -> None:
    text = f'schema_version = 2\n{JOB}data = "d"\n[compute]\ngup_type = "H" # sftc: ignore[unknown-key]\n'
    found = lint(Source("c.toml", text), targets=[PACKAGED.target(target)])
    assert [each.id for each in found] == (["missing-gpu-type"] if target == "sft-offline" else [])


def test_a_comment_does_not_suppress_findings_about_a_flag() -> None:
    text = "# sftc: ignore[unknown-key]\n" + GPU
    compiled = sftc.compile(text, overrides={"job.variant": 1})
    assert [(found.id, found.span.source.is_flag) for found in compiled.findings] == [
        ("unused-suppression", False),
        ("unknown-key", True),
    ]


def test_comments_are_found_everywhere() -> None:
    comments = "# sftc: ignore[a]"
    text = f"{comments}\n[job] {comments}\nmodel = 'm' {comments}\ndata = '''\n{comments}\n''' {comments}\n"
    text += f"[data]\ntopology.x = [ {comments}\n1, {comments}\n] {comments}"
    found = [each for each in sftc.compile(text).findings if each.id == "unused-suppression"]
    assert [each.span.line for each in found] == [1, 2, 3, 6, 8, 9, 10]
