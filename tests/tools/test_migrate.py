"""Migration from version 1 to 2: the file means what it meant, comments and layout are kept."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sftc
from sftc.contract.versions import PACKAGED
from sftc.findings.finding import ConfigError
from sftc.text.source import Source
from sftc.tools.lint import lint
from sftc.tools.migrate import Migrated, migrate
from support.configs import odd_configs, payload_of, toml, valid

BEFORE = """\
#:schema ./sftc.schema.json
# our best run
[job]
model = "m"   # the model
poll_seconds = 5 # as in the old script

[compute]
gpu_type = "H100"

[training]
use_qlora=true  # LoRA
# rank and scale
[lora]
rank = 8 # enough
lora_alpha = 16

[hyperparameters] # figures
n_epochs    = 3 # three is enough
# not too high
learning_rate = 1e-4
weight_decay = 0.01
world_size = 8
lora_dropout = 0.1
"""
AFTER = """\
#:schema ./sftc.schema.json
schema_version = 2

# our best run
[job]
model = "m"   # the model
# as in the old script

[compute]
gpu_type = "H100"

[training]
mode="qlora"  # LoRA
# rank and scale
[training.lora]
r = 8 # enough
alpha = 16
dropout = 0.1

[hyperparameters] # figures
n_epochs    = 3 # three is enough
# not too high
learning_rate = 1e-4
weight_decay = 0.01
"""
JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n\n'


def migrated(text: str) -> Migrated:
    return migrate(Source("c", text), PACKAGED)


def test_comments_and_layout_are_kept() -> None:
    assert migrated(BEFORE).source.text == AFTER
    assert migrated(BEFORE.replace("\n", "\r\n")).source.text == AFTER.replace("\n", "\r\n")
    assert lint(Source("c", AFTER.partition("\n")[2])) == []


def test_every_change_is_reported_with_its_line_and_the_reason() -> None:
    changes = migrated(BEFORE).changes
    assert [(change.span.line, change.what) for change in changes] == [
        (1, "`schema_version = 2`"),
        (5, "`job.poll_seconds` is removed"),
        (11, '`training.use_qlora` is now `training.mode = "qlora"`'),
        (13, "`[lora]` is now `[training.lora]`"),
        (14, "`lora.rank` is now `training.lora.r`"),
        (15, "`lora.lora_alpha` is now `training.lora.alpha`"),
        (21, "`hyperparameters.weight_decay` takes effect"),
        (22, "`hyperparameters.world_size` is removed"),
        (23, "`hyperparameters.lora_dropout` is now `training.lora.dropout`"),
    ]
    assert all(change.why.endswith(".") for change in changes)


@pytest.mark.parametrize(
    ("training", "mode"),
    [
        ("use_qlora = true", "qlora"),
        ("use_qlora = false", "full"),
        ('use_qlora = true\nmode = "lora"', "qlora"),
        ('mode = "LoRA"\nuse_qlora = true', "qlora"),
        ('use_qlora = true\nmode = "sft_offline"', "qlora"),
        ('mode = "sft_offline"', "full"),
        ('mode = "full_finetune"', "full"),
        ('mode = "fft"\nuse_qlora = false', "full"),
        ('use_qlora = true\nmode = "lora"\n[hyperparameters]\ntrain_kind = "peft"', "qlora"),
        ('use_qlora = true\n[hyperparameters]\ntrain_kind = "our own"', "qlora"),
    ],
)
def test_the_switch_becomes_the_mode(training: str, mode: str) -> None:
    text = migrated(f"{JOB}[training]\n{training}\n").source.text
    assert tomllib.loads(text)["training"] == {"mode": mode}


@pytest.mark.parametrize(
    ("training", "path"),
    [
        ('mode = "lora"', "training.mode"),
        ('mode = "full"\nuse_qlora = true', "training.mode"),
        ('mode = "lora"\nuse_qlora = false', "training.mode"),
        ('mode = "our own word"\nuse_qlora = true', "training.mode"),
        ("use_qlora = 1", "training.use_qlora"),
        ('[hyperparameters]\ntrain_kind = "peft"', "hyperparameters.train_kind"),
        ('use_qlora = true\n[hyperparameters]\ntrain_kind = "fft"', "hyperparameters.train_kind"),
    ],
)
def test_a_contradiction_is_left_to_the_person_and_the_file_stays(training: str, path: str) -> None:
    text = f"{JOB}[training]\n{training}\n[lora]\nr = 8\n"
    result = migrated(text)
    assert result.source.text == text
    assert result.changes == ()
    [found] = result.problems
    assert (found.id, found.severity, ".".join(map(str, found.path))) == ("migrate-by-hand", "error", path)


FORMS = [
    ('job = {model = "m", poll_seconds = 5}\n', 'job = {model = "m"}\n'),
    ('job = {poll_seconds = 5, model = "m"}\n', 'job = {model = "m"}\n'),
    ("job.poll_seconds = 5 # s\njob.model = 'm'\n", "# s\n\njob.model = 'm'\n"),
    ("lora.r = 8\n[job]\nmodel = 'm'\n", "[job]\nmodel = 'm'\n\n[training.lora]\nr = 8\n"),
    ("[training]\nlora.rank = 8 # r\n", "[training]\nlora.r = 8 # r\n"),
    ("lora = {rank = 8}\n", "\n[training]\nlora = {r = 8}\n"),
    ("hyperparameters.lora_r = 8\n", "\n[training.lora]\nr = 8\n"),
    (
        "hyperparameters = {lora_r = 8, n_epochs = 1}\n",
        "hyperparameters = {n_epochs = 1}\n\n[training.lora]\nr = 8\n",
    ),
    ("training = {use_qlora = true, lora_r = 8}\n", None),
    ("training.use_qlora = true\ntraining.lora_r = 8\n", None),
    (
        '[training]\nuse_qlora = true\n[ "lora" ] # ours\nr = 8\n',
        '[training]\nmode = "qlora"\n[training.lora] # ours\nr = 8\n',
    ),
    ("[training.lora]\nr = 8\n[lora]\nalpha = 16\n", "[training.lora]\nr = 8\nalpha = 16\n"),
    ("[lora]\nr = 8\nrank = 8 # r\n", "[training.lora]\nr = 8\nrank = 8 # r\n"),
]


@pytest.mark.parametrize(("before", "after"), FORMS)
def test_every_form_of_toml_is_migrated(before: str, after: str | None) -> None:
    result = migrated(before)
    assert result.problems == ()
    if after:
        assert result.source.text.removeprefix("schema_version = 2\n").removeprefix(
            "\n"
        ) == after.removeprefix("\n")
    else:
        assert tomllib.loads(result.source.text)["training"] == {"mode": "qlora", "lora": {"r": 8}}
    assert migrated(result.source.text).changes == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[training]\nlora_r = 8\n[lora]\nr = 16\n",
            "`training.lora_r` is 8, but `lora.r` is 16: both are `training.lora.r` now",
        ),
        (
            "[lora]\nrank = 8\nlora_r = 16\n",
            "`lora.lora_r` is 16, but `lora.rank` is 8: both are `training.lora.r` now",
        ),
        (
            '[policy]\nmodel_name = "a"\n[job]\nmodel = "b"\n',
            '`policy.model_name` is "a", but `job.model` is "b": both are `job.model` now',
        ),
    ],
)
def test_two_values_for_one_key_are_left_to_the_person(text: str, message: str) -> None:
    result = migrated(text)
    assert result.source.text == text
    assert [(found.id, found.message) for found in result.problems] == [("migrate-by-hand", message)]


def test_the_model_of_later_configs_is_moved() -> None:
    text = migrated('[policy]\nmodel_name = "m" # base\n\n[compute]\ngpu_type = "H100"\n').source.text
    assert text == ('schema_version = 2\n\n[compute]\ngpu_type = "H100"\n\n[job]\nmodel = "m" # base\n')


@pytest.mark.parametrize(
    "table", ["lora", "peft_config", "training.lora", "training.lora_config", "hyperparameters.lora"]
)
@pytest.mark.parametrize("name", ["r", "rank", "lora_r", "lora_rank"])
def test_the_rank_takes_effect_wherever_it_was_written(table: str, name: str) -> None:
    text = migrated(f"{JOB}[{table}]\n{name} = 8\n").source.text
    values = tomllib.loads(text)
    assert values["schema_version"] == 2
    assert values["training"]["lora"] == {"r": 8}


@pytest.mark.parametrize("section", ["hyperparameters", "training"])
@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("lora_r", 8, "r"),
        ("lora_rank", 8, "r"),
        ("lora_alpha", 16, "alpha"),
        ("lora_dropout", 0.1, "dropout"),
        ("lora_target_modules", ["q_proj"], "target_modules"),
    ],
)
def test_flat_settings_of_an_adapter_are_moved_into_its_table(
    section: str, name: str, value: Any, key: str
) -> None:
    text = migrated(JOB + toml({section: {name: value}})).source.text
    assert tomllib.loads(text)["training"]["lora"] == {key: value}


@pytest.mark.parametrize(
    ("section", "line", "key"),
    [
        ("hyperparameters", 'lr_scheduler_type = "cosine"', "hyperparameters.lr_scheduler"),
        ("training", "save_steps = 50", "training.checkpoints.every_steps"),
        ("training", "weightDecay = 0.1", "hyperparameters.weight_decay"),
        ("job", 'run_name = "bot"', "job.name"),
    ],
)
def test_a_setting_of_version_2_is_moved_from_the_name_that_other_trainers_give_it(
    section: str, line: str, key: str
) -> None:
    text = JOB.replace("[job]\n", f"[job]\n{line}\n") if section == "job" else f"{JOB}[{section}]\n{line}\n"
    result = migrated(text)
    assert any(f"is now `{key}`" in change.what for change in result.changes)
    [found] = [found for found in lint(Source("c", text)) if found.id == "newer-key"]
    assert found.fix
    assert lint(Source("c", result.source.text)) == []


def test_a_name_whose_value_does_not_fit_is_left() -> None:
    text = migrated(f"{JOB}[training]\nsave_steps = 0.5\nlr = 1e-4\n").source.text
    assert tomllib.loads(text)["training"] == {"save_steps": 0.5, "lr": 1e-4}


@pytest.mark.parametrize("line", ["", "schema_version = 1 # pinned\n"])
def test_the_version_is_written_at_the_top(line: str) -> None:
    text = migrated(line + JOB).source.text
    assert text.startswith("schema_version = 2 # pinned\n[job]" if line else "schema_version = 2\n\n[job]")


def test_a_config_of_the_newest_version_stays_as_it_is() -> None:
    text = "schema_version = 2\n" + JOB
    assert migrated(text).source.text == text
    assert migrated(text).changes == ()


@pytest.mark.parametrize("text", ["a = ", "schema_version = 99\n" + JOB])
def test_what_cannot_be_read_is_not_migrated(text: str) -> None:
    with pytest.raises(ConfigError):
        migrated(text)


MODES = {None: "full", False: "full", True: "qlora"}


def newer(config: dict[str, Any]) -> dict[str, Any]:
    """Return what a valid config of version 1 is in version 2, written down by hand."""
    training = {name: value for name, value in config.get("training", {}).items() if name != "use_qlora"}
    if "training" in config and ("mode" in training or "use_qlora" in config["training"]):
        training["mode"] = MODES[config["training"].get("use_qlora")]
    renewed = {**config, "schema_version": 2}
    return renewed | ({"training": training} if "training" in config else {})


agreeing = st.sampled_from(["sft_offline", "SFT", None])


@given(valid, agreeing)
def test_a_migrated_config_compiles_to_what_it_meant(config: dict[str, Any], word: str | None) -> None:
    training = config.get("training", {})
    training.pop("mode", None)
    config.get("hyperparameters", {}).pop("train_kind", None)
    if word and "training" in config:
        training["mode"] = word
    result = migrated(toml(config))
    assert result.problems == ()
    after = newer(config)
    assert tomllib.loads(result.source.text) == after
    assert sftc.compile(result.source.text.encode()).payload == payload_of(after)
    before = sftc.compile(toml(config).encode()).payload
    assert without_mode(before) == without_mode(payload_of(after))


def without_mode(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the payload without the word for its mode, and with the switch as version 1 reads it."""
    training = payload["metadata"]["effective_config"]["training"]
    training.pop("mode", None)
    training["use_qlora"] = training.get("use_qlora", False)
    return payload


