"""Apps that come from elsewhere: a parser for each source, and the conversion to a definition with answers."""
