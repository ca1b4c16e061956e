"""Modules with habits, a file for each theme. They import nothing but what users would."""
