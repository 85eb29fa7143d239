"""Operations: the request of each kind, its steps, the states that it leads through, and what it conflicts with."""
