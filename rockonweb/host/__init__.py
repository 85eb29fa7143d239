"""The machine: its Docker Engine, its shares, its ports, and how our containers on it are."""
