"""Decides and touches nothing: no Flask, no database, no Docker, no clock."""
