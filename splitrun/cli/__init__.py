"""The command line: `train`, `compare`, `bench`, those about a spec, and those about a run."""
