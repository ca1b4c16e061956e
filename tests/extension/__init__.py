"""Tests of the doors: a package that extends splitrun, and packages that cannot be used."""
