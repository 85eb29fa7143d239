"""Containers: their `docker run` command lines, the users that they run as, and their networks."""
