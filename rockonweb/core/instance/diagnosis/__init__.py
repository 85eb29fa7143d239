"""The diagnosis of an instance: collected facts go in, results of checks come out."""
