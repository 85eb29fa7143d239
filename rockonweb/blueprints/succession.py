"""A newer definition of an installed rock-on, or its successor under another name: look, accept, ignore."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("succession", __name__)
