"""The database's schema: its migrations, how they are run, and the copy that is kept before."""
