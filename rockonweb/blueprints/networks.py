"""Rocknets: the networks that a person makes for containers."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("networks", __name__)
