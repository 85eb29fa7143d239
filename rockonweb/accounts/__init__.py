"""User accounts, login sessions, API tokens, two-factor authentication, and the audit log."""
