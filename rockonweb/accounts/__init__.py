"""Who may use the instance: accounts, sessions, tokens, the second step of a login, and the audit of what they did."""
