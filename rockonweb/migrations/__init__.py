"""Migrations of the database's schema, their runner, and the copy of the database made before."""
