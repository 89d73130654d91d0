"""A few policies that use every part of the subset, with nothing in them to spare.

No condition follows from another one, so each change of the compiled code changes an answer.
"""

from collections.abc import Iterator

import cedarpy

from app.policy import engine
from app.policy.actions import of_the_catalogue
from app.policy.bundle import Bundle, make_bundle
from app.policy.cross_check import CrossCheck
from app.policy.masks import with_masks
from app.policy.policies import Policy
from app.policy.schema import schema_text
from app.policy.statements import Statement, cut
from tests.policy.random_policies import register

WHOLE = '@agreement("WHOLE") @legal_basis("LAW-1")'
OTHER = '@agreement("LATE") @legal_basis("LAW-2")'
PROBATION = 'principal in Role::"probation_service"'
CENTRE = 'principal in Role::"social_welfare_centre"'


def grants(*names: str) -> str:
    return "action in [" + ", ".join(f'Action::"grant:{name}"' for name in names) + "]"


def blocks(*names: str) -> str:
    return "action in [" + ", ".join(f'Action::"block:{name}"' for name in names) + "]"


RETURNING = grants(
    "identity.full_name:generalised",
    "plan.follow_up_schedule:full",
    "plan.programmes_completed:full",
)
OWN = """action in [
    Action::"contribute:needs",
    Action::"read_access_log",
    Action::"grant:plan.follow_up_schedule:summary"
  ]"""

TEXT = f"""
@id("purposes-and-referral") {WHOLE}
permit (
  {PROBATION},
  {grants("identity.full_name:full", "identity.date_of_birth:summary")},
  resource
)
when {{ [Purpose::"supervision", Purpose::"court_report"].contains(context.purpose) }}
when {{ context.assigned }};

@id("where-they-return") {WHOLE}
permit ({PROBATION}, {RETURNING}, resource)
when {{
  resource has return_municipality &&
  principal.municipalities.contains(resource.return_municipality)
}};

@id("window") {OTHER}
permit (
  {PROBATION},
  {grants("release.planned_release_date:full", "identity.full_name:full")},
  resource
)
when {{
  context has days_to_release && context.days_to_release <= 90 && context.days_to_release >= -180
}};

@id("open-window") {WHOLE}
permit ({PROBATION}, {grants("release.release_type:full")}, resource)
when {{ context has days_to_release && context.days_to_release < 14 }}
unless {{ context.days_to_release < -3 }};

@id("later") {WHOLE}
permit ({PROBATION}, {grants("release.temporary_leave_window:summary")}, resource)
when {{ context has days_to_release && context.days_to_release > 45 }};

@id("not-that-day") {WHOLE}
permit ({PROBATION}, {grants("release.travel_home_arrangement:summary")}, resource)
when {{ context has days_to_release }}
when {{ context.days_to_release != 7 && context.purpose != Purpose::"supervision" }};

@id("the-day") {WHOLE}
permit ({PROBATION}, {grants("release.release_date_confidence:summary")}, resource)
when {{ context has days_to_release && context.days_to_release == 0 }};

@id("one-consent") {WHOLE}
permit (
  {CENTRE},
  {grants("needs.accommodation_need:full", "needs.employment_need:summary")},
  resource
)
when {{
  context.consents.contains(Field::"needs.accommodation_need") &&
  (context.assigned || context.officer_assurance == OfficerAssurance::"proven")
}};

@id("any-consent") {OTHER}
permit ({CENTRE}, {grants("needs.employment_need:full")}, resource)
when {{
  context.consents.containsAny([Field::"needs.employment_need", Field::"needs.education_level"])
}};

@id("all-consents") {WHOLE}
permit ({CENTRE}, {grants("needs.vocational_skills:full")}, resource)
when {{
  context.consents.containsAll([Field::"needs.vocational_skills", Field::"needs.education_level"])
}}
when {{ context.purpose == Purpose::"social_support" }};

@id("named-places") {WHOLE}
permit ({CENTRE}, {grants("identity.person_ref:existence", "identity.full_name:full")}, resource)
when {{ principal.municipalities.containsAny(["a", "b"]) }}
unless {{ ["a", ""].contains(principal.agency) }};

@id("own-files") {WHOLE}
permit (
  {CENTRE},
  {OWN},
  resource
)
when {{ principal.agency == resource.custodian }};

@id("one-custodian") {WHOLE}
permit ({PROBATION}, {grants("custody.establishment_code:summary")}, resource)
when {{ resource.custodian == "peć" }};

@id("not-one-custodian") {WHOLE}
permit ({CENTRE}, {grants("custody.establishment_code:summary")}, resource)
when {{ resource.custodian != "peć" }};

@id("more-of-own-files") {WHOLE}
permit ({CENTRE}, action in [Action::"contribute:plan"], resource)
when {{ principal.agency == resource.custodian }};

@id("lapsed") @agreement("EARLY") @legal_basis("LAW-1")
permit ({CENTRE}, {grants("custody.conduct_summary:full")}, resource)
when {{ context.assigned }};

@id("first-referral") {WHOLE}
permit (principal in Role::"police_local", {grants("identity.full_name:full")}, resource)
when {{ context.incident || context.designated }};

@id("second-referral") {WHOLE}
permit (principal in Role::"police_local", {grants("plan.follow_up_schedule:full")}, resource)
when {{
  [Purpose::"welfare_check"].contains(context.purpose) && resource.custodian == "peć"
}};

@id("without-any") {WHOLE}
permit ({CENTRE}, {grants("plan.programmes_completed:generalised")}, resource);

@id("FLOOR-names") {WHOLE}
forbid (principal, {blocks("identity.full_name:summary")}, resource)
when {{ principal.agency != resource.custodian }};

@id("FLOOR-sections") {WHOLE}
forbid (principal, {blocks("plan:generalised", "release:summary")}, resource)
when {{ context.officer_assurance == OfficerAssurance::"asserted" }}
unless {{ principal in [Role::"social_welfare_centre", Role::"court_panel"] }};

@id("FLOOR-agency") {WHOLE}
forbid (principal, {blocks("release.release_type:existence")}, resource)
when {{ principal.agency == "peć" }};

@id("FLOOR-centre") {WHOLE}
forbid ({CENTRE}, {blocks("needs:full", "plan.programmes_completed:existence")}, resource)
when {{ context.officer_assurance == OfficerAssurance::"asserted" }};

@id("without-condition") {WHOLE}
forbid ({CENTRE}, {blocks("family:existence")}, resource);
"""

