"""Validation of a definition's options: each is one flag of `docker run` with its value, and one that is allowed."""

from __future__ import annotations

from rockonweb.core.docker.cli_env import affects_docker_cli
from rockonweb.core.docker.run_options import LABEL_PREFIX, Flag, split_flags
from rockonweb.core.text import t

# Flags that no definition may use: Rockonweb sets them itself, or they access files of the host unseen by the user.
FORBIDDEN_FLAGS = {
    "cidfile": t("would write a file on this host"),
    "env-file": t('would read a file on this host; set the variables with "-e"'),
    "help": t("does not create a container"),
    "label-file": t('would read a file on this host; set the labels with "--label"'),
    "name": t("is not allowed in definitions: a container is named after its key"),
    "rm": t("would remove the container and its volumes when it stops"),
}
MAX_VALUE_LENGTH = 10_000  # characters of a value; the kernel takes no argument above 128 KiB


def option_fault(flag: str, value: str) -> str:
    """Return why an option is not one flag of `docker run` with its value, blank when it is."""
    if not flag.startswith("-"):
        return t('"%(flag)s" is not an option and would be read as the image', flag=flag[:60])
    if flag.strip("-") == "" or flag.startswith("---"):
        return t('"%(flag)s" is not an option', flag=flag[:60])
    if len(flag) > MAX_VALUE_LENGTH or len(value) > MAX_VALUE_LENGTH:
        return t("is longer than %(most)s characters", most=MAX_VALUE_LENGTH)
    argument = value if value.strip() else ""
    needs_argument = False
    for parsed_flag in split_flags(flag):
        needs_argument = parsed_flag.takes_next
        if fault := _flag_fault(parsed_flag, argument):
            return fault
    if argument and not needs_argument:
        return t(
            '"%(flag)s" is complete without "%(value)s", which would be read as the image',
            flag=flag[:60],
            value=argument[:60],
        )
    if needs_argument and not argument:
        return t('"%(flag)s" needs a value and would use the next word as its value', flag=flag[:60])
    return ""


def _flag_fault(flag: Flag, argument: str) -> str:
    name = flag.name[:60] if flag.name.startswith("-") else f"--{flag.name[:60]}"  # an unknown short flag has its dash
    if not flag.takes_next and flag.value[:1].isspace():  # "-v /a:/b" in one word
        return t('"%(flag)s" is not an option of docker run', flag=f"-{flag.spelling[:60].lstrip('-')}")
    if not flag.is_known:
        return t('"%(flag)s" is not an option of docker run', flag=name)
    if why := FORBIDDEN_FLAGS.get(flag.name):
        return t('"%(flag)s" %(why)s', flag=name, why=why)
    setting = argument if flag.takes_next else flag.value
    # The CLI gets only such names from Rockonweb's environment.
    if flag.name == "env" and "=" not in setting and affects_docker_cli(setting):
        return t('"%(name)s" has no value and would be read from Rockonweb\'s own environment', name=setting[:60])
    if flag.name == "label" and setting.strip().startswith(LABEL_PREFIX):
        return t('labels that start with "%(word)s" are not allowed in definitions', word=LABEL_PREFIX)
    return ""
