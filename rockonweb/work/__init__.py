"""What happens in the background: operations, their queue, and the processes that run them."""
