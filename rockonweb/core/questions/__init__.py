"""The questions to users: the install wizard, the settings, and suggestions for the answers."""
