"""What staleness costs in accuracy, and how much of it each compensation wins back.

A cell is one whole training: a dataset, an optimizer, a depth, a rule and a seed. It is compared
with the sequential training of the same seed: the same split, initial weights and batch order.
"""