@given(valid | odd_configs)
def test_migrating_twice_changes_nothing(config: dict[str, Any]) -> None:
    once = migrated(toml(config))
    twice = migrate(once.source, PACKAGED)
    assert twice.source.text == once.source.text
    assert bool(twice.problems) == bool(once.problems)


def test_notes_stay_notes() -> None:
    notes = '[algorithm]\nname = "sft"\nweight_decay = 0.1\nlora_alpha = 4\nseed = 1\n'
    text = f"{JOB}[training]\nuse_qlora = true\n{notes}"
    assert migrated(text).source.text.endswith(notes)


@pytest.mark.parametrize(
    "more",
    [
        '[training.lora]\nr = "8"\n',
        "[lora]\nr = 8.0\n",
        '[hyperparameters]\nweight_decay = "0.1"\n',
        "[hyperparameters]\nseed = -1\n",
        "[training]\nlora = true\n",
    ],
)
def test_a_config_that_would_no_longer_compile_stays_as_it_is(more: str) -> None:
    result = migrated(JOB + more)
    assert (result.source.text, result.changes) == (JOB + more, ())
    assert result.problems
    assert all(found.is_error for found in result.problems)


@pytest.mark.parametrize("line", ["load_in_8bit = false", "load_in_4bit = false", "use_lora = true"])
def test_a_switch_of_another_trainer_is_a_hint_and_no_fix(line: str) -> None:
    [found] = lint(Source("c", f"{JOB}[training]\n{line}\n"))
    assert "training.use_qlora" in str(found.help)
    assert found.fix is None


