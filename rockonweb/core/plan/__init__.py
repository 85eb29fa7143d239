"""Plans: what an operation will do, decided before it starts, for install, change and rollback."""
