"""Habits of users' modules, and what is right for each."""
