from itertools import pairwise

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy.actions import release
from app.policy.bundle import Bundle


def test_a_permit_holds_its_form_and_all_below_it(bundle: Bundle) -> None:
    mask = bundle.policies["PRB-custody"].mask
    bits = bundle.vocabulary.bits
    held = [f for f in DISCLOSED_FORMS if mask & bits[release("custody.conduct_summary", f)]]
    assert held == [Form.EXISTENCE, Form.GENERALISED, Form.SUMMARY]


def test_a_forbid_holds_its_form_and_all_above_it(bundle: Bundle) -> None:
    mask = bundle.policies["NEVER-third-persons"].mask
    bits = bundle.vocabulary.bits
    held = [
        f for f in DISCLOSED_FORMS if mask & bits[release("supervision.contact_prohibitions", f)]
    ]
    assert held == [Form.FULL]


def test_a_forbid_of_a_section_holds_all_its_fields(bundle: Bundle) -> None:
    mask = bundle.policies["NEVER-values-to-auditor"].mask
    assert all(mask & field == field for field in bundle.vocabulary.field_masks)


def test_no_policy_of_the_shipped_bundle_names_nothing(bundle: Bundle) -> None:
    assert all(policy.mask for policy in bundle.policies.values())


def test_forms_are_monotone_in_every_mask(bundle: Bundle) -> None:
    bits = bundle.vocabulary.bits
    for policy in bundle.policies.values():
        for path in bundle.vocabulary.fields:
            for lower, higher in pairwise(DISCLOSED_FORMS):
                low = bool(policy.mask & bits[release(path, lower)])
                high = bool(policy.mask & bits[release(path, higher)])
                assert (low <= high) if policy.is_forbid else (high <= low)
