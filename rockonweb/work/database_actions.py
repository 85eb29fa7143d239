"""How a database is taken along to another version: its dump is made and loaded."""

from __future__ import annotations

import os

from rockonweb.core.answers.answers import split_share_path
from rockonweb.core.database_dumps import (
    MAX_MARK_BYTES,
    TOOLS_BY_WORD,
    TableCounts,
    compare_counts,
    completion_mark,
    parse_counts,
    read_mark,
)
from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.steps import DumpDatabase, LoadDatabase
from rockonweb.core.text import AppOutput, format_size, t
from rockonweb.work.share_actions import tell_full_disk
from rockonweb.work.step_actions import EMPTY_STATE, StepAction, StepContext, UndoState, register_for


@register_for(DumpDatabase)
class _DumpDatabaseAction(StepAction[DumpDatabase]):
    def prepare_undo(self, context: StepContext, step: DumpDatabase) -> UndoState | None:
        return None if context.host.files.exists(step.dump) else EMPTY_STATE

    def do(self, context: StepContext, step: DumpDatabase, row_id: int) -> str:
        tools, share = TOOLS_BY_WORD[step.server], split_share_path(step.dump)[0]
        hint = t("Free up space there, then try again.")
        with tell_full_disk(context, share, hint), context.host.files.create_file(step.dump) as file:
            context.engine.exec_with_files(step.container, tools.dump, stdout=file)
            counts = _count_tables(context, step)
            file.seek(0, os.SEEK_END)
            file.write(completion_mark(counts))
            size = file.tell()
        return t(
            "Databases: %(databases)s, tables: %(tables)s, size of the dump: %(size)s.",
            databases=len(counts),
            tables=sum(counts.values()),
            size=format_size(size),
        )

    def undo(self, context: StepContext, step: DumpDatabase, undo_state: UndoState, *, ended: bool) -> None:
        context.host.files.remove(step.dump)


@register_for(LoadDatabase)
class _LoadDatabaseAction(StepAction[LoadDatabase]):
    def do(self, context: StepContext, step: LoadDatabase, row_id: int) -> str:
        tools = TOOLS_BY_WORD[step.server]
        with context.host.files.open_file(step.dump) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_MARK_BYTES))
            counts = read_mark(file.read())
            if counts is None:
                raise RockonwebError(t("The dump %(dump)s is not complete.", dump=step.dump))
            file.seek(0)
            output = context.engine.exec_with_files(step.container, tools.load, stdin=file)
        missing = compare_counts(counts, _count_tables(context, step))
        if (errors := tools.find_errors(output)) or missing:
            raise RockonwebError(
                t("%(name)s did not take all of the dump: %(why)s", name=step.container, why=missing or errors[0]),
                output=AppOutput(output),
            )
        return t(
            "As before: %(databases)s databases, %(tables)s tables.", databases=len(counts), tables=sum(counts.values())
        )


def _count_tables(context: StepContext, step: DumpDatabase | LoadDatabase) -> TableCounts:
    return parse_counts(context.engine.exec_with_files(step.container, TOOLS_BY_WORD[step.server].count))
