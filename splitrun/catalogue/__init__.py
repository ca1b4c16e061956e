"""The runs of a directory: what each says of itself, which are wanted, and which are to go.

    entry       a run, comparison, valuation or bench as one line of a list
    reading     from directories to entries
    older       the specs of runs whose manifest does not tell them
    keys        what can be asked of an entry by name, and conditions on it
    order       the best first, and what differs
    address     from what a user writes to a run's directory
    removal     what may be removed, and how
    next_steps  commands that make sense for one as it stands

Nothing is kept beside the runs, neither an index nor a cache: a list is what their records say at
that moment. Neither torch nor pydantic is imported.
"""
