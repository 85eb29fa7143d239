"""What the outside meets: the pages, the command line's Flask side, and what every answer carries."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Add blueprints, extensions and error pages to the application."""
