"""A typed schema of every file that is written, beside events, weights and states; no torch.

Writers make these records, and whoever reads a file decodes the same ones. A `…Record` is what a
file says of something that has another form while it is computed.
"""
