"""Wiring: what is not whole, or not alone, or contradicts itself, does not start."""

import asyncio
import logging
import secrets
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection

import app.main
from app.access_log import checkpoints, ledger, witnesses
from app.access_log.cosignature import Witness, cosignatures
from app.access_log.entry import Actor, Entry, Grounds
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.access_log.witnesses import Standing
from app.activation.register import ACTIVATION
from app.cli.installation import migrate, prepare
from app.crypto.errors import UnsafeKey
from app.crypto.key_ring import KeyRing
from app.database import Database, DatabaseUnavailable
from app.house import House
from app.main import (
    NotReady,
    check_installation,
    check_ready,
    log_verifier,
    make_clock,
    make_house,
    opened,
    reading,
)
from app.policy.errors import PolicyError
from app.policy.loader import load_bundle
from app.policy.overlays import load_country_bundle
from app.policy.self_test import most_favourable
from app.problems import NotFound
from app.processes.jobs import sequencing, watched
from app.processes.serving import create_app, running
from app.releases.profile import ProfileError
from app.revisions import alembic_config
from app.settings import Settings
from app.witness import program
from app.witness.server import make_app
from tests.receiver.service_stand_in import served
from tests.world import POLICIES

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)


def clock() -> datetime:
    """It stands still."""
    return AT


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation as `init` leaves it."""
    folder = tmp_path_factory.mktemp("installation")
    prepare(settings_in(folder), at=AT)
    return folder


def settings_in(folder: Path) -> Settings:
    """Settings of an installation in a folder."""
    return Settings(
        database_url=f"sqlite:///{folder}/throughcare.db",
        key_directory=folder / "keys",
        checkpoint_file=folder / "checkpoint",
        policies_directory=POLICIES,
        allow_illustrative=True,
        dispatch_interval=0.01,
        checkpoint_interval=0.01,
    )


@pytest.fixture
def settings(template: Path, tmp_path: Path) -> Settings:
    """A copy of it, for one test to spoil."""
    folder = tmp_path / "installation"
    shutil.copytree(template, folder)
    return settings_in(folder)


@pytest.fixture(scope="module")
def house(template: Path) -> House:
    """The house of the installation."""
    return make_house(settings_in(template), at=AT)


def record(connection: Connection, house: House) -> None:
    """An entry of the log."""
    entry = Entry(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        actor=Actor(agency="operator"),
        grounds=Grounds(purpose="registry"),
    )
    ledger.append(
        connection,
        entry,
        keys=house.log_keys(),
        random=secrets.token_bytes,
        at=AT,
        origin=house.log_origin,
        policy_digest=house.bundle.digest,
    )


def grow(settings: Settings, house: House, entries: int) -> None:
    """Let the log grow, and sign it as the sequencer does."""
    with opened(settings) as database:
        for _ in range(entries):
            database.run_blocking(lambda connection: record(connection, house))
        note = database.run_blocking(
            lambda connection: checkpoints.publish(
                connection, key=house.ring.log_signing, origin=settings.log_origin, at=AT
            )
        )
    checkpoints.write_checkpoint_file(settings.checkpoint_file, note)


def ready(settings: Settings, house: House) -> None:
    """Whether it would start."""
    with opened(settings) as database:
        database.run_blocking(lambda c: check_ready(c, settings, house, at=AT))


def refusal(settings: Settings, house: House) -> str:
    """Why it does not start."""
    with pytest.raises(NotReady) as caught:
        ready(settings, house)
    return str(caught.value)


def file_of(settings: Settings) -> Path:
    """The database file."""
    return Path(settings.database_url.removeprefix("sqlite:///"))


def test_a_file_on_another_machine_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("22 1 0:40 / / rw - nfs4 files:/ rw\n")
    monkeypatch.setattr(app.main, "MOUNTS", mounts)
    with pytest.raises(NotReady, match="its file lies on nfs4"), opened(settings):
        pass


def test_a_fresh_installation_is_ready(settings: Settings, house: House) -> None:
    ready(settings, house)
    assert check_installation(settings, clock).bundle.digest == house.bundle.digest


def test_traces_are_refused_where_nothing_could_send_them(
    settings: Settings, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where the extra is not installed, whatever is.
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    assert "throughcare[tracing]" in refusal(replace(settings, tracing=True), house)


def test_an_installation_that_has_worked_is_ready(settings: Settings, house: House) -> None:
    grow(settings, house, 3)
    ready(settings, house)


def test_a_log_that_has_grown_since_its_checkpoint_is_ready(
    settings: Settings, house: House
) -> None:
    with opened(settings) as database:
        database.run_blocking(lambda connection: record(connection, house))
    ready(settings, house)


def test_tables_that_were_never_made_are_named(settings: Settings, house: House) -> None:
    file_of(settings).unlink()
    assert "throughcare init" in refusal(settings, house)


def test_tables_of_an_older_version_are_named(settings: Settings, house: House) -> None:
    with opened(settings) as database:

        def down(connection: Connection) -> None:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, "0001")

        database.run_blocking(down)
    assert "throughcare init" in refusal(settings, house)
    prepare(settings, at=AT)
    ready(settings, house)


def test_a_checkpoint_that_is_gone_is_named(settings: Settings, house: House) -> None:
    grow(settings, house, 1)
    settings.checkpoint_file.unlink()
    assert str(settings.checkpoint_file) in refusal(settings, house)


def test_an_older_copy_of_the_database_is_refused(settings: Settings, house: House) -> None:
    grow(settings, house, 1)
    older = file_of(settings).read_bytes()
    grow(settings, house, 2)
    file_of(settings).write_bytes(older)
    said = refusal(settings, house)
    assert "2 entries" in said
    assert "4 were signed" in said


def test_a_forked_log_is_refused(settings: Settings, house: House) -> None:
    empty = file_of(settings).read_bytes()
    grow(settings, house, 2)
    note = settings.checkpoint_file.read_bytes()
    file_of(settings).write_bytes(empty)
    grow(settings, house, 2)
    settings.checkpoint_file.write_bytes(note)
    assert "not those that were signed" in refusal(settings, house)


@pytest.mark.parametrize("garbage", [b"", b"\xff\xff", b"hello\n", b"a\n0\n\n"])
def test_a_checkpoint_that_is_no_note_is_refused(
    settings: Settings, house: House, garbage: bytes
) -> None:
    settings.checkpoint_file.write_bytes(garbage)
    assert str(settings.checkpoint_file) in refusal(settings, house)


def test_a_checkpoint_of_other_keys_is_refused(
    settings: Settings, house: House, tmp_path: Path
) -> None:
    ring = KeyRing.create(tmp_path / "other", random=secrets.token_bytes)
    assert "disagree" in refusal(settings, replace(house, ring=ring))


def test_a_checkpoint_of_another_log_is_refused(settings: Settings, house: House) -> None:
    assert "disagree" in refusal(replace(settings, log_origin="other.example/log"), house)


def test_preparing_again_does_not_make_an_older_copy_good(settings: Settings, house: House) -> None:
    grow(settings, house, 1)
    older = file_of(settings).read_bytes()
    grow(settings, house, 1)
    file_of(settings).write_bytes(older)
    with pytest.raises(NotReady):
        prepare(settings, at=AT)
    settings.checkpoint_file.unlink()
    with pytest.raises(NotReady):
        prepare(settings, at=AT)
    assert not settings.checkpoint_file.exists()


def test_preparing_again_changes_nothing(settings: Settings, house: House) -> None:
    grow(settings, house, 2)

    def state() -> dict[str, bytes]:
        folder = settings.key_directory.parent
        files = {path.name: path.read_bytes() for path in settings.key_directory.iterdir()}
        with sqlite3.connect(folder / "throughcare.db") as database:
            dump = "\n".join(database.iterdump()).encode()
        database.close()
        return {**files, "checkpoint": settings.checkpoint_file.read_bytes(), "dump": dump}

    before = state()
    prepare(settings, at=AT + timedelta(days=1))
    assert state() == before


def test_preparing_takes_an_empty_folder_for_its_keys(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    (folder / "keys").mkdir(parents=True)
    fresh = settings_in(folder)
    prepare(fresh, at=AT)
    assert KeyRing.load(folder / "keys").data_encryption != (
        KeyRing.load(settings.key_directory).data_encryption
    )


def test_a_second_process_on_the_same_file_is_refused(settings: Settings) -> None:
    with opened(settings), pytest.raises(NotReady, match="another process"), opened(settings):
        pass
    with opened(settings):
        pass


def test_another_way_to_the_same_file_meets_the_same_lock(settings: Settings) -> None:
    link = file_of(settings).with_name("link.db")
    link.symlink_to(file_of(settings))
    with opened(settings):
        other = replace(settings, database_url=f"sqlite:///{link}")
        with pytest.raises(NotReady, match="another process"), opened(other):
            pass


def test_the_lock_is_let_go_when_the_work_breaks(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), opened(settings) as database:
        raise ZeroDivisionError
    with pytest.raises(DatabaseUnavailable):
        database.run_blocking(lambda _: None)
    with opened(settings):
        pass


@pytest.mark.parametrize(
    "place", ["missing/throughcare.db", "keys", "checkpoint/x.db"], ids=["folder", "is one", "file"]
)
def test_a_database_that_cannot_be_opened_is_named(settings: Settings, place: str) -> None:
    folder = settings.key_directory.parent
    wrong = replace(settings, database_url=f"sqlite:///{folder}/{place}")
    with pytest.raises(NotReady), opened(wrong):
        pass


def test_a_file_that_is_no_database_is_named(settings: Settings) -> None:
    file_of(settings).write_bytes(b"This is no database. " * 100)
    with pytest.raises(NotReady, match="not a database"), opened(settings):
        pass


def test_a_server_that_does_not_answer_is_named_without_the_password(settings: Settings) -> None:
    url = "postgresql+psycopg://service:planted-password@127.0.0.1:1/throughcare"
    with pytest.raises(NotReady) as caught, opened(replace(settings, database_url=url)):
        pass
    assert "cannot be opened" in str(caught.value)
    assert "planted-password" not in str(caught.value)


def open_a_key_to_others(settings: Settings) -> None:
    """A key that the group can read."""
    (settings.key_directory / "log_signing.pem").chmod(0o640)


def lose_a_key(settings: Settings) -> None:
    """A key less."""
    (settings.key_directory / "blind_index.key").unlink()


def lose_all_keys(settings: Settings) -> None:
    """No folder of keys."""
    shutil.rmtree(settings.key_directory)


@pytest.mark.parametrize("spoil", [open_a_key_to_others, lose_a_key, lose_all_keys])
def test_keys_that_are_missing_or_open_to_others_are_named(
    settings: Settings, spoil: Callable[[Settings], None]
) -> None:
    spoil(settings)
    with pytest.raises(UnsafeKey) as caught:
        check_installation(settings, clock)
    assert str(settings.key_directory) in str(caught.value)


@pytest.fixture
def policies(settings: Settings, tmp_path: Path) -> Settings:
    """An installation with policies of its own, to be spoilt."""
    shutil.copytree(POLICIES, tmp_path / "policies")
    return replace(settings, policies_directory=tmp_path / "policies")


def test_a_bad_policy_is_not_put_in_force_first(policies: Settings, tmp_path: Path) -> None:
    (policies.policies_directory / "base" / "extra.cedar").write_text("permit(principal);")
    bad = policies.policies_directory
    fresh = replace(settings_in(tmp_path / "fresh"), policies_directory=bad)
    (tmp_path / "fresh").mkdir()
    with pytest.raises(PolicyError, match=r"extra\.cedar:1"):
        prepare(fresh, at=AT)
    assert list((tmp_path / "fresh").iterdir()) == []


def test_what_was_broken_off_before_its_policy_does_not_start_and_is_finished_by_another_run(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path)
    ring = KeyRing.create(settings.key_directory, random=secrets.token_bytes)
    with opened(settings) as database:
        database.run_blocking(lambda c: migrate(c, ring))
    with pytest.raises(NotFound, match="no policy bundle is in force"):
        check_installation(settings, clock)
    prepare(settings, at=AT)
    assert check_installation(settings, clock).activation == 1


def test_a_folder_that_differs_is_named_and_changes_nothing(
    policies: Settings, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    (policies.policies_directory / "base" / "extra.cedar").write_text("permit(principal);")
    with caplog.at_level(logging.WARNING):
        assert check_installation(policies, clock).bundle.digest == house.bundle.digest
    (line,) = [one.getMessage() for one in caplog.records if one.name == "throughcare.main"]
    assert f"is not what is in force: {house.bundle.digest}" in line


def test_placeholders_for_law_need_the_setting(settings: Settings) -> None:
    with pytest.raises(PolicyError):
        check_installation(replace(settings, allow_illustrative=False), clock)


@pytest.mark.parametrize("content", [None, b"\xff", b"code = 7", b"= ="])
def test_a_profile_that_cannot_be_used_is_named(policies: Settings, content: bytes | None) -> None:
    file = policies.policies_directory / policies.profile / "profile.toml"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises((NotReady, ProfileError)) as caught:
        check_installation(policies, clock)
    assert "profile" in str(caught.value)


def test_the_clock_is_the_systems_where_no_file_stands_for_it() -> None:
    now = make_clock(Settings())()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=5)


def test_the_clock_of_a_rehearsal_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    read = make_clock(Settings(clock_file=file))
    file.write_text("2027-03-03T10:00:00+01:00\n")
    assert read() == AT
    file.write_text("2027-03-04T09:00:00Z")
    assert read() == AT + timedelta(days=1)
    assert read().utcoffset() == timedelta(0)


@pytest.mark.parametrize("content", [None, b"", b"soon", b"2027-03-03T09:00:00", b"\xff"])
def test_a_clock_that_tells_no_moment_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "clock"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(NotReady):
        make_clock(Settings(clock_file=file))()


def test_the_policy_is_loaded_for_the_day_of_the_law(settings: Settings) -> None:
    # Late in the evening of the 2nd in UTC it is the 3rd in the country.
    late = datetime(2027, 3, 2, 23, 30, tzinfo=UTC)
    house = make_house(settings, at=late)
    assert house.legal_date(late).day == 3


def test_the_key_of_the_log_carries_its_name(settings: Settings, house: House) -> None:
    assert log_verifier(settings, house.ring).name == settings.log_origin


def test_the_service_works_until_its_end_and_lets_go_of_everything(
    settings: Settings, house: House
) -> None:
    async def serve() -> None:
        async with running(settings, clock, house) as service:
            await service.database.run(lambda connection: record(connection, house))
            with pytest.raises(NotReady):
                async with running(settings, clock, house):
                    pass
        with pytest.raises(DatabaseUnavailable):
            await service.database.run(lambda _: None)

    asyncio.run(serve())
    # The last round of the sequencer signed what was written.
    note = checkpoints.read_checkpoint_file(settings.checkpoint_file)
    assert note is not None
    assert note.split("\n")[1] == "2"
    ready(settings, house)


def test_an_application_opens_and_closes_its_service_with_its_lifespan(settings: Settings) -> None:
    async def live() -> None:
        app = create_app(settings, clock=clock)
        async with app.router.lifespan_context(app):
            assert app.state.service.settings == settings
            assert app.state.service.clock() == AT

    asyncio.run(live())
    with opened(settings):
        pass


def test_an_application_that_is_not_ready_does_not_start_and_lets_go(settings: Settings) -> None:
    file_of(settings).unlink()

    async def live() -> None:
        app = create_app(settings, clock=clock)
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(NotReady):
        asyncio.run(live())
    with opened(settings):
        pass


def test_work_that_should_go_on_says_when_it_breaks(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), caplog.at_level(logging.CRITICAL):
        asyncio.run(watched("Dispatcher", work()))
    assert "Dispatcher has ended" in caplog.text


# -- the country ------------------------------------------------------------------------------


def founded(folder: Path, profile: str) -> Settings:
    """A fresh installation of a country."""
    folder.mkdir()
    settings = replace(settings_in(folder), profile=profile)
    prepare(settings, at=AT)
    return settings


@pytest.mark.parametrize("profile", ["ba", "xk"])
def test_the_service_decides_with_the_overlay_of_its_profile(tmp_path: Path, profile: str) -> None:
    chosen = founded(tmp_path / profile, profile)
    house = make_house(chosen, at=AT)
    own = load_country_bundle(POLICIES, profile, at=AT.date(), allow_illustrative=True)
    base = load_bundle(POLICIES, at=AT.date(), allow_illustrative=True)
    assert house.bundle.digest == own.digest != base.digest


def test_holidays_that_are_not_known_are_told_at_the_start(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_house(founded(tmp_path / "rs", "rs"), at=AT)
    assert "the holidays of Serbia are not known" in caplog.text
    caplog.clear()
    make_house(settings, at=AT)
    assert "holidays" not in caplog.text


def test_a_review_that_is_due_is_told_at_the_start(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    make_house(settings, at=datetime(2027, 12, 31, 22, 59, tzinfo=UTC))
    assert "is due" not in caplog.text
    make_house(settings, at=datetime(2027, 12, 31, 23, 0, tzinfo=UTC))
    assert "the review of PROBATION is due" in caplog.text


def test_an_agreement_ends_at_midnight_in_the_legal_time_zone(settings: Settings) -> None:
    """The last day is 31 December 2030; the profile's clock is an hour ahead of UTC."""
    house = make_house(settings, at=AT)
    request = most_favourable("court_panel", "judicial_decision", fields=frozenset())
    last = datetime(2030, 12, 31, 22, 59, tzinfo=UTC)
    assert house.bundle.decide(request, at=house.legal_date(last)).released
    over = last + timedelta(minutes=1)
    assert not house.bundle.decide(request, at=house.legal_date(over)).released


