"""What keeps the counts of attempts."""

from __future__ import annotations

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

# One web process keeps the counts, so its own memory is the place for them.
limiter = Limiter(get_remote_address, storage_uri="memory://")
