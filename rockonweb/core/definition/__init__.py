"""Rock-on definitions: parsed, checked, described for the catalogue, searched and compared."""
