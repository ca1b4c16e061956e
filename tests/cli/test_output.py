"""What commands print: the result on stdout, the rest on stderr, and nothing cut or padded."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from splitrun import session
from splitrun.cli.app import run
from tests.cli.trial import ROWS, SPEC, SYNTHETIC, spec, write

LOADING = "loading data and models …\n"


@pytest.fixture(autouse=True)
def _trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPLITRUN_DATA_DIR", raising=False)
    write(tmp_path, {"trial.yaml": SPEC, "rows.csv": ROWS})


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """stdout and stderr of a command line that ends well."""
    assert run(arguments) == 0
    captured = capsys.readouterr()
    return captured.out, captured.err


def programs(text: str) -> Sequence[str]:
    """The lines of a plan that show programs."""
    _, _, tail = text.partition("Programs")
    return [line for line in tail.splitlines() if line.startswith("  ")]


# --- train and eval ------------------------------------------------------------------------------


def test_train_says_at_once_that_it_is_loading(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys, "train", "trial.yaml", "--progress", "plain", "--json")
    assert json.loads(out)["steps"] == 4
    assert err.startswith(LOADING)


def test_train_without_progress_says_nothing_but_the_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, err = printed(capsys, "train", "trial.yaml", "--progress", "none")
    assert err == ""


def test_eval_prints_the_run_and_below_it_the_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    summary, _ = printed(capsys, "train", "trial.yaml", "--progress", "none")
    (run_dir,) = Path("runs").iterdir()
    out, _ = printed(capsys, "eval", str(run_dir))
    first, second = out.splitlines()
    assert first == str(run_dir)
    assert second.startswith("  test     loss 0.")
    assert second in summary.splitlines()


@pytest.mark.parametrize(
    "arguments", [["train", "trial.yaml", "--progress", "none"], ["plan", "trial.yaml"]]
)
def test_an_interrupt_while_loading_is_said_in_a_word(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "prepare", interrupted)
    assert run(arguments) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "interrupted\n"


# --- plan ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", [[], ["pipeline.schedule=stale", "pipeline.depth=3"]])
def test_a_plan_that_is_piped_is_neither_wrapped_nor_padded(
    overrides: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = printed(capsys, "plan", "trial.yaml", *overrides)
    lines = out.splitlines()
    assert lines[1].endswith("the pipeline drains 1×")
    assert all(line == line.rstrip() for line in lines)
    assert "\n\n\n" not in out


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_programs_line_ends_with_a_whole_instruction_and_an_ellipsis(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "trial.yaml",
        "pipeline.schedule=microbatch",
        "pipeline.micro_batches=4",
        "training.epochs=3",
    ]
    out, _ = printed(capsys, "plan", *arguments, "--json")
    sketches = json.loads(out)["sketches"]
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out, _ = printed(capsys, "plan", *arguments)
    for line in programs(out):
        role, *instructions, last = line.split()
        assert last == "…"
        assert instructions == sketches[role][: len(instructions)]
        assert len(line) <= columns
        assert len(instructions) == 24 or len(line) + 6 > columns


def test_a_short_program_is_shown_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, "plan", "trial.yaml")
    assert programs(out)[-1] == "  alice.top     L0 U0 L1 U1 L2 U2 L3 U3"


def test_depths_that_differ_are_both_told(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        Path.cwd(), {"trial.yaml": spec(("bob: {bottom", "bob: {depth: 5, bottom"), of=SYNTHETIC)}
    )
    out, _ = printed(capsys, "plan", "trial.yaml", "pipeline.schedule=stale", "pipeline.depth=3")
    assert out.startswith("trial: stale, depths 3 to 5\n")
    out, _ = printed(capsys, "plan", "trial.yaml", "pipeline.schedule=stale", "pipeline.depth=5")
    assert out.startswith("trial: stale, depth 5\n")


def test_plan_and_train_say_how_the_data_were_read_in_words_and_as_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = (
        "alice: 1 numeric column and 1 categorical column (job: 2 values); 3 inputs\n"
        "bob: 1 numeric column and 1 categorical column (city: 2 values); 3 inputs\n"
        "label y: 'yes' counts as 1: 14 of 32 training rows (43.8 %) "
        "and 2 of 8 test rows (25.0 %)\n"
    )
    _, err = printed(capsys, "plan", "trial.yaml")
    assert err == told
    _, err = printed(capsys, "train", "trial.yaml", "--progress", "plain")
    assert told in err
    _, err = printed(capsys, "train", "trial.yaml", "--progress", "none")
    assert told not in err
    data = [
        json.loads(printed(capsys, command, "trial.yaml", "--json", *options)[0])["data"]
        for command, *options in (["plan"], ["train", "--progress", "none"])
    ]
    assert data[0] == data[1]
    assert data[0]["rows"] == {"train": 32, "test": 8}
    assert data[0]["parties"]["bob"]["categorical"] == {"city": 2}
    assert data[0]["label"]["classes"]["test"] == {"no": 6, "yes": 2}


def test_a_loss_of_a_standardised_target_is_told_in_its_unit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(Path.cwd(), {"made.yaml": SYNTHETIC})
    out, err = printed(capsys, "train", "made.yaml", "top.loss=mse", "--progress", "plain")
    assert "(last epoch, in variances of label)" in out
    assert "errors and predictions in its own unit" in err
    out, _ = printed(capsys, "train", "made.yaml", "--progress", "plain")
    assert "(last epoch)" in out


def test_what_only_the_data_show_to_have_no_effect_is_told_before_the_plan_and_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warmup = "training.lr_schedule={type: cosine, warmup_steps: 4}"
    told = (
        "training.lr_schedule.warmup_steps: the warm-up never ends, and lr is never reached: "
        "the run has 4 steps; lower it\n"
    )
    commands = [["plan", "--json"], ["train", "--progress", "none"]]
    for command, *options in commands:
        _, err = printed(capsys, command, "trial.yaml", warmup, *options)
        assert err.startswith(f"warning: override {warmup!r}:1:")
        assert err.endswith(told)
        assert err.count("warning") == 1
    _, err = printed(capsys, "plan", "trial.yaml", warmup, "training.epochs=2")
    assert "warning" not in err
    write(Path.cwd(), {"made.yaml": SYNTHETIC})
    _, err = printed(capsys, "plan", "made.yaml", "checkpoint.every_steps=10")
    assert err.count("no checkpoint is ever taken: the run has 10 steps") == 1
    _, err = printed(capsys, "plan", "trial.yaml", "checkpoint.every_steps=4")
    assert err.count("no checkpoint is ever taken: the run has 4 steps") == 1


# --- validate ------------------------------------------------------------------------------------


def test_validate_and_plan_say_what_a_schedule_means_where_a_run_may_stop_early(
    capsys: pytest.CaptureFixture[str],
) -> None:
    note = "note: training.lr_schedule is laid out over all of training.epochs, and a run that"
    given = ["trial.yaml", "dataset.validation_fraction=0.2", "training.early_stopping.patience=2"]
    cosine = "training.lr_schedule=cosine"
    assert note in printed(capsys, "validate", *given, cosine)[1]
    out, err = printed(capsys, "plan", *given, cosine)
    assert note in err
    assert out.splitlines()[1].startswith("at most ")
    assert note not in printed(capsys, "validate", *given)[1]
    assert note not in printed(capsys, "validate", "trial.yaml", cosine)[1]


def test_validate_notes_that_a_public_file_will_be_downloaded(
    bank_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = spec(
        ("type: csv, path: rows.csv, label: y", "type: bank_marketing"),
        ("[age, job]", "[age, education]"),
        ("[income, city]", "[balance, loan]"),
    )
    write(Path.cwd(), {"trial.yaml": bank})
    out, err = printed(capsys, "validate", "trial.yaml")
    assert out.startswith("trial.yaml: valid")
    assert err == "note: bank.csv is not here yet; plan and train download it\n"
    _, err = printed(capsys, "validate", "trial.yaml", "--data-dir", str(bank_dir))
    assert err == ""
