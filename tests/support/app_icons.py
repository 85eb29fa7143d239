"""Makes the bundled pictures of apps again: see script/app-icons.

It writes static/app-icons.svg with the icons that core/definition/known_apps.py names, and versions and licences below
static/vendor. It fails where a set lacks one of them: take its name out of the table, or find what it is called now.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import rockonweb
from rockonweb.core.definition.known_apps import LOGOS, PICTOGRAM_PREFIX, PICTOGRAMS

STATIC = Path(rockonweb.__file__).parent / "static"
LICENCES = {"", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "MIT"}  # that a logo may have besides that of the set
LIGHT, DARK = "#fff", "#141c1c"
MIN_CONTRAST, BARELY_LIGHT = 3.2, 2.0


def main() -> None:
    """Fetch both sets, write the sprite."""
    versions = [*sys.argv[1:], "latest", "latest"]
    with tempfile.TemporaryDirectory() as temporary:
        logos = fetch_package("simple-icons", versions[0], Path(temporary))
        pictograms = fetch_package("@mdi/svg", versions[1], Path(temporary))
        facts = {logo["slug"]: logo for logo in json.loads((logos / "data" / "simple-icons.json").read_text())}
        names = sorted(LOGOS.split())
        symbols = [draw_logo(logos, name, facts.get(name) or {}) for name in names]
        symbols += [draw_pictogram(pictograms, name) for name in sorted(PICTOGRAMS)]
        keep_licence(
            logos, "simple-icons", [f"{name}: {own_licence(facts[name])}" for name in names if own_licence(facts[name])]
        )
        keep_licence(pictograms, "mdi", [])
    sprite = (
        '<svg xmlns="http://www.w3.org/2000/svg">\n<!-- Made by script/app-icons. -->\n'
        + "\n".join(symbols)
        + "\n</svg>\n"
    )
    (STATIC / "app-icons.svg").write_text(sprite)
    print(f"{len(symbols)} icons, {len(sprite) // 1000} kB")


def fetch_package(name: str, version: str, folder: Path) -> Path:
    """Return the folder of an unpacked npm package."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.split()[-1]
    unpacked = folder / packed.removesuffix(".tgz")
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", packed, "-C", unpacked, "--strip-components", "1"], cwd=folder, check=True)
    return unpacked


def draw_logo(package: Path, name: str, facts: dict[str, object]) -> str:
    """Return a tile in the logo's colour with the logo in white, or in black where white would not stand out."""
    if own_licence(facts) not in LICENCES:
        sys.exit(f"{name} may not be used: {own_licence(facts)}")
    tile, colour = choose_colours(str(facts["hex"]))
    logo = f'<path fill="{colour}" transform="translate(9.6 9.6) scale(1.2)" d="{read_path(package / "icons", name)}"/>'
    return f'<symbol id="{name}" viewBox="0 0 48 48"><path fill="{tile}" d="M0 0h48v48H0z"/>{logo}</symbol>'


def draw_pictogram(package: Path, name: str) -> str:
    """Return a pictogram without a tile, in the colour of the text."""
    drawn = f'<path fill="currentColor" d="{read_path(package / "svg", name)}"/>'
    return f'<symbol id="{PICTOGRAM_PREFIX}{name}" viewBox="-8 -8 40 40">{drawn}</symbol>'


def read_path(folder: Path, name: str) -> str:
    """Return the outline of an icon: each is one path in a square of 24."""
    svg = (folder / f"{name}.svg").read_text()
    paths = re.findall(r'<path(?: fill="[^"]*")? d="([^"]+)"', svg)
    if len(paths) != 1 or 'viewBox="0 0 24 24"' not in svg:
        sys.exit(f"{name} is drawn otherwise than the others")
    return str(paths[0])


def own_licence(facts: dict[str, object]) -> str:
    """Return the licence that a logo has besides that of the set."""
    licence = facts.get("license")
    return str(licence.get("type")) if isinstance(licence, dict) else ""


def choose_colours(colour: str) -> tuple[str, str]:
    """Return the colours of tile and logo. A tile on which white barely stands out is darkened until it does."""
    channels = [int(colour[at : at + 2], 16) for at in (0, 2, 4)]
    if white_contrast(channels) < BARELY_LIGHT:
        return f"#{colour.lower()}", DARK
    while white_contrast(channels) < MIN_CONTRAST:
        channels = [int(channel * 0.98) for channel in channels]
    return "#" + "".join(f"{channel:02x}" for channel in channels), LIGHT


def white_contrast(channels: list[int]) -> float:
    """Return the contrast of white on a colour as WCAG defines it."""
    linear = [c / 12.92 if (c := channel / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for channel in channels]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def keep_licence(package: Path, folder_name: str, own_licences: list[str]) -> None:
    """Write a set's version and licence, and the licences that some of its logos have besides."""
    facts = json.loads((package / "package.json").read_text())
    folder = STATIC / "vendor" / folder_name
    folder.mkdir(exist_ok=True)
    (folder / "VERSION").write_text(
        f"npm package: {facts['name']}@{facts['version']}\nlicence: {facts['license']}\n"
        "files: ../../app-icons.svg has the icons that core/definition/known_apps.py names, made by script/app-icons\n"
    )
    licence = next(path for path in package.iterdir() if path.name.startswith("LICENSE"))
    (folder / "LICENSE").write_text(licence.read_text())
    if own_licences:
        head = "The logos belong to their projects. These have a licence besides that of the set:\n"
        (folder / "LOGOS").write_text(head + "\n".join(own_licences) + "\n")


if __name__ == "__main__":
    main()
