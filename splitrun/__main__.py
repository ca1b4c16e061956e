"""`python -m splitrun`."""

from splitrun.cli.app import main

main()
