"""What a person answered: the values of a definition's questions, and the names of the fields that ask them."""
