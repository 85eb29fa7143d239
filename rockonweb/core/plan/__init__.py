"""What an operation will do, decided before it is done: install, change, rollback."""
