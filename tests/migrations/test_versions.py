"""Revisions: up and down on both databases, with rows, and at their head the models."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    inspect,
    text,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import JSON, TypeEngine

from app import grants
from app.cli.installation import migrate
from app.engines import make_engine
from app.grants import Role
from app.revisions import alembic_config
from app.tables import METADATA
from tests.conftest import BOTH, empty_database
from tests.keys import RING
from tests.logins import login

AT = int(datetime(2027, 3, 3, 9, 0, tzinfo=UTC).timestamp() * 1_000_000)
SCRIPTS = ScriptDirectory.from_config(alembic_config())
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]
HEAD = REVISIONS[-1]
# Tables whose columns a later revision changed: tests of their own say what became of the rows.
REMADE = {"agency", "client", "delivery", "delivery_attempt", "subscription"}
BEARER = "bearer_allowed"
# The rows of each table.
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without tables."""
    engine = make_engine(empty_database(request.param, request, tmp_path))
    yield engine
    engine.dispose()


@contextmanager
def config_of(engine: Engine) -> Iterator[Any]:
    """Alembic over a transaction of this database."""
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        yield config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Go up to a revision."""
    with config_of(engine) as config:
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Go down to a revision."""
    with config_of(engine) as config:
        command.downgrade(config, revision)


def value_of(kind: TypeEngine[Any]) -> object:
    """One value for each type: keys and foreign keys then fit one another."""
    for known, value in (
        (Boolean, True),
        (Integer, 1),
        (Float, 0.5),
        (Date, date(2027, 3, 3)),
        (LargeBinary, b"sealed"),
        (JSON, ["a", "b"]),
    ):
        if isinstance(kind, known):
            return value
    return "one"


def fill(connection: Connection) -> Rows:
    """One row in every table that is there, and what then stands in each."""
    there = MetaData()
    there.reflect(connection)
    for table in reversed(there.sorted_tables):
        if table.name != "alembic_version":
            connection.execute(table.delete())
    for table in there.sorted_tables:
        if table.name != "alembic_version":
            values = {column.name: value_of(column.type) for column in table.columns}
            connection.execute(table.insert().values(**values))
    return content(connection)


def content(connection: Connection) -> Rows:
    """The rows of every table, by column, as the database has them."""
    names = set(inspect(connection).get_table_names()) - {"alembic_version"}
    return {
        name: [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]  # noqa: S608 - its own table
        for name in names
    }


def columns(engine: Engine) -> dict[str, list[str]]:
    """The names of the columns of every table."""
    there = inspect(engine)
    return {table: [one["name"] for one in there.get_columns(table)] for table in tables(engine)}


def tables(engine: Engine) -> set[str]:
    """The names of the tables, but for alembic's own."""
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def indexes(engine: Engine) -> set[str | None]:
    """The names of all indexes."""
    there = inspect(engine)
    return {index["name"] for table in tables(engine) for index in there.get_indexes(table)}


