"""splitrun from Python: what `import splitrun` offers, imported when it is first used.

    given       from what a user gives, a path or a mapping and overrides, to a spec
    start       `run` and `compare`, which train
    made        `Run`, a run that was made, and `load`
    compared    `Comparison`, and `load_comparison`
    listed      `runs`, a table of a directory of runs

All of it is what the command line does, too, by the same functions. Nothing is printed on stdout;
what `splitrun` warns of on stderr is a Python warning here.
"""
