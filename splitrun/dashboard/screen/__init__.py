"""A view as lines of exactly the width of a terminal."""

from splitrun.dashboard.screen.frame import Drawn, Frame

__all__ = ["Drawn", "Frame"]
