"""The stand-in apps, as a person meets them."""

import time
from collections.abc import Callable

import requests


def fetch_app_page(port: int) -> str:
    """The app's page on a port of this machine, as soon as it is served."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return requests.get(f"http://127.0.0.1:{port}/", timeout=5).text
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def nothing_answers(port: int) -> bool:
    """Whether nobody answers on a port of this machine."""
    try:
        requests.get(f"http://127.0.0.1:{port}/", timeout=5)
    except requests.ConnectionError:
        return True
    return False


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)
