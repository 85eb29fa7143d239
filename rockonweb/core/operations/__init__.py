"""Operations: the request of each kind, its steps, its state transitions, its conflicts, and its estimated time."""
