"""Numbers that only one test session on this machine uses at a time: ports and address ranges.

A claim is an abstract Unix socket: the kernel lets one process bind a name, and frees it when that process
ends, however it ends. No lock file stays behind.
"""

import random
import socket

_held_sockets: list[socket.socket] = []  # closed by the end of the process

# Below the range from which the kernel takes ports for outgoing connections.
_PORTS = range(20000, 32000)


def claim_name(name: str) -> bool:
    """Take `name` until this process ends. False when another process, or this one, has it."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind(f"\0rockonweb-test/{name}")
    except OSError:
        holder.close()
        return False
    _held_sockets.append(holder)
    return True


def free_port() -> int:
    """A TCP port that nothing listens on, and that no other call in any session is given."""
    for port in random.sample(_PORTS, 500):
        if is_bindable(port) and claim_name(f"port-{port}"):
            return port
    raise RuntimeError("No free TCP port found among 500 tried")


def is_bindable(port: int) -> bool:
    """Whether nothing has a TCP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connection is only fading away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
