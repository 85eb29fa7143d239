"""Backups of apps' data with restic: its command lines, what it prints, when a backup is due, what it leaves out."""
