"""Statements that are run again and again: compiled once for each database, run by its driver.

To execute a statement of SQLAlchemy's Core costs several times what its driver takes for a row by
key: it looks the statement up by its structure, and makes a context and a result each time. What
every read of a file asks and every entry of the log writes is therefore prepared once, and means
exactly what Core would make of it: the same SQL, the same types, the same transaction.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, LargeBinary
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]


class Prepared:
    """A statement with parameters (`bindparam`) that is made when its module is loaded.

    Whatever of it the database refuses is a DBAPIError, as with `Connection.execute`.

    Args:
        statement: with a named parameter for each value that changes.
        columns: for an insertion, the columns that get a value.
    """

    def __init__(self, statement: Executable, *, columns: Iterable[str] = ()) -> None:
        self._statement = statement
        self._columns = tuple(columns)
        # By the dialect's name; an engine of either kind compiles to the same text.
        self._forms: dict[str, _Form] = {}

    def all(self, connection: Connection, /, **values: object) -> list[Any]:
        """Every row, as a named tuple of its columns."""
        form = self._form(connection.dialect)
        return form.rows(_run(connection, form, values).fetchall())

    def one_or_none(self, connection: Connection, /, **values: object) -> Any:  # noqa: ANN401 - a row
        """The row of a statement that finds at most one."""
        rows = self.all(connection, **values)
        return rows[0] if rows else None

    def scalars(self, connection: Connection, /, **values: object) -> list[Any]:
        """The first column of every row."""
        form = self._form(connection.dialect)
        return form.firsts(_run(connection, form, values).fetchall())

    def execute(self, connection: Connection, /, **values: object) -> int:
        """Write; so many rows it were."""
        written: int = _run(connection, self._form(connection.dialect), values).rowcount
        return written

    def _form(self, dialect: Dialect) -> "_Form":
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _form_of(self._statement, self._columns, dialect)
        return form


@dataclass(frozen=True, slots=True)
class _Form:
    """A statement as one driver takes it.

    Attributes:
        sql: its text.
        error: what every error of the driver is.
        names: the parameters in their order.
        pick: takes their values, in this order, from those by name.
        constants: values that stand in the statement itself.
        writers: how a parameter is made ready, by its place; the others go in as they are.
        named: whether the driver takes parameters by name.
        row: makes a row of a tuple.
        readers: how a column is converted, by its place; the others come out as they are.
        options: what else the driver is told: psycopg fetches bytes as bytes, not as hexadecimal
            text of twice the length.
    """

    sql: str
    error: type[Exception]
    names: Sequence[str]
    pick: Callable[[Mapping[str, Any]], Sequence[Any]]
    constants: Mapping[str, Any]
    writers: Sequence[tuple[int, Convert]]
    named: bool
    row: Callable[[Sequence[Any]], Any]
    readers: Mapping[int, Convert]
    options: Mapping[str, Any]

    def parameters(self, values: Mapping[str, Any]) -> Mapping[str, Any] | Sequence[Any]:
        """The parameters as the driver takes them. KeyError: one is missing."""
        ready = self.pick({**self.constants, **values} if self.constants else values)
        if self.writers:
            ready = list(ready)
            for place, convert in self.writers:
                ready[place] = convert(ready[place])
        return dict(zip(self.names, ready, strict=True)) if self.named else ready

    def rows(self, found: Iterable[Sequence[Any]]) -> list[Any]:
        """The rows of what the driver found."""
        return list(map(self.row, map(self._converted, found) if self.readers else found))

    def firsts(self, found: Iterable[Sequence[Any]]) -> list[Any]:
        """The first column of what the driver found."""
        read = self.readers.get(0)
        return [one[0] if read is None else read(one[0]) for one in found]

    def _converted(self, found: Sequence[Any]) -> Sequence[Any]:
        values = list(found)
        for place, convert in self.readers.items():
            values[place] = convert(values[place])
        return values


def _run(connection: Connection, form: _Form, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - a cursor
    if not connection.in_transaction():
        connection.begin()  # as `execute` would: BEGIN is part of it
    # The driver's own connection: neither of both is wrapped.
    driver: Any = connection.connection.dbapi_connection
    parameters = form.parameters(values)
    # Whoever listens to the statements of a connection hears these too.
    if heard := connection.dispatch.before_cursor_execute:
        heard(connection, None, form.sql, parameters, None, False)
    try:
        return driver.execute(form.sql, parameters, **form.options)
    except form.error as error:
        raise DBAPIError.instance(
            form.sql,
            None,
            error,
            form.error,
            hide_parameters=True,
            dialect=connection.dialect,
        ) from error


def _form_of(statement: Any, columns: Sequence[str], dialect: Dialect) -> _Form:  # noqa: ANN401 - a Select or the like
    compiled = statement.compile(dialect=dialect, column_keys=columns or None)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what a statement is compiled by
    # A default that Python computes is none of the statement, and would be left out.
    assert not compiled.insert_prefetch  # noqa: S101 - a mistake in this program
    bound = {name: parameter for parameter, name in compiled.bind_names.items()}
    names = tuple((compiled.positiontup if compiled.positional else bound) or ())
    found = statement.exported_columns
    row: Any = namedtuple("Row", found.keys(), rename=True)  # type: ignore[misc]  # noqa: PYI024 - named at run time
    writers = [_writer(bound[name].type, dialect) for name in names]
    readers = [_reader(column.type, dialect) for column in found]
    return _Form(
        sql=compiled.string,
        error=_error_of(dialect),
        names=names,
        pick=_picker(names),
        constants={name: one.effective_value for name, one in bound.items() if not one.required},
        writers=[(place, one) for place, one in enumerate(writers) if one is not None],
        named=not compiled.positional,
        row=row._make,
        readers={place: one for place, one in enumerate(readers) if one is not None},
        options={"binary": True} if dialect.driver == "psycopg" else {},
    )


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: [values[name] for name in names]


def _error_of(dialect: Dialect) -> type[Exception]:
    error: type[Exception] = dialect.loaded_dbapi.Error
    return error


def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return None if _is_bytes(kind) else kind.dialect_impl(dialect).bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return None if _is_bytes(kind) else kind.dialect_impl(dialect).result_processor(dialect, None)


def _is_bytes(kind: TypeEngine[Any]) -> bool:
    """Bytes are bytes to both drivers: they are copied for the sake of others."""
    return isinstance(kind, LargeBinary)
