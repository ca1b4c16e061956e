"""Parties as actors of a Ray cluster: Ray places and starts them, and what they say to each other
goes over the same encrypted streams as between organisations."""
