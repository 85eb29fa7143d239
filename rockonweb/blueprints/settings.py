"""Settings of an installed rock-on: look, change, review, apply."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("settings", __name__)
