"""Readers under fire: whatever a file holds, they give a value or an error of splitrun's own."""
