"""What a definition's option must be: one flag of `docker run` with its value, and none that is not for definitions."""

from __future__ import annotations

from rockonweb.core.docker.cli_env import steers
from rockonweb.core.docker.run_options import OUR_LABEL, Flag, parts
from rockonweb.core.text import t

# What no definition may say: these are the project's own, or reach for files of the host that nobody is shown.
REFUSED = {
    "cidfile": t("would write a file of this host"),
    "env-file": t('would read a file of this host; name the variables by "-e"'),
    "help": t("makes no container"),
    "label-file": t('would read a file of this host; name the labels by "--label"'),
    "name": t("is not for definitions: a container is called by its key"),
    "rm": t("would remove the container and its volumes when it ends"),
}
LONGEST = 10_000  # characters of a value; the kernel takes no word above 128 KiB


def option_fault(flag: str, value: str) -> str:
    """Return why an option is not one flag of `docker run` with its value, blank when it is."""
    if not flag.startswith("-"):
        return t('"%(flag)s" is no option, and would be taken as the image', flag=flag[:60])
    if flag.strip("-") == "" or flag.startswith("---"):
        return t('"%(flag)s" is no option', flag=flag[:60])
    if len(flag) > LONGEST or len(value) > LONGEST:
        return t("is longer than %(most)s characters", most=LONGEST)
    given = value if value.strip() else ""
    wants = False
    for part in parts(flag):
        wants = part.wants
        if fault := _part_fault(part, given):
            return fault
    if given and not wants:
        return t(
            '"%(flag)s" is whole without "%(value)s", which would be taken as the image',
            flag=flag[:60],
            value=given[:60],
        )
    if wants and not given:
        return t('"%(flag)s" needs a value, and would take the next word as it', flag=flag[:60])
    return ""


def _part_fault(part: Flag, given: str) -> str:
    name = part.name[:60] if part.name.startswith("-") else f"--{part.name[:60]}"  # a letter has its own dash
    if not part.known:
        return t('"%(flag)s" is no option of docker run', flag=name)
    if why := REFUSED.get(part.name):
        return t('"%(flag)s" %(why)s', flag=name, why=why)
    word = given if part.wants else part.value
    if part.name == "env" and "=" not in word and steers(word):  # of other names the client knows nothing
        return t('"%(name)s" has no value, and would be taken from the environment of Rockonweb itself', name=word[:60])
    if part.name == "label" and word.strip().startswith(OUR_LABEL):
        return t('labels that begin with "%(word)s" are not for definitions', word=OUR_LABEL)
    return ""