def test_a_service_asks_the_witnesses_of_its_settings(
    settings: Settings, house: House, tmp_path: Path
) -> None:
    witness = program.create(tmp_path / "witness", "w.example", random=secrets.token_bytes)

    async def until_cosigned(url: str) -> None:
        agreed = replace(settings, witnesses=(f"{witness.to_vkey()} {url}",))
        async with running(agreed, clock, house) as service:
            while standing(service.database) is not Standing.COSIGNED:  # noqa: ASYNC110 - another thread writes it
                await asyncio.sleep(0.01)

    def standing(database: Database) -> Standing | None:
        found = database.read_blocking(lambda c: witnesses.standing(c, witness))
        return found and found[0]

    logs = [log_verifier(settings, house.ring)]
    with (
        program.opened(tmp_path / "witness", logs, clock=clock) as cosigner,
        served(make_app(cosigner)) as url,
    ):
        asyncio.run(asyncio.wait_for(until_cosigned(url), 60))
    # The sequencer puts the note with the line into its file as it ends.
    note = checkpoints.read_checkpoint_file(settings.checkpoint_file)
    assert note is not None
    assert [one.witness for one in cosignatures(note, [witness])] == [witness]


def test_a_sequencer_of_its_own_asks_them_too_and_follows_the_policy(
    settings: Settings, house: House
) -> None:
    vkey = Witness("w.example", bytes(32)).to_vkey()
    agreed = replace(settings, witnesses=(f"{vkey} https://w.example",))
    with opened(settings) as database:
        for one, names in (
            (settings, {"Sequencer", "Watcher", "InForce"}),
            (agreed, {"Sequencer", "Watcher", "InForce", "Witnessing"}),
        ):
            jobs = sequencing(one, house, database, clock, asyncio.Event())
            assert set(jobs) == names
            for job in jobs.values():
                job.close()


def test_a_command_where_no_database_is_tells_how_to_name_the_one_there_is(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/absent.db")
    with (
        pytest.raises(NotReady, match=r"absent\.db: no database is here.*THROUGHCARE_DATABASE_URL"),
        reading(settings, ACTIVATION),
    ):
        pass
