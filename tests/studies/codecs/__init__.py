"""What codecs of links cost in accuracy.

A cell is one whole training of `experiments/bank_full.yaml` with a codec on its link, at a depth
and a seed. It is compared with the training without a codec at the same depth and seed: the same
split, initial weights and batch order.
"""
