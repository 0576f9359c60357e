"""Fixes remove their finding, keep every other byte, and never add errors."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sftc.contract.versions import PACKAGED
from sftc.document.edits import apply_fixes
from sftc.findings.finding import Finding
from sftc.text.source import Source
from sftc.tools.fix import fix
from sftc.tools.lint import lint
from support.configs import spoiled, toml, valid

JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'


LATER_HEADER = "[hyperparameters.parallelism]\n[hyperparameters]\n"
EVALUATION = "\n[training.validation]\neval_steps = 20\n"


def fixed(text: str, *, unsafe: bool = False) -> str:
    def wanted(found: Finding) -> bool:
        return found.fix is not None and (unsafe or found.fix.safe)

    return fix(Source("c.toml", text), lint, wanted).text


def errors(text: str) -> set[tuple[str, Any]]:
    return {(found.id, found.path) for found in lint(Source("c.toml", text)) if found.is_error}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('[job]\nmodel = " m\\t"  # the model\n', '[job]\nmodel = "m"  # the model\n'),
        ('[job]\nmodel = "a\\u007Fb "\n', '[job]\nmodel = "a\\u007Fb"\n'),
        (JOB + "gpu_count = 2.0 # two\r\n", JOB + "gpu_count = 2 # two\r\n"),
        (JOB + "[hyperparameters]\nn_epochs = 1e2\n", JOB + "[hyperparameters]\nn_epochs = 100\n"),
        ('[job]\n"model" = "m"\ndata_path="t.jsonl"\n', '[job]\n"model" = "m"\ndata="t.jsonl"\n'),
        ("\ufeff" + JOB, JOB),
        (JOB + "gpu_count = 1 # sftc: ignore[unknown-key]\n", JOB + "gpu_count = 1\n"),
        ("# sftc: ignore[unknown-key]\r\n" + JOB, JOB),
    ],
)
def test_safe_fixes(wrong: str, right: str) -> None:
    assert fixed(wrong) == right
    assert fixed(right) == right


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (JOB + '[hyperparameters]\nn_epochs = "3"\n', JOB + "[hyperparameters]\nn_epochs = 3\n"),
        (JOB + "gpu_cout = 1\n", JOB + "gpu_count = 1\n"),
        (JOB + '["Training"]\nmode = "m"\n', JOB + '[training]\nmode = "m"\n'),
        (JOB.replace("[job]", "[jbo]"), JOB),
        (JOB.replace("[job]", "[jb] # j\n"), JOB.replace("[job]", "[job] # j\n")),
        (
            'jbo = { model = "m" }\n[compute]\ngpu_type="H"\n',
            'job = { model = "m" }\n[compute]\ngpu_type="H"\n',
        ),
        (JOB + "epochs = 3 # three\n", JOB + "\n[hyperparameters]\nn_epochs = 3 # three\n"),
        (
            JOB + "lr = 1e-4\n\n[hyperparameters] # hp\nn_epochs = 2\n",
            JOB + "\n[hyperparameters] # hp\nn_epochs = 2\nlearning_rate = 1e-4\n",
        ),
        (
            JOB + "\n[hyperparameters]\nepochs = 3\nnum_epochs = 4\n",
            JOB + "\n[hyperparameters]\nn_epochs = 3\nnum_epochs = 4\n",
        ),
        (
            JOB + "[hyperparameters.parallelism]\neval_steps = 20\n[data]\nvalidation_path = 'v'\n",
            JOB + "[hyperparameters.parallelism]\n[data]\nvalidation_path = 'v'\n" + EVALUATION,
        ),
        (
            "hyperparameters = { n_epochs = 3, eval_steps = 4 }\n" + JOB,
            "hyperparameters = { n_epochs = 3 }\n" + JOB + "\n[training.validation]\neval_steps = 4\n",
        ),
        (
            "training = { use_qlora = true }\n" + JOB + "eval_steps = 20\n",
            "training = { use_qlora = true, validation.eval_steps = 20 }\n" + JOB,
        ),
    ],
)
def test_unsafe_fixes(wrong: str, right: str) -> None:
    assert fixed(wrong) == wrong
    assert fixed(wrong, unsafe=True) == right
    assert fixed(right, unsafe=True) == right


@pytest.mark.parametrize(
    "text",
    [
        JOB + "gpu_count = 1\ngpu_cout = 2\n",
        JOB + "learning_rate = 1e-4\n[hyperparameters]\nlearning_rate = 2e-4\n",
        JOB + "[training]\nuse_qlora = true\n[Training]\nmode = 'm'\n",
        JOB + "[jbo]\ndata = 'd'\n",
        JOB.replace("[job]", "[[jbo]]"),
        "[jbo]\nteam = 'm'\n",
    ],
)
def test_there_is_no_fix_if_the_target_key_exists(text: str) -> None:
    assert not [found.fix for found in lint(Source("c.toml", text)) if found.fix]
    assert fixed(text, unsafe=True) == text


@pytest.mark.parametrize(
    "text",
    [
        JOB + '[hyperparameters]\nn_epochs = "5 # x"\n',
        JOB + "gpu_count = 1 # sftc: ignore[unknown-key]: agreed until March\n",
        JOB + "gpu_count = 1 # sftc: ignore[unknown-key, legacy-key]\n",
    ],
)
def test_ambiguous_findings_have_no_fix(text: str) -> None:
    assert not [found.fix for found in lint(Source("c.toml", text)) if found.fix]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (
            JOB
            + "# agreed\n# with ops\n  eval_steps   =  20   # yes\nnodes = 1\n[training.validation]\n# v\n",
            JOB
            + "nodes = 1\n[training.validation]\n# agreed\n# with ops\n  eval_steps   =  20   # yes\n# v\n",
        ),
        ("use_qlora = true\n" + JOB, JOB + "\n[training]\nuse_qlora = true\n"),
        (JOB + "eval_steps = 20", JOB + "\n[training.validation]\neval_steps = 20\n"),
        (JOB + "eval_steps = 20\n[training.validation]", JOB + "[training.validation]\neval_steps = 20\n"),
        (
            f"{JOB}[training.validation]\n[training]\nlr = 1e-4\n{LATER_HEADER}",
            f"{JOB}[training.validation]\n[training]\n{LATER_HEADER}lr = 1e-4\n",
        ),
    ],
)
def test_a_key_moves_with_its_comments_and_spacing(wrong: str, right: str) -> None:
    [found] = [each for each in lint(Source("c.toml", wrong)) if each.id in {"misplaced-key", "unknown-key"}]
    assert found.fix
    assert apply_fixes(Source("c.toml", wrong), [found.fix]).text == right.replace(
        "\nlr =", "\nlearning_rate ="
    )


@pytest.mark.parametrize("rest", ["[compute]\n", "x\n", 'schema_version = 2\nextends = "none.toml"\n'])
def test_a_byte_order_mark_goes_whatever_it_hides(rest: str) -> None:
    assert fixed("\ufeff" + rest) == rest


def test_a_fix_of_a_base_is_not_made_in_the_config_that_extends_it(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("\ufeffschema_version = 2\n")
    source = Source(str(tmp_path / "c.toml"), f'extends = "base.toml"\nschema_version = 2\n{JOB}')
    [found] = lint(source)
    assert (found.id, found.fix) == ("byte-order-mark", None)
    marked = Source(source.name, f"\ufeff{source.text}")
    assert fix(marked, lint, lambda found: found.fix is not None).text == source.text
    assert fix(source, lint, lambda found: found.fix is not None).text == source.text


@pytest.mark.parametrize(
    ("wrong", "right", "help"),
    [
        ("[compute]\ngpu_cout = 8\n", "[compute]\ngpu_count = 8\n", "did you mean `gpu_count`?"),
        (
            "[jbo]\nmodel = 'n'\n",
            "[job]\nmodel = 'n'\n",
            "did you mean `[job]`? `model` belongs at `job.model`",
        ),
        ("compute.model = 'n'\n", "\n[job]\nmodel = 'n'\n", "it belongs at `job.model`"),
    ],
)
def test_a_name_that_only_the_base_has_is_free(tmp_path: Path, wrong: str, right: str, help: str) -> None:
    (tmp_path / "base.toml").write_text(f"schema_version = 2\n{JOB}gpu_count = 1\n")
    head = 'schema_version = 2\nextends = "base.toml"\n'
    source = Source(str(tmp_path / "c.toml"), head + wrong)
    assert [found.help for found in lint(source)] == [help]
    assert fix(source, lint, lambda found: found.fix is not None).text == head + right


def test_a_text_with_unseen_characters_where_a_table_belongs_has_a_finding() -> None:
    assert errors(f'{JOB}[hyperparameters]\nparallelism = "\\u0019a"\n')


def test_an_older_key_whose_value_is_wrong_is_not_replaced() -> None:
    text = f'schema_version = 2\n{JOB}[training]\nuse_qlora = "true"\n'
    assert fixed(text) == text
    assert fixed(text, unsafe=True) == text.replace('use_qlora = "true"', 'mode = "qlora"')


def test_a_mode_of_the_base_is_not_replaced_by_an_older_key(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(f"schema_version = 2\n{JOB}[training]\nmode = 'full'\n")
    text = 'schema_version = 2\nextends = "base.toml"\n[training]\nuse_qlora = true\n'
    found = lint(Source(str(tmp_path / "c.toml"), text))
    assert [each.fix for each in found if each.id == "legacy-key"] == [None]


def test_a_key_with_a_wrong_value_keeps_its_older_name_until_the_value_is_right() -> None:
    text = JOB + "[job.data_path]\n"
    assert [(found.id, found.fix) for found in lint(Source("c.toml", text))] == [
        ("wrong-type", None),
        ("older-name", None),
    ]
    assert fixed("[job]\nmodel = 'm'\ndata_path = 'd'\n") == "[job]\nmodel = 'm'\ndata = 'd'\n"


def test_a_fix_that_causes_another_error_is_not_applied() -> None:
    text = JOB + 'gpu_count = 2.0\n[hyperparameters]\nn_epochs = "0"\n'
    assert fixed(text, unsafe=True) == text.replace("2.0", "2")


@given(config=valid.flatmap(spoiled), unsafe=st.booleans(), newline=st.sampled_from(["\n", "\r\n"]))
def test_fixing_adds_no_errors_and_terminates(config: dict[str, Any], *, unsafe: bool, newline: str) -> None:
    text = toml(config).replace("\n", newline)
    after = fixed(text, unsafe=unsafe)
    assert errors(after) <= errors(text)
    assert fixed(after, unsafe=unsafe) == after
    assert after.count("\r\n") == (after.count("\n") if newline == "\r\n" else 0)


@given(valid.flatmap(spoiled))
def test_a_fix_changes_only_its_spans(config: dict[str, Any]) -> None:
    source = Source("c.toml", toml(config))
    fixable = [found for found in lint(source) if found.fix]
    assume(fixable)
    for found in fixable:
        assert found.fix
        after = apply_fixes(source, [found.fix]).text
        rest = "".join(source.text[a:b] for a, b in outside(found, len(source.text)))
        for edit in found.fix.edits:
            after = after.replace(edit.text, "", 1)
        assert len(after) == len(rest)
        assert (found.id, found.path) not in {
            (each.id, each.path) for each in lint(apply_fixes(source, [found.fix]))
        }


def outside(found: Finding, length: int) -> list[tuple[int, int]]:
    assert found.fix
    edges = [0]
    for edit in sorted(found.fix.edits, key=lambda edit: edit.span.start):
        edges += [edit.span.start, edit.span.end]
    edges.append(length)
    return list(zip(edges[::2], edges[1::2], strict=True))


@given(valid)
def test_a_valid_config_is_not_changed(config: dict[str, Any]) -> None:
    text = toml(config)
    assert not errors(fixed(text, unsafe=True))
    if not any(each.fix for each in lint(Source("c.toml", text))):
        assert fixed(text, unsafe=True) == text


@pytest.mark.parametrize(
    ("text", "id", "at"),
    [
        ("[job]\nbase_model = 'm'\n[compute]\ngpu_type = 'H'\n", "missing-key", "base_model"),
        ("[job]\nmodel = 'm'\n[compute]\ngpu = 'H'\n", "missing-gpu-type", "gpu"),
        ("[job]\nmodel = 'm'\ngpu = 'H'\n", "missing-gpu-type", "gpu"),
        ("[JOB]\nmodel = 'm'\n[compute]\ngpu_type = 'H'\n", "missing-key", "JOB"),
        ("[JOB]\nMODEL = 'm'\n[compute]\ngpu_type = 'H'\n", "missing-key", "JOB"),
        ("[jbo]\nmodel = 'm'\n[compute]\ngpu_type = 'H'\n", "missing-key", "jbo"),
        ("[[Job]]\nmodel = 'm'\n[compute]\ngpu_type = 'H'\n", "missing-key", "Job"),
        ("Job.model = 'm'\nJob.data = 'd'\n[compute]\ngpu_type = 'H'\n", "missing-key", "Job"),
        ("[job]\n[model]\nname = 'm'\n[compute]\ngpu_type = 'H'\n", "missing-key", "model"),
        ("[sft.job]\nmodel = 'm'\n[compute]\ngpu_type = 'H'\n", "missing-key", "sft"),
        ("model = 'm'\n[job]\n[compute]\ngpu_type = 'H'\n", "missing-key", "model"),
        ("modle = 'm'\n[job]\n[compute]\ngpu_type = 'H'\n", "missing-key", "modle"),
        ("[job]\n[compute]\ngpu_type = 'H'\nModel = 'm'\n", "missing-key", "Model"),
        ("[config]\nmodel = 'm'\ngpu_type = 'H'\n", "missing-key", "config"),
        ("[job]\nmodel = 'm'\n[Compute]\ngpu_type = 'H'\n", "missing-gpu-type", "Compute"),
        (JOB + "[training]\nuse_qlora = '${X}'\n", "wrong-type", "'${X}'"),
        (JOB + "gpu_count = ' 1 '\n", "wrong-type", "' 1 '"),
        (
            "schema_version = 2\n" + JOB + "[hyperparameters]\noptimizer = 'adam'\nadam_beta1 = 0.8\n",
            "value-not-allowed",
            "'adam'",
        ),
        ("schema_version = 2\n" + JOB + "[tracking]\nto = 'wandb'\nproject = 'p'\n", "wrong-type", "'wandb'"),
        ("schema_version = 2\n" + JOB + "[training]\nmode = '${MODE}'\n", "value-not-allowed", "'${MODE}'"),
    ],
)
def test_one_cause_is_one_finding(text: str, id: str, at: str) -> None:
    assert [(found.id, found.span.text) for found in lint(Source("c.toml", text))] == [(id, at)]


def test_each_wrong_name_is_one_finding_with_what_it_was_meant_to_be() -> None:
    text = "[JOB]\nmodel = 'm'\n[Compute]\ngpu_type = 'H'\n"
    found = lint(Source("c.toml", text))
    assert [(each.id, each.path) for each in found] == [
        ("missing-key", ("job", "model")),
        ("missing-gpu-type", ("compute", "gpu_type")),
    ]
    assert [each.span.line for each in found] == [1, 3]


def test_two_causes_are_two_findings() -> None:
    text = "[JOB]\ndata = 'd'\n[compute]\ngpu_type = 'H'\n"
    assert [found.id for found in lint(Source("c.toml", text))] == ["missing-key", "unknown-table"]
    text = "[job]\nModel = 'm'\nbase_model = 'm'\n[compute]\ngpu_type = 'H'\n"
    assert [found.id for found in lint(Source("c.toml", text))] == ["missing-key", "unknown-key"]


@pytest.mark.parametrize("names", ["trl", "trl,llamafactory"])
@pytest.mark.parametrize("job", ["[job]\nmodel = 'm'\nData = 'd'", "[JOB]\nmodel = 'm'\ndata = 'd'"])
def test_one_cause_is_one_finding_for_any_number_of_targets(job: str, names: str) -> None:
    text = f"schema_version = 2\n{job}\n[compute]\ngpu_type = 'H'\n"
    targets = [PACKAGED.target(name) for name in names.split(",")]
    found = [each for each in lint(Source("c.toml", text), targets=targets) if each.severity.value != "note"]
    assert len(found) == 1
    assert " is unknown" in found[0].message
    assert ", and `job." in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "[Job]\nmodel = 'm'\n[compute]\ngpu_type = 'H'\n",
        "Job.model = 'm'\nJob.data = 'd'\n[compute]\ngpu_type = 'H'\n",
        "[Job]\nmodel = 'm'\n[Job.metadata]\na = 1\n[compute]\ngpu_type = 'H'\n",
        JOB + "[Hyperparameters]\nn_epochs = 1\n[Hyperparameters.parallelism]\nbf16 = true\n",
    ],
)
def test_a_table_is_renamed_wherever_it_is_named(text: str) -> None:
    [renamed] = [each for each in lint(Source("c.toml", text)) if each.fix]
    assert renamed.fix
    after = apply_fixes(Source("c.toml", text), [renamed.fix]).text
    assert after == text.replace("Job", "job").replace("Hyper", "hyper")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("[job]\npoll_seconds = 5", ""),
        ("[hyperparameters]\nworld_size = 8", ""),
        ("[training]\nuse_qlora = true", 'mode = "qlora"'),
        ("[training]\nuse_qlora = false # all", 'mode = "full" # all'),
    ],
)
def test_legacy_keys_of_version_2_are_rewritten(line: str, key: str) -> None:
    head = "schema_version = 2\n" + JOB
    header, _, _ = line.partition("\n")
    text = head.replace("[job]", line) if header == "[job]" else head + line + "\n"
    after = fixed(text, unsafe=True)
    expected = head if header == "[job]" else f"{head}{header}\n{key}\n" if key else f"{head}{header}\n"
    assert after == expected
