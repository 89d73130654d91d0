"""Which role of a PostgreSQL server may do what on which table, and why (docs/adr/0032).

The owner migrates and owns the tables; it is whoever runs `throughcare init`, and the commands of
an administrator. The interface and dispatchers connect as members of one role, sequencers as
members of another. What each of them may do is what stands here: it is granted from this table,
and a connection is held to it when a process starts.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import Connection, Table, text

from app.problems import InvalidInput
from app.tables import METADATA

# A server cuts longer names off, and two databases could come to share a role.
LONGEST_NAME = 63
# What Alembic keeps: every process looks whether the tables are of its version.
VERSION_TABLE = "alembic_version"
# Of one that may do far more, the first few tell enough.
NAMED_AT_MOST = 5

KEPT = "SELECT, INSERT, UPDATE, DELETE"
ADDED = "SELECT, INSERT, DELETE"


class Role(StrEnum):
    """Who connects: the interface and dispatchers, or a sequencer."""

    APPLICATION = "application"
    SEQUENCER = "sequencer"


BOTH = frozenset(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the roles may do on a table, as GRANT writes it, and why not less."""

    application: str = ""
    sequencer: str = ""
    why: str

    def privileges(self, role: Role) -> str:
        """Those of one role."""
        return self.application if role is Role.APPLICATION else self.sequencer


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing that may be done; of a table as a whole the column is empty."""

    table: str
    privilege: str
    column: str = ""

    def __str__(self) -> str:
        where = f"{self.table} ({self.column})" if self.column else self.table
        return f"{self.privilege} {where}"


# INVARIANT: a leaf, and the place of an entry, are changed by nobody but the owner: no line below
# has UPDATE of such a column, or DELETE of an entry or of what is numbered or signed.
GRANTS: Mapping[str, Line] = MappingProxyType(
    {
        VERSION_TABLE: Line(
            application="SELECT",
            sequencer="SELECT",
            why="no process works on tables of another version",
        ),
        "access_log_entry": Line(
            application="SELECT, INSERT, UPDATE (personal)",
            sequencer="SELECT, INSERT",
            why="everything is recorded, also what the watcher and witnesses say; an erasure "
            "takes the personal sections away",
        ),
        "access_log_pending": Line(
            application="SELECT, INSERT, UPDATE (subject_index)",
            sequencer="SELECT, INSERT, DELETE",
            why="recorded by both, taken by the sequencer alone; an erasure forgets about whom",
        ),
        "access_log_lookup": Line(
            application="SELECT, UPDATE (subject_index)",
            sequencer="SELECT, INSERT",
            why="numbered by the sequencer alone; an erasure forgets about whom",
        ),
        "access_log_tile": Line(
            application="SELECT", sequencer="SELECT, INSERT", why="a full tile never changes"
        ),
        "access_log_period": Line(
            application="SELECT", sequencer="SELECT, INSERT", why="times of full tiles"
        ),
        "access_log_head": Line(
            application="SELECT",
            sequencer="SELECT, UPDATE (size, peaks)",
            why="the one row is made by init, and grows as the sequencer numbers",
        ),
        "access_log_checkpoint": Line(
            application="SELECT",
            sequencer="SELECT, INSERT, UPDATE (note)",
            why="what was signed stays; its note gains the lines of witnesses",
        ),
        "access_log_witness": Line(
            application="SELECT",
            sequencer="SELECT, INSERT, UPDATE (size, standing, since)",
            why="what was heard of each witness, written beside the sequencer",
        ),
        "access_log_quorum": Line(
            application="SELECT",
            sequencer="SELECT, INSERT, UPDATE (size, missing, since)",
            why="as of each witness; readiness tells of it",
        ),
        "access_log_person_key": Line(
            application="SELECT, INSERT, UPDATE (wrapped_key), DELETE",
            sequencer="SELECT",
            why="made with a person's first entry of a year, destroyed by an erasure, and locked "
            "while an export is written, for which a server wants UPDATE; the watcher opens "
            "entries",
        ),
        "access_log_export": Line(application=KEPT, why="asked for, written, dropped"),
        "access_log_export_part": Line(application=ADDED, why="written, then deleted"),
        "alert_position": Line(
            sequencer="SELECT, INSERT, UPDATE (next_index)", why="the watcher's place in the log"
        ),
        "alert_fact": Line(sequencer=ADDED, why="the watcher's memory"),
        "alert_day": Line(sequencer=KEPT, why="the watcher's memory"),
        "alert_raised": Line(sequencer=KEPT, why="the watcher's memory"),
        "key_encryption_key": Line(
            application="SELECT, INSERT",
            sequencer="SELECT, INSERT",
            why="each process names the keys of its ring at its start; removing is the owner's",
        ),
        "policy_officer": Line(
            application="SELECT",
            sequencer="SELECT",
            why="who may sign for a policy is the owner's to say",
        ),
        "policy_bundle": Line(
            application="SELECT", sequencer="SELECT", why="activation is the owner's command"
        ),
        "policy_approval": Line(
            application="SELECT", sequencer="SELECT", why="activation is the owner's command"
        ),
        "policy_activation": Line(
            application="SELECT",
            sequencer="SELECT",
            why="both follow what is in force; activation is the owner's command",
        ),
        "agency": Line(
            application="SELECT, INSERT, UPDATE",
            sequencer="SELECT (agency_id, role)",
            why="the registry over REST, in which nobody is deleted; rules of alerts name roles",
        ),
        "agency_municipality": Line(application=ADDED, why="the registry over REST"),
        "client": Line(application="SELECT, INSERT, UPDATE", why="the registry over REST"),
        "client_ground": Line(application=ADDED, why="the registry over REST"),
        "officer": Line(application="SELECT, INSERT, UPDATE", why="the registry over REST"),
        "identity_provider": Line(
            application="SELECT", why="whose word counts is the owner's to say"
        ),
        "used_assertion": Line(application=ADDED, why="each works once, until it expires"),
        "used_proof": Line(application=ADDED, why="each works once, until it expires"),
        "revoked_token": Line(application=ADDED, why="taken back, until it expires"),
        "inmate_file": Line(application=KEPT, why="files are kept and erased"),
        "person_key": Line(application=ADDED, why="made with a file, destroyed by an erasure"),
        "file_section": Line(application=ADDED, why="a change writes the sections anew"),
        "reference": Line(application=ADDED, why="given by an agency, erased with the person"),
        "case_assignment": Line(application=KEPT, why="facts are stated, moved, erased"),
        "consent": Line(application=KEPT, why="facts are stated, moved, erased"),
        "deciding_fact": Line(application=KEPT, why="facts are stated, moved, erased"),
        "deciding_fact_step": Line(application=ADDED, why="a step stands until the erasure"),
        "custody_state": Line(application=KEPT, why="what was reported last"),
        "referral_code": Line(application=KEPT, why="made, redeemed, erased"),
        "redemption_failure": Line(application=ADDED, why="counted for a while"),
        "retention_hold": Line(application=KEPT, why="placed, lifted, erased"),
        "erasure_request": Line(application=KEPT, why="asked, approved, withdrawn, carried out"),
        "erasure": Line(application="SELECT, INSERT", why="a certificate outlives everybody"),
        "subscription": Line(
            application="SELECT, INSERT, UPDATE", why="made, changed, ended, never deleted"
        ),
        "milestone": Line(application=KEPT, why="planned anew with each change"),
        "deadline": Line(application=KEPT, why="set, locked, met"),
        "alarm": Line(application=KEPT, why="raised, settled, erased"),
        "feed": Line(application="SELECT, INSERT, UPDATE", why="how far each is trusted"),
        "feed_change": Line(application=KEPT, why="counted for a day"),
        "release_event": Line(application=ADDED, why="published, erased"),
        "delivery": Line(application=KEPT, why="claimed, sent, answered, erased"),
        "delivery_attempt": Line(application=KEPT, why="begun, ended, erased"),
        "escalation": Line(application=KEPT, why="planned, raised, erased"),
        "take_back": Line(application=KEPT, why="ordered, confirmed, erased"),
    }
)

_PRIVILEGE = re.compile(r"(?P<name>[A-Z]+)(?: \((?P<columns>[^)]*)\))?")
_OF_COLUMNS = ("SELECT", "INSERT", "UPDATE")

# Its own, with what it inherits; or those of every role that it can become: what it does not
# inherit it may take.
_HELD = text("""
    SELECT DISTINCT relname AS "table", privilege, attname AS "column"
    FROM pg_roles
    CROSS JOIN pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege
    WHERE relnamespace = current_schema()::text::regnamespace AND relname = ANY(:tables)
    AND (rolname = current_user OR (:may_become AND pg_has_role(pg_roles.oid, 'MEMBER')))
    AND has_column_privilege(pg_roles.oid, pg_class.oid, attnum, privilege)
    UNION
    SELECT relname, privilege, ''
    FROM pg_roles
    CROSS JOIN pg_class
    CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS privilege
    WHERE relnamespace = current_schema()::text::regnamespace AND relname = ANY(:tables)
    AND (rolname = current_user OR (:may_become AND pg_has_role(pg_roles.oid, 'MEMBER')))
    AND has_table_privilege(pg_roles.oid, pg_class.oid, privilege)
