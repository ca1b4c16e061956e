"""Every party of a job in a process of its own on this machine, over shared memory."""
