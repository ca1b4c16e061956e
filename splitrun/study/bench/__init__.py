"""`bench`: how fast an experiment runs, over a grid of its settings, and whether it runs on and on.

`grid` and `presets` say which cells there are, `lineup` finds out which can be run, `measure` times
one, `reliability` says what is suspicious about its readings, `store` keeps what is done, `sweep`
goes through all of them. `soak` makes one long run, which `steadiness` judges.
"""
