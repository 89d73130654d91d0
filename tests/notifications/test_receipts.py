"""What is pushed or polled comes with the log's receipt, which the receivers' library checks."""

from datetime import timedelta

from app.access_log.receipt import HEADER
from app.main import log_verifier
from tests.notifications.agency import Agency, Notice
from tests.notifications.play import Prison, Town
from throughcare_receiver.note import LogKey
from throughcare_receiver.receipt import Disclosed, check_entry, check_receipt


def hold_to_receipt(town: Town, agency: Agency, notice: Notice, header: str) -> None:
    """The log has promised this very body, and its entry says what came, about whom, to whom."""
    world = town.world
    verifier = log_verifier(world.settings, world.service.house.ring)
    key = [LogKey.from_vkey(verifier.to_vkey())]
    receipt = check_receipt(header, body=notice.sealed, log=key, at=world.clock())
    town.entries(agency)  # by then the entry has its place in the log
    shown = agency.call("GET", f"/v1/disclosures/{receipt.entry_id}")
    assert shown.status_code == 200, shown.text
    released = notice.event["released"].items()
    disclosed = Disclosed(
        client_id=agency.client_id,
        reference=notice.reference,
        purpose=notice.event["purpose"],
        body=notice.sealed,
        released=[f"{section}.{name}" for section, fields in released for name in fields],
    )
    check_entry(shown.content, receipt=receipt, disclosed=disclosed, log=key)


def test_a_push_has_its_receipt_in_a_header(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + timedelta(days=40))
    town.settle()
    [notice] = probation.notices()
    letter = probation.box.letters[-1]
    assert letter.body == notice.sealed
    hold_to_receipt(town, probation, notice, letter.headers[HEADER.lower()])


def test_a_poll_has_the_receipts_of_what_it_brings(town: Town, prison: Prison) -> None:
    welfare = town.join("social_welfare_centre")
    welfare.subscribe_to_inbox()
    prison.admit(town.today + timedelta(days=40))
    town.settle()
    answer = welfare.ask_inbox().json()
    [(jti, header)] = answer["receipts"].items()
    notice = welfare.opened_from(answer["sets"][jti])
    assert notice.jti == jti
    hold_to_receipt(town, welfare, notice, header)


def test_what_is_about_no_person_has_no_receipt(town: Town) -> None:
    welfare = town.join("social_welfare_centre")
    body = {"delivery": "poll", "encryption_jwk": welfare.encryption_jwk()}
    made = welfare.call("POST", "/v1/subscriptions", body).json()
    welfare.subscription_id = made["subscription_id"]
    answer = welfare.ask_inbox().json()
    assert (len(answer["sets"]), answer["receipts"]) == (1, {})
