"""A database as an older version left it: the schema of any revision, with rows in every table."""

from datetime import UTC, datetime
from typing import Any

from alembic import command
from flask import current_app
from sqlalchemy import Boolean, Column, DateTime, Enum, Integer, MetaData, Table, insert, inspect, select
from sqlalchemy.types import TypeDecorator

from rockonweb.migrations import upgrade
from rockonweb.models import Base, db, transaction
from rockonweb.models.base import PackedJSON
from rockonweb.models.rockon import WordList

DEFINITION = (
    '{"containers": {"app": {"image": "box.example/app", "launch_order": 1}}, "description": "Kept.",'
    ' "version": "1", "website": ""}'
)
FIXED_VALUES = {
    ("rockon", "source"): DEFINITION,
    ("rockon", "installed_source"): DEFINITION,
    ("rockon", "described"): 0,
    ("rockon", "ports"): (),
    ("installation", "installed_source"): DEFINITION,
    ("refresh_report", "content"): "{}",
}
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROWS_PER_TABLE = 2

Rows = dict[str, list[dict[str, Any]]]


def upgrade_to(revision: str) -> None:
    """Bring the database to a revision, with nothing but the migrations."""
    upgrade.migrate_extension().init_app(current_app, db)
    command.upgrade(upgrade.migrate_extension().get_config(), revision)
    db.engine.dispose()


def fill_tables() -> None:
    """Put rows into every table that is empty, whatever its columns are; keys lead to the rows of other tables."""
    schema = _reflect_schema()
    with transaction() as session:
        for table in map(_apply_model_types, schema.sorted_tables):
            if table.name != "alembic_version" and session.execute(select(table)).first() is None:
                for number in range(1, ROWS_PER_TABLE + 1):
                    values = {column.name: _make_value(column, number) for column in table.columns}
                    session.execute(insert(table), values)


def read_tables() -> Rows:
    """All rows of all tables, by table, as the database has them."""
    tables: Rows = {}
    with db.engine.connect() as connection:
        schema = inspect(connection)
        for table in {*schema.get_table_names()} - {"alembic_version"}:
            key = ", ".join(f'"{column}"' for column in schema.get_pk_constraint(table)["constrained_columns"])
            rows = connection.exec_driver_sql(f'SELECT * FROM "{table}" ORDER BY {key}')
            tables[table] = [dict(row._mapping) for row in rows]
    return tables


def _reflect_schema() -> MetaData:
    schema = MetaData()
    schema.reflect(db.engine)
    return schema


def _apply_model_types(table: Table) -> Table:
    """The table, with the models' types where they have the column: secrets are encrypted. What is packed is a word."""
    for column in table.columns:
        for name in (table.name, "installation" if table.name == "rockon" else ""):  # which were one until 0020
            model = Base.metadata.tables.get(name)
            if model is not None and column.name in model.columns and column.foreign_keys == set():
                kind = model.columns[column.name].type
                column.type = column.type if isinstance(kind, PackedJSON) else kind
                break
    return table


def _make_value(column: Column[Any], number: int) -> Any:
    """A value for a column: what is given, the number of the row, or a word that is unique."""
    kind = column.type
    if (column.table.name, column.name) in FIXED_VALUES:
        return FIXED_VALUES[column.table.name, column.name]
    if isinstance(kind, Enum) and kind.enum_class:
        return next(iter(kind.enum_class))
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if isinstance(plain, Boolean):
        return True
    if isinstance(plain, DateTime):
        return MOMENT
    if isinstance(plain, Integer):
        return number if column.primary_key or column.foreign_keys else 1000 + number
    text = f"{number}{column.name}"[: getattr(plain, "length", None)]
    return (text,) if isinstance(kind, WordList) else text


def read_revision() -> str | None:
    """The revision that the database says it has."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())
