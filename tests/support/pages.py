"""What tests read of a page as it was served."""

import re
from html import unescape


def visible_text(html: str) -> str:
    """The text of a page as somebody reads it, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def field_errors(html: str) -> list[str]:
    """The sentences beside the fields of a form."""
    lists = re.findall(r'<ul class="field-errors".*?</ul>', html, re.DOTALL)
    errors = [
        item for error_list in lists for item in re.findall(r"<li>(?:<svg.*?</svg>)?(.*?)</li>", error_list, re.DOTALL)
    ]
    return [unescape(item).strip() for item in errors]


def find_pattern(pattern: str, html: str) -> str:
    """What stands there of a pattern: its first group, or all of it where it has none."""
    match = re.search(pattern, html, re.DOTALL)
    assert match, f"{pattern} is not in {html}"
    return unescape(match[match.re.groups and 1])
