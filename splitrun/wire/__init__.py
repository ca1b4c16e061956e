"""Channels to parties on other machines: frames that are what the plan says, links that survive
their connection, and gRPC that carries them."""
