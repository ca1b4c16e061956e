"""A user's class: what it may do, tried before it is trained, and looked at while it is.

`probe` finds out what a plan needs to know, on instances made for it (`trial`); `stashing`,
`slicing` and `resuming` try whether it learns the same with batches in flight, in micro-batches,
and from a checkpoint. `recomputation` runs steps again during the run. What a class keeps beside
tensors, `python_state` sees and `python_capture` puts back; `surroundings` belong to all parties.
"""
