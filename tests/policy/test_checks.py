"""Every trap of loading, planted: the refusal names the file, the line and the policy."""

from collections.abc import Callable

import pytest

from app.policy.bundle import Bundle
from app.policy.errors import PolicyError

Load = Callable[..., Bundle]

PURPOSE = 'context.purpose == Purpose::"supervision"'
GRANT = 'Action::"grant:identity.full_name:full"'
BLOCK = 'Action::"block:identity.full_name:full"'
ROLE = 'principal in Role::"probation_service"'
CENTRE = 'principal in Role::"social_welfare_centre"'
SUPPORT = 'context.purpose == Purpose::"social_support"'
CONSENT = 'context.consents.contains(Field::"identity.full_name")'

POLICE = 'principal in Role::"police_local"'
WELFARE_CHECK = 'context.purpose == Purpose::"welfare_check"'
RETURN = (
    "resource has return_municipality && "
    "principal.municipalities.contains(resource.return_municipality)"
)
GATEWAY = 'principal in Role::"international_gateway"'
ABROAD = 'context.purpose == Purpose::"international_obligation"'
CHILD = 'principal in Role::"child_protection_authority"'


def annotated(id_: str = "X", agreement: str = "A", legal_basis: str = "L") -> str:
    return f'@id("{id_}") @agreement("{agreement}") @legal_basis("{legal_basis}")\n'


def permit(*conditions: str, scope: str = ROLE, action: str = f"action in {GRANT}") -> str:
    body = " && ".join(f"({condition})" for condition in conditions)
    when = f" when {{ {body} }}" if body else ""
    return annotated() + f"permit ({scope}, {action}, resource){when};\n"


def forbid(condition: str = "", *, kind: str = "when", action: str = f"action in {BLOCK}") -> str:
    tail = f" {kind} {{ {condition} }}" if condition else ""
    return annotated() + f"forbid (principal, {action}, resource){tail};\n"


DAYS = "context has days_to_release"

