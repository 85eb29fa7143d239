"""Titles of operations and of their outcomes, as translatable texts."""

from __future__ import annotations

from rockonweb.core.text import fill_template, join_texts, t
from rockonweb.models import Kind, Operation, Progress

KIND_TITLES = {
    Kind.INSTALL: t("Install"),
    Kind.START: t("Start"),
    Kind.STOP: t("Stop"),
    Kind.RESTART: t("Restart"),
    Kind.CHANGE: t("Change"),
    Kind.UPDATE: t("Update"),
    Kind.REHEARSE: t("Rehearsal"),
    Kind.UNINSTALL: t("Uninstall"),
    Kind.ACTION: t("Task"),
    Kind.REFRESH: t("Catalogue refresh"),
    Kind.CREATE_NETWORK: t("Create network"),
    Kind.CHANGE_NETWORK: t("Change network"),
    Kind.REMOVE_NETWORK: t("Remove network"),
    Kind.BACKUP_DATA: t("Data backup"),
    Kind.RESTORE_DATA: t("Data restore"),
    Kind.UNREADABLE: t("An operation that can't be read"),
}
ROLLBACK_TITLE = t("Roll back")
# By outcome: done, failed.
ENDED_TITLES = {
    Kind.INSTALL: (t("%(name)s was installed"), t("%(name)s could not be installed")),
    Kind.START: (t("%(name)s was started"), t("%(name)s could not be started")),
    Kind.STOP: (t("%(name)s was stopped"), t("%(name)s could not be stopped")),
    Kind.RESTART: (t("%(name)s was restarted"), t("%(name)s could not be restarted")),
    Kind.CHANGE: (t("%(name)s was changed"), t("%(name)s could not be changed")),
    Kind.UPDATE: (t("%(name)s was updated"), t("%(name)s could not be updated")),
    Kind.REHEARSE: (t("The rehearsal of %(name)s held"), t("The rehearsal of %(name)s failed")),
    Kind.UNINSTALL: (t("%(name)s was uninstalled"), t("%(name)s could not be uninstalled")),
    Kind.ACTION: (t("The task of %(name)s is done"), t("The task of %(name)s failed")),
    Kind.REFRESH: (t("The catalogue was refreshed"), t("The catalogue could not be refreshed")),
    Kind.CREATE_NETWORK: (t("The network %(name)s was created"), t("The network %(name)s could not be created")),
    Kind.CHANGE_NETWORK: (t("The network %(name)s was changed"), t("The network %(name)s could not be changed")),
    Kind.REMOVE_NETWORK: (t("The network %(name)s was removed"), t("The network %(name)s could not be removed")),
    Kind.BACKUP_DATA: (t("The data of %(name)s was backed up"), t("The data of %(name)s could not be backed up")),
    Kind.RESTORE_DATA: (t("Data of %(name)s was restored"), t("Data of %(name)s could not be restored")),
    Kind.UNREADABLE: (t("An operation of %(name)s can't be read"),) * 2,
}
INSTALLED_UNHEALTHY_TITLE = t("%(name)s was installed, but is not healthy")
ENDED_ROLLBACK_TITLES = (t("%(name)s was rolled back"), t("%(name)s could not be rolled back"))
ABORTED_TITLES = {Progress.CANCELLED: t("Cancelled"), Progress.INTERRUPTED: t("Interrupted")}


def describe_operation(operation: Operation) -> str:
    """Return the title of an operation with its rock-on or network: `Install: Immich`."""
    title = ROLLBACK_TITLE if operation.is_rollback else KIND_TITLES[operation.kind]
    return join_texts(": ", (title, operation.subject)) if operation.subject else title


def describe_outcome(operation: Operation) -> str:
    """Return the outcome of an operation that has ended: `Immich was installed`."""
    if operation.progress in ABORTED_TITLES:
        return join_texts(" · ", (describe_operation(operation), ABORTED_TITLES[operation.progress]))
    done, failed = ENDED_ROLLBACK_TITLES if operation.is_rollback else ENDED_TITLES[operation.kind]
    if operation.notes.stays:
        failed = INSTALLED_UNHEALTHY_TITLE
    title = done if operation.progress is Progress.DONE else failed
    return fill_template(title, name=operation.subject) if operation.subject else title
