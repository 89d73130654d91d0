"""The reference engine beside the table: what is withheld when the two are not of one mind."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.policy.bundle import Bundle
from app.policy.cross_check import SAMPLE, CrossCheck, Disagreement, Mode
from app.policy.engine import UNDECIDED
from app.policy.errors import DecisionFailed
from app.policy.probe import Probe
from app.policy.request import Request
from app.telemetry.measures import MEASURES
from tests.policy.planted import one

DAY = date(2027, 3, 3)


class CountingProbe(Probe):
    """The probe itself, which also counts how often it was asked."""

    asked = 0

    def satisfied(self, request: Request) -> frozenset[str]:
        self.asked += 1
        return super().satisfied(request)


def counted(bundle: Bundle, mode: Mode, **options: int) -> tuple[Bundle, CountingProbe]:
    span = bundle.span(DAY)
    probe = CountingProbe(span.table.policies.values(), bundle.vocabulary)
    return (
        replace(
            bundle,
            spans=(replace(span, probe=probe),),
            starts=(date.min,),
            cross_check=CrossCheck(mode, **options),
        ),
        probe,
    )


def without_a_forbid(bundle: Bundle) -> Bundle:
    """A table that lost a forbid, beside a probe that has it."""
    span = bundle.span(DAY)
    (table,) = [table for role, table in span.table.roles.items() if role == "probation_service"]
    satisfied, _ = span.compiled.roles["probation_service"]
    lost = next(n for n, policy in enumerate(table.policies) if policy.is_forbid)
    roles = {
        **span.compiled.roles,
        "probation_service": (lambda request: satisfied(request) & ~(1 << lost), table),
    }
    compiled = replace(span.compiled, roles=roles)
    return replace(bundle, spans=(replace(span, compiled=compiled),), starts=(date.min,))


@pytest.fixture
def favoured(probation: Request) -> Request:
    return replace(probation, agency="prison-1", assigned=True, days_to_release=3)


def test_a_disagreement_withholds_everything_and_looks_like_any_failure(
    bundle: Bundle, favoured: Request
) -> None:
    wrong = without_a_forbid(bundle)
    counted = ("throughcare_policy_alarms_total", {"reason": "disagreement"})
    before = MEASURES.get_sample_value(*counted)
    with pytest.raises(Disagreement) as failed:
        wrong.decide(favoured, at=DAY)
    assert before is not None
    assert MEASURES.get_sample_value(*counted) == before + 1
    assert isinstance(failed.value, DecisionFailed)
    assert failed.value.detail == UNDECIDED
    assert (failed.value.slug, failed.value.status) == (DecisionFailed.slug, DecisionFailed.status)


def test_the_alarm_names_bundle_role_purpose_and_policies_and_no_person(
    bundle: Bundle, favoured: Request
) -> None:
    with pytest.raises(Disagreement) as failed:
        without_a_forbid(bundle).decide(replace(favoured, custodian="secret"), at=DAY)
    for part in (bundle.digest, "probation_service", "supervision", "differs in: NEVER-"):
        assert part in failed.value.alarm
    assert "secret" not in failed.value.alarm
    assert favoured.agency not in failed.value.alarm


def test_a_disagreement_is_found_again_and_never_kept(bundle: Bundle, favoured: Request) -> None:
    wrong = without_a_forbid(bundle)
    for _ in range(3):
        with pytest.raises(Disagreement):
            wrong.decide(favoured, at=DAY)


def test_an_engine_that_fails_withholds_everything(bundle: Bundle, favoured: Request) -> None:
    span = bundle.span(DAY)
    # Loading refuses such a policy; it stands for whatever may go wrong in the engine.
    errs = one("9223372036854775807 + 1 > 0")
    probe = Probe([*span.table.policies.values(), errs], bundle.vocabulary)
    broken = replace(bundle, spans=(replace(span, probe=probe),), starts=(date.min,))
    with pytest.raises(Disagreement) as failed:
        broken.decide(favoured, at=DAY)
    assert "the reference engine failed: DecisionFailed" in failed.value.alarm


def test_always_asks_once_for_the_same_inputs(bundle: Bundle, favoured: Request) -> None:
    service, probe = counted(bundle, "always")
    for _ in range(3):
        service.decide(favoured, at=DAY)
    assert probe.asked == 1


@pytest.mark.parametrize(
    "change",
    [{"agency": "another"}, {"days_to_release": 2}, {"client": "other"}, {"assigned": False}],
)
def test_always_asks_again_for_any_other_input(
    bundle: Bundle, favoured: Request, change: dict[str, object]
) -> None:
    service, probe = counted(bundle, "always")
    service.decide(favoured, at=DAY)
    service.decide(replace(favoured, **change), at=DAY)  # type: ignore[arg-type]  # one of several
    assert probe.asked == 2


def test_always_asks_again_on_another_legal_day(bundle: Bundle, favoured: Request) -> None:
    service, probe = counted(bundle, "always")
    service.decide(favoured, at=DAY)
    service.decide(favoured, at=DAY + timedelta(days=1))
    assert probe.asked == 2


def test_always_asks_again_for_another_bundle(bundle: Bundle, favoured: Request) -> None:
    service, probe = counted(bundle, "always")
    decision = service.decide(favoured, at=DAY)
    other = replace(decision, digest="another")
    service.cross_check.confirm(other, favoured, at=DAY, probe=probe)
    assert probe.asked == 2


def test_what_is_kept_is_bounded(bundle: Bundle, favoured: Request) -> None:
    service, probe = counted(bundle, "always", remembered=2)
    for agency in ("a", "b", "c", "a"):
        service.decide(replace(favoured, agency=agency), at=DAY)
    assert probe.asked == 4


def test_a_sample_asks_for_the_first_and_for_one_in_so_many(
    bundle: Bundle, favoured: Request
) -> None:
    service, probe = counted(bundle, "sampled", remembered=0)
    for _ in range(2 * SAMPLE):
        service.decide(favoured, at=DAY)
    assert probe.asked == 2


def test_off_asks_nothing(bundle: Bundle, favoured: Request) -> None:
    service, probe = counted(bundle, "off")
    service.decide(favoured, at=DAY)
    assert probe.asked == 0


def test_a_bundle_is_checked_always_unless_it_is_told_otherwise(bundle: Bundle) -> None:
    assert bundle.cross_check.mode == "always"