@pytest.mark.parametrize(
    ("more", "path", "id"),
    [
        ('[training]\noptim = "adamw_torch"\n', "training.optim", "unknown-key"),
        ('[hyperparameters]\nlora_target = "all"\n', "hyperparameters.lora_target", "renamed-key"),
        ("[[lora]]\nr = 8\n", "lora", "misplaced-key"),
        ("[lora]\nr = 8\n", "training.lora", "unused-adapter"),
        ("[training]\nlora_r = 8 # sftc: ignore[newer-key]\nuse_qlora = true\n", "", "unused-suppression"),
    ],
)
def test_what_is_left_after_the_change_is_said(more: str, path: str, id: str) -> None:
    result = migrated(JOB + more)
    assert (result.problems, result.changes != ()) == ((), True)
    assert [(found.id, ".".join(map(str, found.path))) for found in result.left] == [(id, path)]


def test_a_version_inside_a_table_is_not_written_twice() -> None:
    result = migrated("[job]\nschema_version = 1 # old\nmodel = 'm'\n")
    assert result.source.text == "schema_version = 2\n\n[job]\n# old\n\nmodel = 'm'\n"
    assert (result.problems, result.left) == ((), ())


def test_a_version_inside_a_table_that_names_another_is_left_to_the_person() -> None:
    text = "[job]\nmodel = 'm'\n[training]\nschema_version = 2\n"
    [found] = migrated(text).problems
    assert (found.id, found.path) == ("migrate-by-hand", ("training", "schema_version"))


def test_an_error_is_shown_where_the_person_wrote_the_key() -> None:
    [found] = migrated("[job]\nmodel = 'm'\n\n[lora]\nr = '8'\n").problems
    assert (found.span.line, found.span.text, found.fix) == (5, "'8'", None)


def test_a_value_in_another_measure_stays() -> None:
    text = '[job]\nmodel = "m"\n[compute]\ngpu_type = "H100"\n[hyperparameters]\nmin_lr = 1e-6\n'
    migrated = migrate(Source("c.toml", text), PACKAGED)
    assert "min_lr = 1e-6" in migrated.source.text
