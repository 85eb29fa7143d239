"""Pure functions and data: no Flask, no database, no Docker, no clock."""
