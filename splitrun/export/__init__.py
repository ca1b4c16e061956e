"""Trained roles as files that need neither splitrun nor PyTorch: ONNX, encoders as JSON, a reader.

What is exported is what a run's directory has: of a party's own run, that party's roles alone.
"""

from splitrun.export.files import Exported, export, export_role

__all__ = ["Exported", "export", "export_role"]
