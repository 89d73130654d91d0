from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.files.forms import Form
from app.policy.actions import Vocabulary, of_the_catalogue
from app.policy.bundle import Bundle
from app.policy.decision import Reason
from app.policy.errors import PolicyError
from app.policy.loader import load_bundle
from app.policy.roles import ROLE_PURPOSES
from app.policy.self_test import most_favourable

Plant = Callable[..., Path]

DAY = date(2027, 3, 3)
POLICIES = Path(__file__).parents[2] / "policies"
SOUND = """
@id("X") @agreement("A") @legal_basis("L")
permit (
  principal in Role::"probation_service",
  action in Action::"grant:identity.full_name:full",
  resource
) when { context.purpose == Purpose::"supervision" };
"""


def test_the_shipped_bundle_is_illustrative_and_says_so() -> None:
    with pytest.raises(PolicyError, match="only THROUGHCARE_ALLOW_ILLUSTRATIVE=true lets through"):
        load_bundle(POLICIES, at=DAY, allow_illustrative=False)


def test_an_empty_bundle_is_refused(plant: Plant) -> None:
    with pytest.raises(PolicyError, match="no permit is in force on 2027-03-03"):
        load_bundle(plant(), at=DAY, allow_illustrative=False)


@pytest.mark.parametrize("name", ["schema.cedarschema", "agreements.toml"])
def test_a_missing_file_is_named(plant: Plant, name: str) -> None:
    directory = plant(SOUND)
    (directory / name).unlink()
    with pytest.raises(PolicyError, match=f"^{name}: cannot be read$"):
        load_bundle(directory, at=DAY, allow_illustrative=False)


@pytest.mark.parametrize("name", ["forbids.cedar.bak", "notes.txt", "country"])
def test_what_would_be_left_unread_is_refused(plant: Plant, name: str) -> None:
    directory = plant(SOUND)
    (directory / "base" / name).mkdir()
    with pytest.raises(PolicyError, match=r"only \.cedar files belong here"):
        load_bundle(directory, at=DAY, allow_illustrative=False)


def test_a_file_that_is_no_text_is_named(plant: Plant) -> None:
    directory = plant(SOUND)
    (directory / "base" / "file0.cedar").write_bytes(b"\xff")
    with pytest.raises(PolicyError, match=r"^base/file0\.cedar: is not UTF-8$"):
        load_bundle(directory, at=DAY, allow_illustrative=False)


def test_a_schema_that_is_not_the_catalogues_is_refused(plant: Plant) -> None:
    directory = plant(SOUND)
    file = directory / "schema.cedarschema"
    file.write_text(file.read_text().replace(' in ["block:identity:existence"]', "", 1))
    with pytest.raises(PolicyError, match="is not the schema of the catalogue"):
        load_bundle(directory, at=DAY, allow_illustrative=False)


@pytest.mark.parametrize("name", ["schema.cedarschema", "agreements.toml", "base/file0.cedar"])
def test_the_digest_covers_every_file(plant: Plant, name: str) -> None:
    directory = plant(SOUND)
    before = load_bundle(directory, at=DAY, allow_illustrative=False).digest
    assert load_bundle(directory, at=DAY, allow_illustrative=False).digest == before
    file = directory / name
    if name == "schema.cedarschema":
        vocabulary = with_a_new_field()
        plant(SOUND, vocabulary=vocabulary)
    else:
        vocabulary = of_the_catalogue()
        file.write_text(file.read_text() + "# \n" if name.endswith("toml") else SOUND + "// \n")
    after = load_bundle(directory, at=DAY, allow_illustrative=False, vocabulary=vocabulary)
    assert after.digest != before


def test_the_digest_covers_the_names_of_files(plant: Plant) -> None:
    directory = plant(SOUND)
    before = load_bundle(directory, at=DAY, allow_illustrative=False).digest
    (directory / "base" / "file0.cedar").rename(directory / "base" / "file1.cedar")
    assert load_bundle(directory, at=DAY, allow_illustrative=False).digest != before


def with_a_new_field() -> Vocabulary:
    vocabulary = of_the_catalogue()
    return replace(vocabulary, fields=(*vocabulary.fields, "identity.shoe_size"))


def test_a_new_field_is_withheld_from_everybody_until_a_permit_names_it(plant: Plant) -> None:
    vocabulary = with_a_new_field()
    texts = [path.read_text() for path in sorted((POLICIES / "base").iterdir())]
    agreements = (POLICIES / "agreements.toml").read_text()
    directory = plant(*texts, agreements=agreements, vocabulary=vocabulary)
    bundle: Bundle = load_bundle(directory, at=DAY, allow_illustrative=True, vocabulary=vocabulary)
    fields = frozenset(vocabulary.fields)
    for role, purposes in ROLE_PURPOSES.items():
        for purpose in purposes:
            request = most_favourable(role, purpose, fields=fields)
            decided = bundle.decide(request, at=DAY).fields["identity.shoe_size"]
            assert decided.form is Form.NONE
            assert decided.reason is Reason.NOT_FOR_THIS_ROLE
