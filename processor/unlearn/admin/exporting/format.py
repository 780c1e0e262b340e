"""For which programs a model can be exported."""

from __future__ import annotations

from typing import Literal

__all__ = ["Format"]

Format = Literal["sklearn", "safetensors", "onnx"]
