"""Command lines that cannot be, and what their users are told."""

from __future__ import annotations

HELP = "Usage: splitrun …\nTry 'splitrun{} -h' for help.\n\nError: "

COMMAND_LINES: dict[str, tuple[list[str], str]] = {
    "an unknown command": (
        ["trian", "trial.yaml"],
        HELP.format("") + "No such command 'trian'.…",
    ),
    "an unknown option": (
        ["train", "trial.yaml", "--run-dir", "x"],
        HELP.format(" train") + "No such option: --run-dir…--runs-dir…",
    ),
    "an option without value": (
        ["train", "trial.yaml", "--runs-dir"],
        "…Option '--runs-dir' requires an argument.",
    ),
    "a number for a deletion": (
        ["train", "trial.yaml", "-seed"],
        HELP.format(" train") + "No such option: -s…",
    ),
    "no spec": (["train"], HELP.format(" train") + "Missing argument 'SPEC'."),
    "no run": (["eval"], HELP.format(" eval") + "Missing argument 'RUN'."),
    "an argument too many": (
        ["schema", "trial.yaml"],
        HELP.format(" schema") + "Got unexpected extra argument… (trial.yaml)",
    ),
    "an unknown way to show progress": (
        ["train", "trial.yaml", "--progress", "fancy"],
        HELP.format(" train")
        + "Invalid value for '--progress': …'fancy' is not one of 'auto', 'bar', 'plain', 'none'.",
    ),
    "a codec that there is none of": (
        ["compare", "trial.yaml", "--codecs", "int8,zip"],
        HELP.format(" compare")
        + "Invalid value for --codecs: 'zip' is not one of none, fp16, bf16, int8",
    ),
    "a spec that is not there": (
        ["train", "trail.yaml"],
        "trail.yaml: no such file; did you mean trial.yaml?",
    ),
    "a directory for a spec": (
        ["plan", "."],
        ".: is a directory; name a file, such as trial.yaml",
    ),
    "a data file for a spec": (
        ["validate", "rows.csv"],
        "rows.csv:1:1: is 'age,job,income,city,y …, not a mapping; a spec is a mapping: …",
    ),
    "a file for the runs' directory": (
        ["train", "trial.yaml", "--progress", "none", "--runs-dir", "rows.csv"],
        "rows.csv: cannot be written: File exists; give another --runs-dir",
    ),
    "a file above the runs' directory": (
        ["train", "trial.yaml", "--progress", "none", "--runs-dir", "rows.csv/runs"],
        "rows.csv/runs: cannot be written: Not a directory; give another --runs-dir",
    ),
    "a run that is not there": (
        ["eval", "nowhere"],
        "nowhere: no such directory; give one that `splitrun train` has written",
    ),
    "a file for a run": (
        ["eval", "rows.csv"],
        "rows.csv: not a run directory; give one that `splitrun train` has written",
    ),
    "an empty directory for a run": (
        ["eval", "empty"],
        "empty: not a run directory; give one that `splitrun train` has written",
    ),
}