ROLES = ("probation_service", "social_welfare_centre", "police_local")


def parsed(text: str) -> Iterator[Policy]:
    """The policies of a text, as the loader reads them but without its checks."""
    for statement in cut("planted.cedar", text):
        yield Policy(statement, engine.parse(statement.text))


def one(condition: str, *, effect: str = "permit") -> Policy:
    """A policy of one condition."""
    scope = f"{PROBATION}, {grants('identity.full_name:full')}, resource"
    text = f'@id("X") {WHOLE} {effect} ({scope}) when {{ {condition} }};'
    return Policy(Statement("planted.cedar", 7, text), engine.parse(text))


def planted_bundle() -> Bundle:
    """The bundle of these policies, without a cross-check."""
    vocabulary = of_the_catalogue()
    policies = tuple(parsed(TEXT))
    schema = cedarpy.Schema.from_str(schema_text(vocabulary))
    assert engine.validate([policy.statement.text for policy in policies], schema) == []
    return make_bundle(
        with_masks(policies, vocabulary, schema),
        register(),
        vocabulary,
        digest="planted",
        cross_check=CrossCheck("off"),
    )


# Conditions that the compiler must refuse by itself, whatever the checks before it find.
OUTSIDE = {
    "arithmetic": ("context.days_to_release + 1 > 0", "`+` as a term"),
    "a pattern": ('principal.agency like "a*"', "`like`"),
    "a type test": ("principal is Client", "`is`"),
    "if then else": ("if context.assigned then context.assigned else false", "`if-then-else`"),
    "an empty set": ("context.consents.isEmpty()", "`isEmpty`"),
    "an extension": ('ip("10.0.0.1").isIpv4()', "`isIpv4`"),
    "a record": ("{a: context.assigned}.a", "no fact of the schema"),
    "a constant": ("true", "`Value`"),
    "a text as a condition": ("principal.agency", "`principal.agency` as a condition"),
    "an action": ('action in Action::"grant:identity.full_name:full"', "but the principal"),
    "an action compared": ('action == Action::"read_access_log"', "`Var` as a term"),
    "one client": ('principal == Client::"c"', "`Var` as a term"),
    "a client's client": ('principal in Client::"c"', "but written roles"),
    "a purpose as a role": ('principal in Purpose::"supervision"', "but written roles"),
    "a role by a fact": ("principal in context.purpose", "but written roles"),
    "a role in a list of others": (
        'principal in [Role::"court_panel", Purpose::"supervision"]',
        "but written roles",
    ),
    "an unknown fact": ("context.curious", "no fact of the schema"),
    "an unknown fact asked for": ("context has curious", "no fact of the schema"),
    "a fact of a fact": ("context.purpose.name", "no fact of the schema"),
    "an unknown member": ('context.purpose == Purpose::"curiosity"', "entity of the schema"),
    "an unknown kind": ('context.purpose == Fancy::"supervision"', "entity of the schema"),
    "a truth value": ("context.assigned == true", "entity of the schema"),
    "two lists": ('["a", "b"].containsAny(["b"])', "but a fact and a written list"),
    "two types": ('context.purpose == Field::"identity.full_name"', "`==` of Purpose and Field"),
    "a text and a number": ("principal.agency != 3", "`!=` of String and Long"),
    "sets compared": ("context.consents == context.consents", "`==` of Set<Field>"),
    "texts in order": ('principal.agency < "b"', "`<` of texts"),
    "a text in fields": ('context.consents.contains("a")', "`contains` of Set<Field> and String"),
    "contained in a text": ('principal.agency.contains("a")', "`contains` of String"),
    "an empty list": ("[].contains(context.purpose)", "empty or of several types"),
    "a list of two types": ('["a", 3].contains(principal.agency)', "empty or of several types"),
    "a list of facts": ("[principal.agency].contains(resource.custodian)", "`.` as a term"),
    "all of a fact": (
        "context.consents.containsAll(context.consents)",
        "but a fact and a written list",
    ),
    "a list in a fact": (
        '[Field::"identity.full_name"].containsAny(context.consents)',
        "but a fact and a written list",
    ),
    "a list of other members": (
        'principal.municipalities.containsAny([Field::"identity.full_name"])',
        "but a fact and a written list",
    ),
    "deep inside": ("!(context.assigned && (context.assigned || true))", "`Value`"),
}
