"""A user's answers to a definition's questions, and the names of the form fields that ask them."""