def test_the_revisions_are_one_line_and_each_says_what_it_does() -> None:
    assert SCRIPTS.get_heads() == [HEAD]
    assert [f"{number:04}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
    for revision in REVISIONS:
        assert SCRIPTS.get_revision(revision).doc


def test_a_migrated_database_equals_the_models(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert differences == []
    assert tables(engine) == set(METADATA.tables)


def test_a_migrated_database_has_the_indexes_of_the_models_with_their_conditions(
    engine: Engine,
) -> None:
    upgrade(engine)
    migrated = indexes(engine)
    expected = {index.name for table in METADATA.tables.values() for index in table.indexes}
    # PostgreSQL lists what a UNIQUE constraint makes as well.
    assert expected <= migrated
    there = inspect(engine)
    open_referrals = next(
        index
        for index in there.get_indexes("case_assignment")
        if index["name"] == "ux_case_assignment_open"
    )
    assert open_referrals["unique"]
    condition = " ".join(map(str, open_referrals["dialect_options"].values()))
    assert "offered" in condition
    assert "accepted" in condition


def test_going_down_leaves_nothing_and_going_up_again_makes_all(engine: Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        fill(connection)
    downgrade(engine)
    assert tables(engine) == set()
    upgrade(engine)
    assert tables(engine) == set(METADATA.tables)
    with engine.begin() as connection:
        assert all(fill(connection).values())


def test_going_up_twice_is_going_up_once(engine: Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        stood = fill(connection)
    upgrade(engine)
    with engine.begin() as connection:
        assert content(connection) == stood


def stands_as_it_was(stood: Rows, stands: Rows) -> None:
    """A later revision may add a column; what stood stands."""
    assert all(len(rows) == 1 for rows in stood.values())
    for table in stood.keys() - REMADE:
        for old, new in zip(stood[table], stands[table], strict=True):
            assert {name: new[name] for name in old} == old
            assert all(new[name] is None for name in new.keys() - old.keys())


def test_rows_outlast_each_revision_and_the_way_back_from_it(engine: Engine) -> None:
    upgrade(engine, REVISIONS[0])
    for older, newer in pairwise(REVISIONS):
        with engine.begin() as connection:
            stood = fill(connection)
        upgrade(engine, newer)
        with engine.begin() as connection:
            stands_as_it_was(stood, content(connection))
        downgrade(engine, older)
        with engine.begin() as connection:
            assert content(connection) == stood
        upgrade(engine, newer)


def test_the_oldest_database_keeps_its_rows_all_the_way_up_and_down(engine: Engine) -> None:
    upgrade(engine, REVISIONS[0])
    with engine.begin() as connection:
        stood = fill(connection)
    upgrade(engine)
    with engine.begin() as connection:
        stands_as_it_was(stood, content(connection))
    downgrade(engine, REVISIONS[0])
    with engine.begin() as connection:
        assert content(connection) == stood
    upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def insert(connection: Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Rows that differ from the filled one in some columns."""
    there = MetaData()
    there.reflect(connection)
    standard = {column.name: value_of(column.type) for column in there.tables[table].columns}
    for row in rows:
        connection.execute(there.tables[table].insert().values(**{**standard, **row}))


def test_of_rows_that_contradict_the_second_revision_the_first_stands(engine: Engine) -> None:
    upgrade(engine, "0001")
    with engine.begin() as connection:
        fill(connection)
        insert(
            connection,
            "reference",
            [
                {"reference_index": "later", "created_at": 3},
                {"reference_index": "late", "created_at": 2},
            ],
        )
        insert(
            connection,
            "case_assignment",
            [
                {"assignment_id": "a", "status": "offered", "offered_at": 1},
                {"assignment_id": "b", "status": "accepted", "offered_at": 3},
                {"assignment_id": "c", "status": "accepted", "offered_at": 2},
                {"assignment_id": "d", "status": "declined", "offered_at": 1},
                {"assignment_id": "e", "status": "ended", "offered_at": 1},
            ],
        )
    upgrade(engine)
    with engine.begin() as connection:
        stands = content(connection)
        there = MetaData()
        there.reflect(connection)
        referrals = there.tables["case_assignment"]
        status = dict(
            connection.execute(
                referrals.select().with_only_columns(referrals.c.assignment_id, referrals.c.status)
            ).fetchall()
        )
    assert [{"late", "later"} & set(row) for row in stands["reference"]] == [set()]
    assert status == {
        "one": "one",  # a status that the filled row made up is nobody's business
        "a": "ended",
        "b": "ended",
        "c": "accepted",
        "d": "declined",
        "e": "ended",
    }


def test_each_pair_that_a_client_had_becomes_a_row_and_goes_back_again(engine: Engine) -> None:
    upgrade(engine, "0002")
    with engine.begin() as connection:
        fill(connection)
        two = {"purposes": ["p", "q"], "legal_bases": ["l", "m"]}
        none: dict[str, list[str]] = {"purposes": ["p"], "legal_bases": []}
        insert(connection, "client", [{"client_id": "two", **two}, {"client_id": "none", **none}])
        stood = content(connection)["client"]
    upgrade(engine, "0005")
    with engine.begin() as connection:
        there = MetaData()
        there.reflect(connection)
        grounds = set(map(tuple, connection.execute(there.tables["client_ground"].select())))
        clients = there.tables["client"]
        allowed = set(connection.scalars(clients.select().with_only_columns(clients.c[BEARER])))
    assert {pair for pair in grounds if pair[0] == "two"} == {
        ("two", purpose, basis) for purpose in ("p", "q") for basis in ("l", "m")
    }
    assert not [pair for pair in grounds if pair[0] == "none"]
    assert allowed == {False}
    downgrade(engine, "0002")
    with engine.begin() as connection:
        back = content(connection)["client"]
    # A client without a pair could ask for nothing, and has nothing after the way back.
    assert [row for row in back if row["client_id"] != "none"] == [
        row for row in stood if row["client_id"] != "none"
    ]


def test_endpoints_that_were_proven_stay_so_and_attempts_were_pushes(engine: Engine) -> None:
    upgrade(engine, "0012")
    with engine.begin() as connection:
        fill(connection)
        rows = [
            {"subscription_id": name, "status": name, "created_at": AT}
            for name in ("pending", "active")
        ]
        insert(connection, "subscription", rows)
        stood = content(connection)
    upgrade(engine)
    with engine.begin() as connection:
        stands = content(connection)
        polled = {"subscription_id": "polled", "endpoint": None, "next_jwk": None}
        insert(connection, "subscription", [polled])
    by_id = {row["subscription_id"]: row for row in stands["subscription"]}
    assert [bool(by_id[name]["proven"]) for name in ("pending", "active")] == [False, True]
    for old in stood["subscription"]:
        new = by_id[old["subscription_id"]]
        assert {name: new[name] for name in old} == old
        assert new["heartbeat_at"] == old["created_at"]
        assert not any((new["paused"], new["failures"], new["disabled_at"], new["challenge"]))
    assert [row["channel"] for row in stands["delivery_attempt"]] == ["push"]
    downgrade(engine, "0012")
    with engine.begin() as connection:
        back = {row["subscription_id"]: row for row in content(connection)["subscription"]}
    assert back.pop("polled")["endpoint"] == ""
    assert back == {row["subscription_id"]: row for row in stood["subscription"]}


def test_alembic_opens_the_database_of_the_settings_where_nobody_hands_it_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/throughcare.db"
    monkeypatch.setenv("THROUGHCARE_DATABASE_URL", url)
    command.upgrade(alembic_config(), "head")
    command.check(alembic_config())
    engine = make_engine(url)
    assert tables(engine) == set(METADATA.tables)
    engine.dispose()


def test_a_new_revision_writes_plain_column_types(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = alembic_config()
    monkeypatch.setenv("THROUGHCARE_DATABASE_URL", f"sqlite:///{tmp_path}/throughcare.db")
    (tmp_path / "versions").mkdir()
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(tmp_path / "versions"))
    script = command.revision(config, "all of it", autogenerate=True, rev_id="0001")
    assert not isinstance(script, list)
    assert script is not None
    written = Path(script.path).read_text(encoding="utf-8")
    assert "create_table" in written
    assert "app." not in written  # a revision outlives our code
    assert "sqlmodel" not in written.lower()
    assert "Instant" not in written


def test_who_was_registered_stands_in_for_nobody_and_what_waits_is_routine(engine: Engine) -> None:
    upgrade(engine, "0008")
    with engine.begin() as connection:
        stood = fill(connection)
    upgrade(engine)
    with engine.begin() as connection:
        stands = content(connection)
    for table, added in (
        ("agency", {"fallback": False}),
        ("delivery", {"rank": 2, "replayed_at": None}),
    ):
        assert stands[table] == [{**stood[table][0], **added}]
    downgrade(engine, "0008")
    with engine.begin() as connection:
        assert content(connection) == stood


def test_an_upgrade_is_made_by_one_at_a_time_and_brings_its_grants_along(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = empty_database("postgresql", request, tmp_path)
    engine = make_engine(url)
    upgrade(engine, "0018")
    with engine.begin() as connection, engine.begin() as impatient:
        migrate(connection, RING)
        impatient.execute(text("SET LOCAL lock_timeout = 1"))
        with pytest.raises(OperationalError, match="pg_advisory_xact_lock"):
            migrate(impatient, RING)
    with engine.begin() as connection:
        migrate(connection, RING)
    service = make_engine(login(url, (Role.SEQUENCER,)))
    with service.connect() as connection:
        assert grants.lacking(connection, (Role.SEQUENCER,)) == []
        assert grants.excess(connection, (Role.SEQUENCER,)) == []
    service.dispose()
    engine.dispose()
