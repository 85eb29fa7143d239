"""The instance as a whole: its diagnosis, alerts, metrics, and notifications."""
