"""Background work: operations, their queue, and the processes that run them."""
