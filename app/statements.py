"""Statements that are run again and again: compiled once for each database, run by its driver.

To execute a statement of SQLAlchemy's Core costs several times what its driver takes for a row by
key: it looks the statement up by its structure, and makes a context and a result each time. What
every read of a file asks is therefore prepared once, and means exactly what Core would make of it:
the same SQL, the same types, the same transaction.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any] | None


class Prepared:
    """A statement with parameters (`bindparam`) that is made when its module is loaded."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        # By the dialect's name; an engine of either kind compiles to the same text.
        self._forms: dict[str, _Form] = {}

    def all(self, connection: Connection, **values: object) -> list[Any]:
        """Every row, as a named tuple of its columns.

        DBAPIError: the database refused, as in `Connection.execute`.
        """
        form = self._form(connection.dialect)
        return form.rows(self._run(connection, form, values).fetchall())

    def one_or_none(self, connection: Connection, **values: object) -> Any:  # noqa: ANN401 - a row
        """The row of a statement that finds at most one."""
        rows = self.all(connection, **values)
        return rows[0] if rows else None

    def _form(self, dialect: Dialect) -> "_Form":
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _form_of(self._statement, dialect)
        return form

    @staticmethod
    def _run(connection: Connection, form: "_Form", values: Mapping[str, object]) -> Any:  # noqa: ANN401 - a cursor
        if not connection.in_transaction():
            connection.begin()  # as `execute` would: BEGIN is part of it
        driver: Any = connection.connection.driver_connection
        parameters = form.parameters(values)
        # Whoever listens to the statements of a connection hears these too.
        for hear in connection.dispatch.before_cursor_execute:
            hear(connection, None, form.sql, parameters, None, False)
        try:
            return driver.execute(form.sql, parameters)
        except form.error as error:
            raise DBAPIError.instance(
                form.sql,
                None,
                error,
                form.error,
                hide_parameters=True,
                dialect=connection.dialect,
            ) from error


@dataclass(frozen=True, slots=True)
class _Form:
    """A statement as one driver takes it.

    Attributes:
        sql: its text.
        error: what every error of the driver is.
        places: the parameters in their order: name, and how a value is made ready.
        constants: values that stand in the statement itself, made ready.
        named: whether the driver takes parameters by name.
        row: makes a row of a tuple.
        columns: the columns whose values have to be converted.
    """

    sql: str
    error: type[Exception]
    places: tuple[tuple[str, Convert], ...]
    constants: Mapping[str, Any]
    named: bool
    row: Callable[[Sequence[Any]], Any]
    columns: tuple[tuple[int, Callable[[Any], Any]], ...] = field(default=())

    def parameters(self, values: Mapping[str, Any]) -> Mapping[str, Any] | Sequence[Any]:
        """The parameters as the driver takes them. KeyError: one is missing."""
        ready = [
            self.constants[name]
            if name in self.constants
            else values[name]
            if convert is None
            else convert(values[name])
            for name, convert in self.places
        ]
        if not self.named:
            return ready
        return {name: value for (name, _), value in zip(self.places, ready, strict=True)}

    def rows(self, found: Sequence[Sequence[Any]]) -> list[Any]:
        """The rows of what the driver found."""
        if not self.columns:
            return list(map(self.row, found))
        return [self.row(self._converted(one)) for one in found]

    def _converted(self, found: Sequence[Any]) -> Sequence[Any]:
        values = list(found)
        for place, convert in self.columns:
            values[place] = convert(values[place])
        return values


def _form_of(statement: Any, dialect: Dialect) -> _Form:  # noqa: ANN401 - a Select or the like
    compiled: Compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what a statement is compiled by
    columns = statement.exported_columns
    bound = {name: parameter for parameter, name in compiled.bind_names.items()}
    given = {name: _bind(parameter.type, dialect) for name, parameter in bound.items()}
    order = compiled.positiontup if compiled.positional else list(bound)
    readers = [_result(column.type, dialect) for column in columns]
    names = columns.keys()
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 - named at run time
    return _Form(
        sql=compiled.string,
        error=_error_of(dialect),
        places=tuple((name, given[name]) for name in order or ()),
        constants={
            name: value if given[name] is None else given[name](value)  # type: ignore[misc]  # it is callable
            for name, value in compiled.params.items()
            if not bound[name].required
        },
        named=not compiled.positional,
        row=row._make,
        columns=tuple((n, reader) for n, reader in enumerate(readers) if reader is not None),
    )


def _error_of(dialect: Dialect) -> type[Exception]:
    error: type[Exception] = dialect.loaded_dbapi.Error
    return error


def _bind(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _result(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
