"""What one container comes to: its `docker run`, whose files it writes, and the networks that it is on."""