""")
# A schema that is named after the owner would stand before ours when the owner comes.
_POWERS = text("""
    SELECT bool_or(rolsuper) AS "is a superuser",
    bool_or(rolcreaterole) AS "may make roles",
    bool_or(rolbypassrls OR rolreplication) AS "may read or copy past all grants",
    bool_or(rolname IN (
        'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'
    )) AS "may use files or programs of the server",
    bool_or(rolname IN ('pg_signal_backend', 'pg_maintain')) AS "may end other processes",
    EXISTS (
        SELECT FROM pg_class WHERE relnamespace = current_schema()::text::regnamespace
        AND relname = ANY(:tables) AND pg_has_role(relowner, 'MEMBER')
    ) AS "may become the owner of the tables",
    bool_or(has_schema_privilege(pg_roles.oid, current_schema()::text, 'CREATE'))
    AS "may make tables",
    bool_or(has_database_privilege(pg_roles.oid, current_database()::text, 'CREATE'))
    AS "may make schemas"
    FROM pg_roles WHERE pg_has_role(pg_roles.oid, 'MEMBER')
""")


def name_of(role: Role, database: str) -> str:
    """The role's name on the server: of its database alone, for roles are those of all databases.

    InvalidInput where the name of the database is too long for it.
    """
    name = f"{database}_{role.value}"
    if len(name.encode()) > LONGEST_NAME:
        raise InvalidInput("the name of the database is too long for the names of its roles")
    return name


def names(connection: Connection, roles: Collection[Role]) -> list[str]:
    """The names of these roles in this database."""
    return [name_of(role, _database(connection)) for role in sorted(roles)]


def rights(roles: Collection[Role]) -> frozenset[Right]:
    """What members of these roles may do."""
    return frozenset(
        right
        for table, line in GRANTS.items()
        for role in roles
        for right in _rights(table, line.privileges(role))
    )


def apply(connection: Connection) -> list[str]:
    """Grant what stands here, and nothing else; what an administrator has to run first, in SQL.

    Only roles that may make roles make them. On SQLite there are none.
    """
    if connection.dialect.name == "sqlite":
        return []
    to_make = []
    for role in Role:
        name = name_of(role, _database(connection))
        made = f"CREATE ROLE {_quoted(connection, name)} NOLOGIN"
        if not _is_there(connection, name):
            if not _may_make_roles(connection):
                to_make.append(f"{made};")
                continue
            connection.execute(text(made))
        _grant(connection, role, name)
    return to_make


def lacking(connection: Connection, roles: Collection[Role]) -> list[str]:
    """What this connection would need for these roles and may not do."""
    return [str(right) for right in sorted(rights(roles) - _held(connection, may_become=False))]


def excess(connection: Connection, roles: Collection[Role]) -> list[str]:
    """What this connection may do beyond these roles, each as the end of a sentence about it."""
    found = connection.execute(_POWERS, {"tables": list(GRANTS)}).mappings().one()
    powers = [power for power, held in found.items() if held]
    if powers:
        # Whoever may all of that may the rest as well.
        return powers
    more = sorted(_held(connection, may_become=True) - rights(roles))
    return [f"may {right}" for right in more[:NAMED_AT_MOST]]


def user(connection: Connection) -> str:
    """As whom this connection works."""
    return str(connection.scalar(text("SELECT current_user")))


def _rights(table: str, privileges: str) -> Iterator[Right]:
    for found in _PRIVILEGE.finditer(privileges):
        name, columns = found["name"], found["columns"]
        if columns is not None:
            yield from (Right(table, name, column) for column in columns.split(", "))
        elif name in _OF_COLUMNS:
            yield from (Right(table, name, column) for column in _columns(table))
        else:
            yield Right(table, name)


def _columns(table: str) -> list[str]:
    return ["version_num"] if table == VERSION_TABLE else METADATA.tables[table].c.keys()


def _held(connection: Connection, *, may_become: bool) -> frozenset[Right]:
    asked = {"tables": list(GRANTS), "may_become": may_become}
    rows = connection.execute(_HELD, asked).mappings()
    return frozenset(Right(**row) for row in rows)


def _grant(connection: Connection, role: Role, name: str) -> None:
    """All in one transaction: beside it a running process has its rights, the old or the new."""
    schema = str(connection.scalar(text("SELECT current_schema()")))
    to, place = _quoted(connection, name), _quoted(connection, schema)
    connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA {place} FROM {to}"))
    connection.execute(text(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {place} FROM {to}"))
    usable = text("SELECT has_schema_privilege(:name, :schema, 'USAGE')")
    if not connection.scalar(usable, {"name": name, "schema": schema}):
        connection.execute(text(f"GRANT USAGE ON SCHEMA {place} TO {to}"))
    for table, line in GRANTS.items():
        privileges = line.privileges(role)
        if privileges:
            connection.execute(text(f"GRANT {privileges} ON {place}.{table} TO {to}"))
        if "INSERT" in privileges and (sequence := _sequence(connection, table)):
            connection.execute(text(f"GRANT USAGE ON SEQUENCE {sequence} TO {to}"))


def _sequence(connection: Connection, table: str) -> str | None:
    """What numbers the rows of a table, quoted; None where nothing does."""
    found: Table | None = METADATA.tables.get(table)
    column = None if found is None else found.autoincrement_column
    if column is None:
        return None
    named = text("SELECT pg_get_serial_sequence(:table, :column)")
    sequence: str | None = connection.scalar(named, {"table": table, "column": column.name})
    return sequence


def _is_there(connection: Connection, name: str) -> bool:
    known = text("SELECT count(*) FROM pg_roles WHERE rolname = :name")
    return bool(connection.scalar(known, {"name": name}))


def _may_make_roles(connection: Connection) -> bool:
    may = text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    return bool(connection.scalar(may))


def _database(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT current_database()")))


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
