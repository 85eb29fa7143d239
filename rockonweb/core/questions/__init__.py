"""What people are asked: the install wizard, the settings, and suggestions for the answers."""
