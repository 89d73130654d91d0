"""The events of the catalogue: who is told, of what, how fast to answer. One row each.

This table is meant to be read: what makes an event, whom it is for, what it may carry and what
follows if nobody answers stand here and nowhere else. It bounds; the policy decides, for each
recipient and at each attempt, what of the sections it gets.

The rows stand in order of precedence: when milestones of several types collapse into
one notice, the first of them in this table names it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from app.releases.event_types import (
    Contact,
    EventType,
    Hastened,
    Holds,
    Kind,
    Matter,
    Priority,
    Step,
    Trigger,
)
from app.releases.roles import Group, members

__all__ = [
    "CONTROLS",
    "EMERGENCY_OPENED",
    "EVENTS",
    "OVERSIGHT",
    "PRECEDENCE",
    "REVIEW_OVERDUE",
    "EventType",
    "Kind",
    "Matter",
    "Priority",
    "Trigger",
]

# The roles by the codes that agreements use.
CUS, PRB, CRT = "correctional_service", "probation_service", "court_panel"
PLO, PCT, NCB = "police_local", "police_ct", "international_gateway"
RIU, NCO, CSW = "reintegration_unit", "national_coordinator", "social_welfare_centre"
CHP, HLT, EMP = "child_protection_authority", "health_provider", "employment_service"
MUN, NGO, REL = "municipal_team", "ngo_mentor", "religious_counsellor"
VIC, AUD = "victim_support_service", "oversight_auditor"
INFORMED, ACTIVE = members(Group.INFORMED), members(Group.ACTIVE)
ENTITLEMENTS = members(Group.ENTITLEMENTS)

FILE, CLOCK = frozenset({Trigger.FILE}), frozenset({Trigger.CLOCK})
CUSTODY, FACT = frozenset({Trigger.CUSTODY}), frozenset({Trigger.FACT})
ENTAILED = frozenset({Trigger.CONTROL})

DAY = 24
FLOOR_DAYS = 8  # the hard floor of notice, as in `milestones`
DUTY_OFFICER = (Step(0, Contact.DUTY_OFFICER),)
SUPERVISOR = (Step(0, Contact.SUPERVISOR),)
DPO = (Step(0, Contact.DATA_PROTECTION_OFFICER),)
NOT_ON_LEAVE = MappingProxyType(
    {CHP: "the policy keeps a leave from support roles; a child at its address has no field yet"}
)
AGGREGATES_ONLY = MappingProxyType({NCO: "it has aggregates, and never an event about a person"})
# Whoever asked to see the person before the release, of whichever role that works with the plan.
VISITORS = frozenset({PRB, CRT, RIU, CSW, MUN, CHP, HLT, EMP, NGO, REL})

# What the news of a release may carry.
_ANNOUNCED = (
    "identity",
    "residence_contact",
    "sentence",
    "release",
    "supervision",
    "plan",
    "needs",
    "risk_assessment",
)

_RELEASE = (
    EventType(  # first: when support is over, nothing else needs saying
        name="support_window_ended",
        meaning="Support is over: stop, and keep nothing longer than your own law asks",
        triggers=CLOCK,
        recipients=INFORMED,
        escalation=(Step(DAY, Contact.DATA_PROTECTION_OFFICER),),
        matter=Matter.RELEASE,
        only_those_told=True,
        bare=True,
        ends=Matter.RELEASE,
    ),
    EventType(
        name="released",
        meaning="The person has left the prison",
        triggers=FILE,
        recipients=INFORMED | {VIC},
        sections=("identity", "residence_contact", "release"),
        tells=("release",),
        acknowledgement_hours=DAY,
        priority=Priority.URGENT,
        matter=Matter.RELEASE,
        holds=Holds.LEFT,
    ),
    EventType(
        name="release_cancelled",
        meaning="The release that was announced is off; erase what came with it",
        triggers=FILE,
        recipients=INFORMED,
        acknowledgement_hours=DAY,
        announces_release=True,
        matter=Matter.RELEASE,
        only_those_told=True,
        bare=True,
        ends=Matter.RELEASE,
        control="recall",
    ),
    EventType(
        name="release_date_changed",
        meaning="The announced release was moved to another day",
        triggers=FILE,
        recipients=INFORMED,
        sections=("release",),
        if_unheard=_ANNOUNCED,
        tells=("release",),
        acknowledgement_hours=DAY,
        hastened=Hastened(4, FLOOR_DAYS, if_earlier=True),
        escalation=(Step(0, Contact.SECOND_CONTACT), Step(2, Contact.DUTY_OFFICER)),
        announces_release=True,
        matter=Matter.RELEASE,
        only_those_told=True,
        superseded_by=frozenset({"release_date_changed", "release_cancelled"}),
        bare=True,
    ),
    EventType(
        name="release_advanced_by_court",
        meaning="A court has ordered the release, earlier than it was planned",
        triggers=FILE,
        recipients=frozenset({PRB, CSW, RIU, HLT, PLO}),
        sections=("identity", "residence_contact", "release", "plan", "needs"),
        tells=("release",),
        acknowledgement_hours=2,
        hastened=Hastened(1, FLOOR_DAYS),
        escalation=DUTY_OFFICER,
        priority=Priority.IMMEDIATE,
        announces_release=True,
        matter=Matter.RELEASE,
        holds=Holds.RELEASE_IN_VIEW,
    ),
    EventType(
        name="early_release_decided",
        meaning="A pardon or an amnesty lets the person leave early",
        triggers=FILE,
        recipients=frozenset({PRB, CSW, RIU, HLT, PLO}),
        sections=("identity", "residence_contact", "release", "plan", "needs"),
        tells=("release",),
        acknowledgement_hours=4,
        escalation=DUTY_OFFICER,
        priority=Priority.IMMEDIATE,
        announces_release=True,
        matter=Matter.RELEASE,
        holds=Holds.RELEASE_IN_VIEW,
    ),
    EventType(
        name="release_planned",
        meaning="A release is planned: prepare for it",
        triggers=CLOCK,
        recipients=INFORMED,
        sections=_ANNOUNCED,
        tells=("release",),
        acknowledgement_hours=3 * DAY,
        escalation=(Step(0, Contact.SUPERVISOR), Step(5 * DAY, Contact.AGENCY_HEAD)),
        announces_release=True,
        matter=Matter.RELEASE,
        holds=Holds.RELEASE_IN_VIEW,
    ),
    EventType(
        name="entitlement_expiring",
        meaning="An entitlement ends soon: see that it is claimed",
        triggers=CLOCK,
        recipients=ENTITLEMENTS,
        sections=("release", "needs"),
        tells=("release",),
        acknowledgement_hours=5 * DAY,
        escalation=(Step(0, Contact.REINTEGRATION_UNIT),),
        matter=Matter.RELEASE,
        holds=Holds.RELEASE_IN_VIEW,
    ),
    EventType(
        name="joint_evaluation_due",
        meaning="Those who took part evaluate the process together",
        triggers=CLOCK,
        recipients=ACTIVE,
        sections=("plan",),
        acknowledgement_hours=30 * DAY,
        matter=Matter.RELEASE,
        holds=Holds.RELEASE_IN_VIEW,
        closed=AGGREGATES_ONLY,
    ),
    EventType(
        name="follow_up_due",
        meaning="A follow-up is due: what has become of it?",
        triggers=CLOCK,
        recipients=ACTIVE,
        sections=("release", "plan"),
        tells=("release",),
        matter=Matter.RELEASE,
        holds=Holds.RELEASE_IN_VIEW,
    ),
)


def _conditional(outcome: str, meaning: str, triggers: frozenset[Trigger]) -> EventType:
    return EventType(
        name=f"conditional_release_{outcome}",
        meaning=meaning,
        triggers=triggers,
        recipients=frozenset({PRB, CRT, PLO, CSW, VIC}),
        sections=("identity", "release", "supervision"),
        tells=("release", "supervision"),
        acknowledgement_hours=DAY,
        escalation=(Step(0, Contact.AGENCY_HEAD),),
        # The others say that nobody leaves.
        announces_release=outcome == "granted",
        matter=Matter.SUPERVISION,
    )


def _conditions(outcome: str, meaning: str) -> EventType:
    return EventType(
        name=f"supervision_conditions_{outcome}",
        meaning=meaning,
        triggers=FILE,
        recipients=frozenset({PRB, PLO, CSW, CHP, VIC}),
        sections=("identity", "supervision"),
        tells=("supervision",),
        acknowledgement_hours=DAY,
        matter=Matter.SUPERVISION,
    )


_SUPERVISION = (
    _conditional("granted", "Conditional release was granted", FILE),
    _conditional("refused", "Conditional release was refused", CUSTODY),
    _conditional("revoked", "Conditional release was taken back", FILE | CUSTODY),
    _conditions("set", "Conditions of supervision were set"),
    _conditions("changed", "Conditions of supervision were changed"),
    _conditions("ended", "Conditions of supervision have ended"),
)

_LEAVE_RECIPIENTS = frozenset({PLO, PRB, VIC})
_LEAVE_SECTIONS = ("identity", "release")
_LEAVE_TELLS = ("release.temporary_leave_window",)

_LEAVE = (
    EventType(
        name="temporary_leave_granted",
        meaning="A temporary leave was granted",
        triggers=FILE,
        recipients=_LEAVE_RECIPIENTS,
        sections=_LEAVE_SECTIONS,
        tells=_LEAVE_TELLS,
        acknowledgement_hours=DAY,
        escalation=(Step(0, Contact.CUSTODIAN),),
        priority=Priority.URGENT,
        matter=Matter.LEAVE,
        holds=Holds.LEAVE_GRANTED,
        closed=NOT_ON_LEAVE,
    ),
    EventType(
        name="temporary_leave_changed",
        meaning="The time or the place of a temporary leave was changed",
        triggers=FILE,
        recipients=_LEAVE_RECIPIENTS,
        sections=_LEAVE_SECTIONS,
        tells=_LEAVE_TELLS,
        acknowledgement_hours=DAY,
        escalation=(Step(0, Contact.CUSTODIAN),),
        priority=Priority.URGENT,
        matter=Matter.LEAVE,
        only_those_told=True,
        bare=True,
        closed=NOT_ON_LEAVE,
    ),
    EventType(
        name="temporary_leave_cancelled",
        meaning="A temporary leave that was granted does not take place",
        triggers=FILE,
        recipients=_LEAVE_RECIPIENTS,
        acknowledgement_hours=DAY,
        escalation=(Step(0, Contact.CUSTODIAN),),
        priority=Priority.URGENT,
        matter=Matter.LEAVE,
        only_those_told=True,
        bare=True,
        ends=Matter.LEAVE,
        closed=NOT_ON_LEAVE,
    ),
    EventType(
        name="temporary_leave_started",
        meaning="The person has left on a temporary leave",
        triggers=CUSTODY,
        recipients=frozenset({PLO, PRB}),
        sections=_LEAVE_SECTIONS,
        tells=_LEAVE_TELLS,
        acknowledgement_hours=4,
        priority=Priority.URGENT,
        matter=Matter.LEAVE,
        holds=Holds.LEAVE_GRANTED,
    ),
    EventType(
        name="temporary_leave_returned",
        meaning="The person is back from a temporary leave",
        triggers=CUSTODY,
        recipients=frozenset({PLO, PRB}),
        matter=Matter.LEAVE,
        only_those_told=True,
        bare=True,
        ends=Matter.LEAVE,
    ),
)


def _flight(
    name: str, meaning: str, recipients: frozenset[str], *, from_leave: bool = False
) -> EventType:
    return EventType(
        name=name,
        meaning=meaning,
        triggers=CUSTODY | CLOCK if from_leave else CUSTODY,
        recipients=recipients,
        sections=("identity", "sentence", "release"),
        acknowledgement_hours=1,
        escalation=DUTY_OFFICER,
        priority=Priority.IMMEDIATE,
        matter=Matter.FLIGHT,
        holds=Holds.AT_LARGE,
        ends=Matter.LEAVE if from_leave else None,
    )


_FLIGHT = (
    _flight(
        "temporary_leave_failed_to_return",
        "The person has not come back from a temporary leave",
        frozenset({PLO, CRT, PRB, VIC}),
        from_leave=True,
    ),
    _flight(
        "absconded", "The person has not come back to custody", frozenset({PLO, PCT, CRT, VIC})
    ),
    _flight("escaped", "The person has escaped from custody", frozenset({PLO, PCT, CRT, VIC})),
    EventType(
        name="recaptured",
        meaning="The person is in custody again",
        triggers=CUSTODY,
        recipients=frozenset({PLO, PCT, CRT, PRB, VIC}),
        acknowledgement_hours=4,
        priority=Priority.IMMEDIATE,
        matter=Matter.FLIGHT,
        only_those_told=True,
        bare=True,
        ends=Matter.FLIGHT,
    ),
)


def _abroad(name: str, meaning: str) -> EventType:
    return EventType(
        name=name,
        meaning=meaning,
        triggers=CUSTODY,  # two officers have approved the transfer first, and nothing is automatic
        recipients=frozenset({NCB, PRB}),
        sections=("identity", "release"),
        matter=Matter.CASE,
    )


def _access(outcome: str, meaning: str) -> EventType:
    return EventType(
        name=f"prerelease_access_{outcome}",
        meaning=meaning,
        triggers=CUSTODY,
        recipients=VISITORS,
        named=True,
        sections=("plan",),
        acknowledgement_hours=5 * DAY,
        escalation=(Step(0, Contact.REINTEGRATION_UNIT),),
        matter=Matter.CASE,
    )


def _referral(outcome: str, meaning: str, *, reroute: bool) -> EventType:
    return EventType(
        name=f"referral_{outcome}",
        meaning=meaning,
        triggers=FACT,
        recipients=frozenset({CUS}),
        named=True,
        sections=("identity",),
        escalation=(Step(DAY, Contact.CUSTODIAN),) if reroute else (),
        matter=Matter.CASE,
    )


def _answer(name: str, meaning: str) -> EventType:
    return EventType(
        name=name,
        meaning=meaning,
        triggers=FACT,
        recipients=frozenset({CUS}),
        named=True,
        sections=("identity",),
        priority=Priority.URGENT,
        matter=Matter.CASE,
    )


_CASE = (
    EventType(
        name="intake_assessment_requested",
        meaning="Contribute to the assessment at intake",
        kind=Kind.REQUEST,
        triggers=CUSTODY,
        recipients=frozenset({CSW, PLO, CRT}),
        sections=("identity",),
        acknowledgement_hours=10 * DAY,
        escalation=(Step(0, Contact.CUSTODIAN),),
        matter=Matter.CASE,
    ),
    EventType(
        name="contribution_requested",
        meaning="Contribute to the sections that are named",
        kind=Kind.REQUEST,
        triggers=CUSTODY,
        recipients=frozenset({PRB, CRT, PLO, RIU, CSW, CHP, HLT, VIC}),
        named=True,
        sections=("identity",),
        acknowledgement_hours=10 * DAY,
        hastened=Hastened(2 * DAY, 14),
        escalation=SUPERVISOR,
        matter=Matter.CASE,
    ),
    EventType(
        name="contribution_received",
        meaning="Another owner has written its part of the file",
        triggers=FILE,
        recipients=frozenset({CUS, PRB}),
        sections=("sentence", "supervision", "family"),
        matter=Matter.CASE,
    ),
    EventType(
        name="transferred",
        meaning="The person is kept somewhere else now",
        triggers=FILE,
        recipients=frozenset({PRB, CSW, CRT}),
        sections=("custody",),
        tells=("custody.establishment_code",),
        acknowledgement_hours=3 * DAY,
        matter=Matter.CASE,
    ),
    _abroad("transferred_abroad", "The person was transferred to another country"),
    _abroad("removal_ordered", "The person has to leave the country"),
    EventType(
        name="died_in_custody",
        meaning="The person has died in custody",
        triggers=CUSTODY,
        recipients=frozenset({CRT}),
        sections=("identity",),
        acknowledgement_hours=DAY,
        priority=Priority.URGENT,
        matter=Matter.CASE,
        control="closure",
    ),
    EventType(
        name="plan_updated",
        meaning="The plan was changed where it is named",
        triggers=FILE,
        recipients=INFORMED - {PLO},
        sections=("plan",),
        acknowledgement_hours=3 * DAY,
        matter=Matter.CASE,
        follows=Matter.RELEASE,
        only_those_told=True,
    ),
    _access("requested", "A visit before the release was asked for"),
    _access("granted", "A visit before the release was granted"),
    _access("refused", "A visit before the release was refused"),
    _access("completed", "A visit before the release took place"),
    EventType(
        name="case_lead_changed",
        meaning="Another agency or function leads the case",
        triggers=FILE,
        recipients=INFORMED - {PLO},
        sections=("plan",),
        tells=("plan.responsible_case_lead",),
        acknowledgement_hours=3 * DAY,
        matter=Matter.CASE,
        follows=Matter.RELEASE,
        only_involved=True,
    ),
    _answer("recipient_not_ready", "A recipient has accepted a notice and is not ready for it"),
    _answer("recipient_needs_detail", "A recipient needs to know more than a notice told it"),
    _referral("accepted", "The agency has taken on the case", reroute=False),
    _referral("declined", "The agency does not take on the case", reroute=True),
    _referral("not_competent", "The agency is not competent", reroute=True),
    EventType(
        name="follow_up_recorded",
        meaning="A follow-up took place",
        triggers=CUSTODY,
        recipients=ACTIVE,
        sections=("plan",),
        tells=("plan.follow_up_schedule",),
        matter=Matter.CASE,
        follows=Matter.RELEASE,
        only_involved=True,
    ),
    EventType(
        name="joint_evaluation_closed",
        meaning="The joint evaluation is done",
        triggers=FILE,
        recipients=ACTIVE,
        sections=("plan",),
        tells=("plan.joint_evaluation_outcome",),
        acknowledgement_hours=30 * DAY,
        matter=Matter.CASE,
        follows=Matter.RELEASE,
        only_involved=True,
        closed=AGGREGATES_ONLY,
    ),
)


def _consent(
    outcome: str, meaning: str, triggers: frozenset[Trigger], control: str | None = None
) -> EventType:
    return EventType(
        name=f"consent_{outcome}",
        meaning=meaning,
        kind=Kind.INTERNAL,
        triggers=triggers,
        priority=Priority.IMMEDIATE,
        escalation=DPO if control else (),
        matter=Matter.RECORD,
        control=control,
    )


def _corrected(what: str, meaning: str, control: str) -> EventType:
    return EventType(
        name=f"record_{what}",
        meaning=meaning,
        kind=Kind.CONTROL,
        triggers=FACT,
        acknowledgement_hours=7 * DAY,
        hastened=Hastened(DAY, if_safety=True),
        escalation=DPO,
        priority=Priority.URGENT,
        matter=Matter.RECORD,
        only_those_told=True,
        bare=True,
        control=control,
    )


def _control(name: str, meaning: str) -> EventType:
    return EventType(
        name=name,
        meaning=meaning,
        kind=Kind.CONTROL,
        triggers=ENTAILED,
        acknowledgement_hours=DAY,
        escalation=DPO,
        priority=Priority.IMMEDIATE,
        matter=Matter.RECORD,
        only_those_told=True,
        bare=True,
    )


_RECORD = (
    _consent("given", "The person has agreed to a disclosure", FACT),
    _consent("withdrawn", "The person no longer agrees to a disclosure", FACT, control="recall"),
    _consent("expired", "A consent has ended by itself", CLOCK, control="recall"),
    _corrected("corrected", "A value that was sent was wrong", "correction"),
    _corrected("restricted", "A value that was sent may not be used for now", "recall"),
    _corrected("erased", "A value that was sent is to be erased", "recall"),
    _control("closure", "Close the case: there is nothing more to prepare"),
    _control("recall", "Erase what came with these notices"),
    _control("correction", "Replace what came with these notices"),
    _control("retraction", "These notices were sent in error: act as if they had not come"),
)


def _emergency(name: str, meaning: str, triggers: frozenset[Trigger], *then: Step) -> EventType:
    return EventType(
        name=name,
        meaning=meaning,
        kind=Kind.OVERSIGHT,
        triggers=triggers,
        recipients=frozenset({CUS, AUD}),
        acknowledgement_hours=DAY,
        escalation=then,
        priority=Priority.IMMEDIATE,  # a feed that is held does not hold it
        matter=Matter.OVERSIGHT,
    )


EMERGENCY_OPENED, REVIEW_OVERDUE = "emergency_access_opened", "emergency_review_overdue"
_OVERSIGHT = (
    _emergency(EMERGENCY_OPENED, "Fields of a file were opened in an emergency: review it", FACT),
    _emergency(REVIEW_OVERDUE, "Nobody has reviewed an emergency in time", CLOCK, *DPO),
)

_ROWS = (*_RELEASE, *_SUPERVISION, *_LEAVE, *_FLIGHT, *_CASE, *_RECORD, *_OVERSIGHT)
EVENTS: Mapping[str, EventType] = MappingProxyType({row.name: row for row in _ROWS})
PRECEDENCE: Mapping[str, int] = {row.name: place for place, row in enumerate(_ROWS)}
# The messages that undo or end what was sent. Their ground is the past receipt.
CONTROLS = frozenset(row.name for row in _ROWS if Trigger.CONTROL in row.triggers)
OVERSIGHT = frozenset(row.name for row in _OVERSIGHT)
