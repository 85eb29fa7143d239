"""Backup, restore and export."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("backup", __name__)