TRAPS = {
    # A condition that errs makes a forbid silently not apply.
    "arithmetic in a permit": (
        permit(PURPOSE, f"{DAYS} && context.days_to_release + 1 > 0"),
        "`>` must compare an attribute with a number",
    ),
    "arithmetic in a forbid": (
        forbid('"a" == "a" && 1 + 9223372036854775807 > 0'),
        "`>` must compare an attribute with a number",
    ),
    "ip": (permit(PURPOSE, 'ip("10.0.0.1").isIpv4()'), "`isIpv4` is outside the subset"),
    "decimal": (
        permit(PURPOSE, 'decimal("1.0").lessThan(decimal("2.0"))'),
        "`lessThan` is outside the subset",
    ),
    "datetime": (
        permit(PURPOSE, 'datetime("2026-01-01") < datetime("2026-02-01")'),
        "`<` must compare an attribute with a number",
    ),
    "a computed attribute": (
        permit(
            PURPOSE,
            "(if context.assigned then principal else principal).agency == resource.custodian",
        ),
        "an attribute is taken of something computed",
    ),
    "a record literal": (
        permit(PURPOSE, "{a: context.assigned}.a"),
        "an attribute is taken of something computed",
    ),
    "has of a record literal": (permit(PURPOSE, "{a: 1} has a"), "`has` is asked of something"),
    "if then else": (
        permit(PURPOSE, "if context.assigned then context.assigned else context.assigned"),
        "`if-then-else` is outside the subset",
    ),
    "like": (permit(PURPOSE, 'principal.agency like "a*"'), "`like` is outside the subset"),
    "a type test": (permit(PURPOSE, "principal is Client"), "`is` is outside the subset"),
    "a constant condition": (permit(PURPOSE, "false"), "a constant is no condition"),
    "a comparison with a constant": (
        permit(PURPOSE, "context.assigned == true"),
        "a comparison with true or false",
    ),
    "constants compared": (forbid('"a" == "b"'), "a comparison that no request can change"),
    "a constant in a list": (permit(PURPOSE, '["a"].contains("a")'), "that no request can change"),
    "an attribute compared with itself": (
        forbid("principal.agency != principal.agency"),
        "a comparison that no request can change",
    ),
    # What the engine's strict validation finds by itself.
    "an attribute without has": (
        permit(PURPOSE, "context.days_to_release <= 3", "context.days_to_release >= -3"),
        "unable to guarantee safety of access to optional attribute",
    ),
    "a misspelt purpose": (
        permit('context.purpose == Purpose::"supervison"'),
        "the purpose `supervison` is not one of its role",
    ),
    "a misspelt role": (
        permit(PURPOSE, scope='principal in Role::"probation"'),
        "its role is not a party to its agreement",
    ),
    "a misspelt role in a forbid": (
        forbid('principal in Role::"probation"', kind="unless"),
        '`"probation"` is not declared as a valid eid',
    ),
    "a misspelt field": (
        permit(PURPOSE, action='action in Action::"grant:identity.fullname:full"'),
        "unrecognized action",
    ),
    "a misspelt consent": (
        permit(
            SUPPORT,
            'context.consents.contains(Field::"identity.fullname")',
            scope=CENTRE,
            action='action in Action::"grant:identity.fullname:full"',
        ),
        "is not declared as a valid eid",
    ),
    # What the probe would not see.
    "a resource scope": (
        permit(PURPOSE).replace("resource)", 'resource == InmateFile::"f")'),
        "a resource scope is not seen by the probe",
    ),
    "a resource type": (
        permit(PURPOSE).replace("resource)", "resource is InmateFile)"),
        "a resource scope is not seen by the probe",
    ),
    "an action in a condition": (
        permit(PURPOSE, f"action in {GRANT}"),
        "the probe does not see actions",
    ),
    "an action compared in a condition": (
        permit(PURPOSE, 'action == Action::"identity.full_name#full"'),
        "`Var` is outside the subset",
    ),
    "one client": (
        permit(PURPOSE, scope='principal == Client::"c"'),
        "the principal's scope must be `principal in Role`",
    ),
    "a typed principal": (
        permit(PURPOSE, scope='principal is Client in Role::"probation_service"'),
        "the principal's scope must be `principal in Role`",
    ),
    "a permit for everybody": (
        permit(PURPOSE, scope="principal"),
        "a permit must name the role that it is for",
    ),
    "a second role": (
        permit(PURPOSE, 'principal in Role::"police_local"'),
        "the role of a permit stands in its scope",
    ),
    # Forms are monotone because of the groups.
    "a permit of a block group": (
        permit(PURPOSE, action=f"action in {BLOCK}"),
        "it may name `grant:` groups only",
    ),
    "a forbid of a grant group": (
        forbid(action=f"action in {GRANT}"),
        "it may name `block:` groups only",
    ),
    "a permit of a bare action": (
        permit(PURPOSE, action='action == Action::"identity.full_name#full"'),
        "it may name `grant:` groups only",
    ),
    "a permit of everything": (permit(PURPOSE, action="action"), "it must name the actions"),
    "a permit of a whole section": (
        permit(PURPOSE, action='action in Action::"grant:identity:full"'),
        "unrecognized action",
    ),
    # Templates validate and never apply.
    "a template": (
        annotated() + f"forbid (principal in ?principal, action in {BLOCK}, resource);",
        "a template is not a policy",
    ),
    # Absence may only narrow.
    "a forbid on an optional attribute": (
        forbid(f"{DAYS} && context.days_to_release > 90"),
        "a forbid may not rest on `days_to_release`",
    ),
    "a forbid on a referral": (forbid("context.assigned"), "a forbid may not rest on `assigned`"),
    "a forbid unless consent": (
        forbid(CONSENT, kind="unless"),
        "a forbid may not rest on `consents`",
    ),
    "a permit without a referral": (
        permit(PURPOSE, "!context.assigned"),
        "a permit may not hold because `assigned`",
    ),
    "a permit unless a fact is known": (
        permit(PURPOSE).replace(";\n", f" unless {{ {DAYS} }};"),
        "a permit may not hold because `days_to_release`",
    ),
    "a permit unless consent": (
        permit(SUPPORT, scope=CENTRE).replace(";\n", f" unless {{ {CONSENT} }};"),
        "a permit may not hold because `consents`",
    ),
    "a permit for an empty list of consents": (
        permit(
            SUPPORT, '[Field::"identity.full_name"].containsAll(context.consents)', scope=CENTRE
        ),
        "`containsAll` must be given a list that is written out",
    ),
    "a permit comparing facts": (
        permit(
            PURPOSE, "resource has return_municipality", 'resource.return_municipality != "peja"'
        ),
        "a permit may not hold because `return_municipality`",
    ),
    # Windows.
    "a window without an end after the release": (
        permit(PURPOSE, DAYS, "context.days_to_release <= 90"),
        "days_to_release has no lower end",
    ),
    "a window that closes before the release": (
        permit(PURPOSE, DAYS, "context.days_to_release <= 90", "context.days_to_release > 29"),
        "the window closes before the release",
    ),
    "an empty window": (
        permit(PURPOSE, DAYS, "context.days_to_release < -9", "context.days_to_release >= -9"),
        "the window of days is empty",
    ),
    "a window beside something else": (
        permit(PURPOSE, DAYS, "context.days_to_release <= 90 || context.assigned"),
        "days_to_release must be compared in conditions of their own",
    ),
    "a window beside an incident, without an end": (
        permit(
            WELFARE_CHECK,
            RETURN,
            f"context.incident || ({DAYS} && context.days_to_release <= 30)",
            scope=POLICE,
        ),
        "days_to_release has no lower end",
    ),
    "a window with a referral beside an incident": (
        permit(
            WELFARE_CHECK,
            RETURN,
            f"context.incident || ({DAYS} && context.days_to_release >= 0 && context.assigned)",
            scope=POLICE,
        ),
        "days_to_release must be compared in conditions of their own",
    ),
    # Purposes.
    "no purpose": (permit("context.assigned"), "a permit must name its purposes"),
    "a purpose beside something else": (
        permit(f"{PURPOSE} || context.assigned"),
        "a permit must name its purposes in one condition of their own",
    ),
    "a purpose that is excluded": (
        permit('context.purpose != Purpose::"court_report"'),
        "a permit must name its purposes in one condition of their own",
    ),
    "a purpose of another role": (
        permit('context.purpose == Purpose::"employment_support"'),
        "the purpose `employment_support` is not one of its role",
    ),
    # Consent.
    "a consent that opens another field": (
        permit(
            SUPPORT,
            CONSENT,
            scope=CENTRE,
            action='action in Action::"grant:identity.date_of_birth:full"',
        ),
        "must grant the very field that it names",
    ),
    "two consents for one field": (
        permit(
            SUPPORT,
            "context.consents.containsAny("
            '[Field::"identity.full_name", Field::"identity.person_ref"])',
            scope=CENTRE,
        ),
        "must grant the very field that it names",
    ),
    "a consent before probation": (
        permit(PURPOSE, CONSENT),
        "`consents` is no ground for this role",
    ),
    # Facts that speak for some roles, fields or parts only.
    "an incident for help": (
        permit(SUPPORT, "context.incident", scope=CENTRE),
        "`incident` is no ground for this role",
    ),
    "an approved transfer for another role": (
        permit(PURPOSE, "context.transfer_approved"),
        "`transfer_approved` is no ground for this role",
    ),
    "a transfer without approval": (
        permit(ABROAD, "context.designated", scope=GATEWAY),
        "a permit for the international gateway must demand an approved transfer",
    ),
    "a transfer that approval is one way to": (
        permit(ABROAD, "context.transfer_approved || context.designated", scope=GATEWAY),
        "a permit for the international gateway must demand an approved transfer",
    ),
    "police without their territory": (
        permit(WELFARE_CHECK, "context.assigned", scope=POLICE),
        "a permit for local police must demand that the person comes to its territory",
    ),
    "police of a municipality that is written down": (
        permit(WELFARE_CHECK, 'principal.municipalities.contains("peja")', scope=POLICE),
        "a permit for local police must demand that the person comes to its territory",
    ),
    "a registered victim for the police": (
        permit(WELFARE_CHECK, RETURN, "context.victim_registered", scope=POLICE),
        "`victim_registered` is no ground for this role",
    ),
    "a vital interest in another field": (
        permit(
            SUPPORT,
            'context.vital_interest.contains(Field::"plan.follow_up_schedule")',
            scope=CENTRE,
            action='action in Action::"grant:plan.follow_up_schedule:full"',
        ),
        "vital interest does not open `plan.follow_up_schedule` to this role",
    ),
    "a vital interest in a name for probation": (
        permit(PURPOSE, 'context.vital_interest.contains(Field::"identity.full_name")'),
        "vital interest does not open `identity.full_name` to this role",
    ),
    "a vital interest that opens another field": (
        permit(PURPOSE, 'context.vital_interest.contains(Field::"health.self_harm_alert")'),
        "must grant the very field that it names",
    ),
    "a relative without that relative's consent": (
        permit(
            SUPPORT,
            "context.assigned",
            scope=CENTRE,
            action='action in Action::"grant:family.family_contact_person:full"',
        ),
        "`family.family_contact_person` needs the relative's own consent",
    ),
    "a relative by the person's consent": (
        permit(
            SUPPORT,
            'context.consents.contains(Field::"family.family_contact_person")',
            scope=CENTRE,
            action='action in Action::"grant:family.family_contact_person:full"',
        ),
        "`family.family_contact_person` needs the relative's own consent",
    ),
    "religion for a mentor": (
        permit(
            'context.purpose == Purpose::"mentoring"',
            'context.consents.contains(Field::"belief_pastoral.religion_belief")',
            scope='principal in Role::"ngo_mentor"',
            action='action in Action::"grant:belief_pastoral.religion_belief:existence"',
        ),
        "`belief_pastoral.religion_belief` is not for this role",
    ),
    "an order for another section": (
        permit(PURPOSE, 'context.court_orders.contains(Part::"health")'),
        "a permit on `court_orders` must name the part that holds `identity.full_name`",
    ),
    "an authority for another field": (
        permit(PURPOSE, 'context.legal_authorities.contains(Part::"identity.person_ref")'),
        "a permit on `legal_authorities` must name the part that holds `identity.full_name`",
    ),
    "an authority for one of two sections": (
        permit(
            PURPOSE,
            'context.legal_authorities.contains(Part::"identity") || '
            'context.legal_authorities.contains(Part::"health")',
        ),
        "a permit on `legal_authorities` must name the part that holds `identity.full_name`",
    ),
    "an order for any of two sections": (
        permit(PURPOSE, 'context.court_orders.containsAny([Part::"identity", Part::"health"])'),
        "a permit on `court_orders` must name the part that holds `identity.full_name`",
    ),
    "a relative's consent that is one way among others": (
        permit(
            SUPPORT,
            "context.designated || ((context.assigned || context.relative_consents.contains("
            'Field::"family.family_contact_person")) && context.relative_consents.contains('
            'Field::"family.family_contact_person"))',
            scope=CENTRE,
            action='action in Action::"grant:family.family_contact_person:full"',
        ),
        "`family.family_contact_person` needs the relative's own consent",
    ),
    "an authority that is compared": (
        permit(PURPOSE, 'context.legal_authorities == [Part::"identity"]'),
        "a permit on `legal_authorities` must name the part",
    ),
    "a misspelt part": (
        permit(
            PURPOSE,
            'context.legal_authorities.contains(Part::"identity")',
            'context.legal_authorities.contains(Part::"identities")',
        ),
        "is not declared as a valid eid",
    ),
    "a forbid on a fact that may not be recorded": (
        forbid("context.designated"),
        "a forbid may not rest on `designated`",
    ),
    "a forbid unless an authority is named": (
        forbid('context.legal_authorities.contains(Part::"identity")', kind="unless"),
        "a forbid may not rest on `legal_authorities`",
    ),
    "a permit without a child": (
        permit(
            'context.purpose == Purpose::"child_protection"', "!context.child_linked", scope=CHILD
        ),
        "a permit may not hold because `child_linked`",
    ),
    # Contribution.
    "a section of another owner": (
        permit(PURPOSE, action='action in Action::"contribute:sentence"'),
        "its role does not own the section `sentence`",
    ),
    # Annotations.
    "no id": (permit(PURPOSE).replace('@id("X") ', ""), "@id is missing"),
    "no agreement": (permit(PURPOSE).replace('@agreement("A") ', ""), "@agreement is missing"),
    "no legal basis": (permit(PURPOSE).replace('@legal_basis("L")', ""), "@legal_basis is missing"),
    "an empty legal basis": (
        permit(PURPOSE).replace('@legal_basis("L")', '@legal_basis("")'),
        "@legal_basis is missing",
    ),
    "a misspelt annotation": (
        permit(PURPOSE).replace("@id", '@legalbasis("L") @id'),
        "@legalbasis is not an annotation that is known here",
    ),
    "an unknown agreement": (
        permit(PURPOSE).replace('@agreement("A")', '@agreement("B")'),
        "the agreement is not in agreements.toml",
    ),
    "a legal basis of another agreement": (
        permit(PURPOSE).replace('@legal_basis("L")', '@legal_basis("M")'),
        "the legal basis is not one of its agreement",
    ),
    # Text.
    "a character that cannot be seen": (
        permit(PURPOSE, 'principal.agency == "a\u200bb"'),
        "the character U+200B cannot be seen in print",
    ),
    "a text that turns round": (
        permit(PURPOSE) + "// \u202e fine",
        "the character U+202E cannot be seen in print",
    ),
    "an escape that cannot be seen": (
        permit(PURPOSE, r'principal.agency == "a\u{200B}b"'),
        "a text holds characters that cannot be seen in print",
    ),
    "a decomposed letter": (
        permit(PURPOSE, 'principal.agency == "cafe\u0301"'),
        "not in Unicode normalisation form C",
    ),
    "text that is no policy": (permit(PURPOSE).replace("permit", "allow"), "invalid policy effect"),
    "a policy without its end": (permit(PURPOSE).rstrip().rstrip(";"), "unexpected end of input"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_refused_at_load(load: Load, name: str) -> None:
    text, message = TRAPS[name]
    with pytest.raises(PolicyError) as refused:
        load("// a comment; with a semicolon\n\n" + text)
    assert message in str(refused.value)
    finding = next(one for one in refused.value.findings if message in one.message)
    assert finding.file == "base/file0.cedar"
    assert finding.line >= 3
    if name != "no id" and "character" not in message and "normalisation form" not in message:
        assert finding.policy == "X"


def test_a_sound_policy_loads(load: Load) -> None:
    assert list(load(permit(PURPOSE)).policies) == ["X"]


def test_an_id_that_stands_twice_is_refused_in_both_places(load: Load) -> None:
    with pytest.raises(PolicyError) as refused:
        load(permit(PURPOSE), "\n\n" + forbid())
    places = [(one.file, one.line, one.policy) for one in refused.value.findings]
    assert places == [("base/file0.cedar", 1, "X"), ("base/file1.cedar", 3, "X")]


def test_all_findings_come_at_once(load: Load) -> None:
    with pytest.raises(PolicyError) as refused:
        load(permit("context.assigned") + permit(PURPOSE, "false").replace('"X"', '"Y"'))
    assert {one.policy for one in refused.value.findings} == {"X", "Y"}
    assert str(refused.value).startswith("base/file0.cedar:1: X: ")


@pytest.mark.parametrize(
    "condition",
    [
        "context.assigned && principal.agency == resource.custodian",
        "principal.agency != resource.custodian",
        (
            "resource has return_municipality && "
            "principal.municipalities.contains(resource.return_municipality)"
        ),
        'context.officer_assurance == OfficerAssurance::"proven"',
        '!(context.officer_assurance == OfficerAssurance::"asserted")',
        f"{DAYS} && context.days_to_release < 91 && context.days_to_release > -181",
        '["prizren", "peja"].contains(principal.agency)',
        'principal.municipalities.containsAny(["prizren", "peja"])',
    ],
)
def test_what_cannot_err_is_allowed(load: Load, condition: str) -> None:
    assert load(permit(PURPOSE, condition))


@pytest.mark.parametrize(
    "text",
    [
        permit(ABROAD, "context.transfer_approved", scope=GATEWAY),
        permit(WELFARE_CHECK, RETURN, "context.incident", scope=POLICE),
        permit(
            WELFARE_CHECK,
            RETURN,
            f"context.incident || ({DAYS} && context.days_to_release <= 30 && "
            "context.days_to_release >= -180)",
            scope=POLICE,
        ),
        permit(PURPOSE, 'context.legal_authorities.contains(Part::"identity")'),
        permit(PURPOSE, 'context.court_orders.contains(Part::"identity.full_name")'),
        permit(
            PURPOSE,
            'context.legal_authorities.contains(Part::"identity")',
            'context.legal_authorities.contains(Part::"supervision")',
        ),
        permit(
            PURPOSE,
            'context.vital_interest.contains(Field::"health.self_harm_alert")',
            action='action in Action::"grant:health.self_harm_alert:existence"',
        ),
        permit(
            SUPPORT,
            'context.relative_consents.contains(Field::"family.family_contact_person")',
            scope=CENTRE,
            action='action in Action::"grant:family.family_contact_person:full"',
        ),
    ],
)
def test_a_fact_is_a_ground_where_it_speaks_for_the_role(load: Load, text: str) -> None:
    assert load(text)


@pytest.mark.parametrize(
    "condition",
    [
        'principal in [Role::"police_local", Role::"police_ct"]',
        "principal.agency == resource.custodian",
        'context.purpose == Purpose::"supervision"',
    ],
)
def test_a_forbid_may_rest_on_what_is_always_there(load: Load, condition: str) -> None:
    assert load(forbid(condition) + permit(PURPOSE).replace('"X"', '"Y"'))
