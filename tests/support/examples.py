"""How many examples hypothesis makes for a test: as many as it says, and a tenth of them with `--quick`."""

from typing import Any

from hypothesis import settings

QUICK = "quick"  # the name of the profile


def example_settings(count: int, **options: Any) -> settings:
    """The settings of a test that wants `count` examples; `options` as for `hypothesis.settings`."""
    quick = settings.get_current_profile_name() == QUICK
    return settings(max_examples=max(count // 10, 5) if quick else count, **options)
