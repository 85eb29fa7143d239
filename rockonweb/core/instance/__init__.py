"""How the whole instance is: its diagnosis, what needs attention, metrics, and notifications."""
