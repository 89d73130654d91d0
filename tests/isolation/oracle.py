"""What each recipient may have, written a second time: tables beside the text, read literally.

Nothing here knows the policies, their compiler or the engine. The tables follow the disclosure
matrix line by line: purposes (3.1), conditions (3.2), the matrix (3.3), the overrides (3.4) and
the invariants that cap (3.6). Every part only lowers what the section's cell gives, but for
the few fields of `RAISED`. A form is its letter: `-` nothing, `E`, `G`, `S`, `F`.

Where the text can be read in two ways, the narrower stands here, under `Reading:`.
"""

from collections.abc import Callable, Mapping
from functools import cache

from app.files.catalogue import FIELDS
from app.policy.request import Request

# What a cell can ask for, by its letter in 3.2: does it hold for this request and field?
Conditions = Mapping[str, Callable[[Request, str], bool]]

LETTERS = "-EGSF"  # in their order: each says at least as much as those before it

# 3.1: code, role, legitimate purposes, track.
ROLE_LINES = """
CUS correctional_service       execute_sentence,release_preparation                            both
PRB probation_service          supervision,reintegration_support,court_report                  both
CRT court_panel                judicial_decision,sentence_oversight                      protection
PLO police_local               public_protection_local,condition_enforcement,welfare_check
                                                                                         protection
PCT police_ct                  terrorism_prevention_case                                 protection
NCB international_gateway      international_obligation                                  protection
RIU reintegration_unit         reintegration_coordination                                   support
NCO national_coordinator       policy_monitoring                                            neither
CSW social_welfare_centre      social_support,family_support                                support
MUN municipal_team             local_service_planning                                       support
CHP child_protection_authority child_protection                                             support
HLT health_provider            continuity_of_care                                           support
EMP employment_service         employment_support                                           support
NGO ngo_mentor                 mentoring                                                    support
REL religious_counsellor       pastoral_support                                             support
VIC victim_support_service     victim_safety                                             protection
"""
_WORDS = ROLE_LINES.split()
ROLES = tuple(zip(_WORDS[0::4], _WORDS[1::4], _WORDS[2::4], _WORDS[3::4], strict=True))
CODE = {role: code for code, role, _, _ in ROLES}
PURPOSES = {code: frozenset(purposes.split(",")) for code, _, purposes, _ in ROLES}
SUPPORT = frozenset(code for code, _, _, track in ROLES if track == "support")

# 3.3: the ceiling of each section. A cell is a form and what must hold: `,` is and, `/` is or.
MATRIX_LINES = """
section CUS PRB CRT PLO PCT NCB RIU NCO CSW MUN CHP HLT EMP NGO REL VIC
identity F(own) F F G:J,T F:O/L G:X F:N - F:J,T,N G:N,C F:K F:C/L G:C G:C G:C G:V
residence_contact F(own) F G G:J,T F:O G:X F:N,C/L - F:J,T G:N F:K F:C F:C F:C F:C -
custody F(own) S S - S:O - S:N - S:N - - S:C - - - -
sentence F(own) F F G:J,T F:L S:X S:N - G:N - E:K,L - - - - G:V
release F(own) F F S:J,T S:L G:X F:N A F:J,T G:N S:K S:C G:C G:C G:C S:V
supervision F(own) F F S:J,L S:L - S:N - S:N - S:K E:C G:C - - S:V
plan F(own) F S - E:O - F:N,D A F:N S:N,C S:K S:C S:C S:C E:C -
needs F(own) F S - - - F:N A F:N S:N,C G:K G:C S:C S:C - -
family F(own) S S - E:O - S:N,C - F:J,N - S:K - - S:C - -
children F(own) G G - - - G:N - G:N - F:K G:K,C - - - -
health F(own) E:L S:O - - - E:C - S:C - E:K,L F:C/W G:C - - -
risk_assessment F(own) F S S:J,L,D F:O - S:N,D - G:N,D - S:K,D G:C - - - -
extremism_status F(own) S:L F - S:L,D S:X S:N,D A S:N,D - - - - - - -
belief_pastoral F(own) - - - - - E:C - - - - - - - S:C -
security_intelligence F(own) S S:O S:J,L S:L,D - S:N,D - G:N - G:K G:L - G:N - -
victim_protection F(own) S S S:J,L - - - - - - S:K,L - - - - F
"""
_ROWS = [line.split() for line in MATRIX_LINES.strip().splitlines()]
MATRIX = {row[0]: dict(zip(_ROWS[0][1:], row[1:], strict=True)) for row in _ROWS[1:]}

# 3.4: limits beside the cell, in the order of the text. Each is a form and conditions of its own;
# the lower of cell and limit is given. `F` is no limit, `-` is nothing, `others` are the roles
# that the line does not name.
#
# Reading: a line that says who gets a field is complete: who is not named gets nothing.
# Reading: such a line speaks of recipients; the owner is limited by it only where it says
#     "everybody else", and by the invariants.
# Reading: an (L) of this table is an authority that names the field itself.
OVERRIDES: Mapping[str, str] = {
    # Reading: a benefit claim is made under the purpose `social_support`. For the police there
    # must be both: an authority for the number, and conditions that they may enforce, under
    # the purpose `condition_enforcement`.
    "identity.national_id_number": (
        "PRB=F CRT=F PCT=F:O CSW=F:L_field,social_support "
        "PLO=F:L_field,L_conditions,condition_enforcement others=-"
    ),
    "residence_contact.return_address": "EMP=G NGO=G REL=G MUN=G others=F",
    "residence_contact.personal_phone": (
        "PRB=F RIU=F CSW=F CHP=F PCT=F:O HLT=F:C EMP=F:C NGO=F:C REL=F:C others=-"
    ),
    # Reading: no fact of a request says that there is a complaint, so courts get nothing.
    "custody.admission_injuries_note": "HLT=F:C others=-",
    # Reading: "at grant" is a leave that concerns the agency now. That a role hosts the leave is
    # no fact of a request, so no support role gets these; "fact and dates" is not the place.
    # Probation and courts are not named here, but hear of leaves (events 11 and 14).
    "release.temporary_leave_window": "PRB=F CRT=F PLO=S:leave VIC=S:V others=-",
    "release.temporary_leave_municipality_code": "PRB=F CRT=F PLO=S:leave others=-",
    # Reading: `child_protection` is no purpose of a welfare centre, so only the L is left.
    "sentence.offence_category": "CSW=G:L_field support=- others=F",
    "sentence.offence_articles": "support=- others=F",
    # Reading: "for enforcement" is the purpose. That the child is the protected person is no fact
    # of a request, so child protection gets nothing.
    "supervision.contact_prohibitions": "PRB=F CRT=F PLO=S:condition_enforcement others=-",
    "needs.practitioner_gender_preference": "CSW=F PRB=F RIU=F HLT=F others=-",
    "children.child_identities": "CHP=F CSW=F:K others=-",
    # PRB and CSW: under W alone, in `RAISED`.
    "health.self_harm_alert": "HLT=F:C/W others=-",
    "health.mental_health_diagnosis": "HLT=F others=-",
    "health.health_summary_clinical": "HLT=F others=-",
    # Reading: `PRB/CRT S, PCT(O)` gives PCT the S too, and O beside the conditions of its cell.
    "risk_assessment.risk_level_ve": "PRB=S CRT=S PCT=S:O others=-",
    "risk_assessment.risk_narrative": "PRB=S CRT=S PCT=S:O others=-",
    "extremism_status.radicalisation_screening_outcome": "PRB=S CRT=S PCT=S:O others=-",
    # CSW: protective factors. RIU: general level, protective factors, date. PLO, CHP: the level.
    "risk_assessment.risk_tool": "CSW=- RIU=- PLO=- CHP=- others=F",
    "risk_assessment.risk_assessment_date": "CSW=- PLO=- CHP=- others=F",
    "risk_assessment.risk_level_general": "CSW=- others=F",
    "risk_assessment.protective_factors": "PLO=- CHP=- others=F",
    "extremism_status.repatriation_case_ref": "RIU=F CSW=F CHP=F PRB=F others=-",
    "security_intelligence.intelligence_marker": "PCT=E:L,D CUS=- others=-",
    "security_intelligence.international_notice_ref": "PCT=E:L,D CUS=- others=-",
    "security_intelligence.non_association_markers": "PRB=F CRT=F others=-",
    "security_intelligence.security_classification": "CRT=F PCT=F others=-",
    "belief_pastoral.religion_belief": "REL=F:C others=-",
    # RIU sees only `pastoral_contact_requested`.
    "belief_pastoral.pastoral_provider_ref": "RIU=- others=F",
    # Reading: a participant is an agency with an active case of this person.
    "plan.joint_evaluation_outcome": "others=S:N",
    # Never to PLO or NCB; CRT: see 19 below.
    "extremism_status.ftf_return_status": "PLO=- NCB=- others=F",
}

# 3.4, last but three: raised above the section's ceiling, and nothing else is.
RAISED: Mapping[tuple[str, str], str] = {
    ("extremism_status.repatriation_case_ref", "CHP"): "S:K",
    ("identity.full_name", "HLT"): "F:W",
    ("release.planned_release_date", "HLT"): "S:W",
    ("health.self_harm_alert", "PRB"): "E:W",
    ("health.self_harm_alert", "CSW"): "E:W",
    # S wherever 3.3 gives its section G or more, on the conditions of that cell (four say G).
    ("security_intelligence.staff_safety_arrangement", "CSW"): "S:N",
    ("security_intelligence.staff_safety_arrangement", "CHP"): "S:K",
    ("security_intelligence.staff_safety_arrangement", "HLT"): "S:L",
    ("security_intelligence.staff_safety_arrangement", "NGO"): "S:N",
}

# 3.4, last: F(own) is the owning unit's. Clinical fields are owned by the health unit, religion
# by the person, victim data by victim support (whose cell is F already).
# Reading: the prison's own F ends before these three sections.
# Reading: clinical are the two fields that invariant 1 calls so; the health unit is a health
#     provider of the agency that owns the file.
OWNED_ELSEWHERE = frozenset({"health", "belief_pastoral", "victim_protection"})
OWNING_UNITS: Mapping[tuple[str, str], str] = {
    ("health.mental_health_diagnosis", "HLT"): "F:own",
    ("health.health_summary_clinical", "HLT"): "F:own",
}

# 3.6: what no condition can lift: number, roles, fields or whole sections, the highest letter.
#
# Reading: 1, 2 and 5 hold for the owner as well: "none for all others".
# Reading: 17 keeps the pointer to the victim from everybody but CUS, PRB and CRT, and VIC, whose
#     it is.
# Reading: 19 keeps `dependent_noncombatant` from courts, so theirs is the folded form.
# Reading: of 3.4, a list of nested persons cannot be decided child by child from a request, so
#     it travels as existence, to child protection too.
LIMITS: tuple[tuple[int, str, str, str], ...] = (
    (1, "not HLT", "health.mental_health_diagnosis health.health_summary_clinical", "-"),
    (2, "not REL", "belief_pastoral.religion_belief", "-"),
    (3, "EMP NGO REL MUN HLT", "sentence.offence_category sentence.offence_articles", "-"),
    (3, "EMP NGO REL MUN HLT", "extremism_status.veto_status", "-"),
    (4, "EMP", "extremism_status risk_assessment", "-"),
    (5, "PCT", "security_intelligence.intelligence_marker", "E"),
    (5, "not PCT", "security_intelligence.intelligence_marker", "-"),
    (6, "PLO PCT NCB NCO EMP NGO REL MUN VIC", "children.child_identities", "-"),
    (8, "RIU CSW MUN HLT EMP NGO REL", "victim_protection", "-"),
    (9, "VIC", "residence_contact.return_address", "-"),
    (16, "PLO PCT", "health.self_harm_alert", "-"),
    (17, "not CUS PRB CRT", "security_intelligence.non_association_markers", "-"),
    (17, "not CUS PRB CRT", "supervision.contact_prohibitions", "S"),
    (17, "not CUS PRB CRT VIC", "victim_protection.victim_contact_ref", "-"),
    (18, "EMP NGO REL MUN", "extremism_status risk_assessment", "-"),
    (18, "EMP NGO REL MUN", "security_intelligence.non_association_markers", "-"),
    (18, "EMP NGO REL MUN", "security_intelligence.security_classification", "-"),
    (18, "EMP NGO REL MUN", "security_intelligence.international_notice_ref", "-"),
    (19, "not CUS CHP CSW RIU PRB CRT PCT", "extremism_status.ftf_return_status", "-"),
    (19, "not CUS", "extremism_status.ftf_return_status", "S"),
    (21, "NCB", "health family children needs belief_pastoral plan", "-"),
    (0, "not CUS", "children.child_identities", "E"),  # 3.4, nested persons
)

# 27: what vital interest opens. Reading: "opens only" is a limit; `emergency_contact` has no
# cell with W and is in no line of what is raised, and so W does not give it to anybody, nor
# the need of medication to PRB and CSW.
VITAL = frozenset(
    {
        "health.self_harm_alert",
        "health.medication_continuity_need",
        "identity.full_name",
        "release.planned_release_date",
    }
)

# 3.2, C: for these the relative's own consent. 3.4: a nested person's data need it in every cell.
# Reading: consent "is used only in the support track", so outside of it nobody gets these.
# Reading: what a relative said about consent is the relative's datum too.
RELATIVES = frozenset(
    {
        "custody.emergency_contact",
        "family.family_contact_person",
        "family.family_contact_consent",
    }
)

# 3.2, T: lead time in days before the release, and the end of support after it.
# Reading: a recorded distance counts working days already; the lead time is not stretched.
LEAD_DAYS = {"CSW": 90, "PLO": 30}
SUPPORT_DAYS = 180


def expected(request: Request) -> dict[str, str]:
    """The letter of each field of the catalogue."""
    if is_after_support(request):
        return dict.fromkeys(FIELDS, "-")
    return {path: _letter(request, path) for path in FIELDS}


def is_after_support(request: Request) -> bool:
    """25: once support is over those who help have nothing."""
    return CODE.get(request.role) in SUPPORT and not request.support_open


def given(cell: str, request: Request, path: str, conditions: Conditions | None = None) -> str:
    """The letter of a cell if all that it asks for holds. `A` tells of nobody: nothing here."""
    letter, asked = _parsed(cell)
    known = conditions or CONDITIONS
    if all(any(known[one](request, path) for one in either) for either in asked):
        return letter
    return "-"


def _letter(request: Request, path: str) -> str:
    role = CODE.get(request.role)
    if role is None or request.purpose not in PURPOSES[role]:
        return "-"  # pseudo-roles stand outside the matrix
    if path in RELATIVES and role != "CUS" and not _relative_agrees(request, role, path):
        return "-"
    ceiling, limit, raised, cap = _cells(role, path)
    within = _lower(given(ceiling, request, path), given(limit, request, path))
    return _lower(_higher(within, given(raised, request, path)), cap)


@cache
def _cells(role: str, path: str) -> tuple[str, str, str, str]:
    """The section's cell, the field's limit, what is raised, and the letter that caps all."""
    section = path.partition(".")[0]
    elsewhere = role == "CUS" and section in OWNED_ELSEWHERE
    caps = [letter for _, roles, paths, letter in LIMITS if _names(roles, role, paths, path)]
    return (
        "-" if elsewhere else MATRIX[section][role],
        _entry(OVERRIDES.get(path, "others=F"), role),
        RAISED.get((path, role)) or OWNING_UNITS.get((path, role), "-"),
        min(caps, key=LETTERS.index, default="F"),
    )


def _names(roles: str, role: str, paths: str, path: str) -> bool:
    of_role = role not in roles.split() if roles.startswith("not ") else role in roles.split()
    return of_role and bool({path, path.partition(".")[0]} & set(paths.split()))


def _relative_agrees(request: Request, role: str, path: str) -> bool:
    return role in SUPPORT and path in request.relative_consents


@cache
def _parsed(cell: str) -> tuple[str, tuple[tuple[str, ...], ...]]:
    letter, _, conditions = cell.replace("(own)", ":own").partition(":")
    alternatives = tuple(tuple(one.split("/")) for one in conditions.split(",") if one)
    return ("-" if letter == "A" else letter), alternatives


def _entry(line: str, role: str) -> str:
    """The cell of a role in a line of overrides. The owner is not among the others."""
    cells = dict(entry.split("=") for entry in line.split())
    if role in SUPPORT and "support" in cells:
        return cells.get(role, cells["support"])
    return cells.get(role, "F" if role == "CUS" else cells["others"])


def _lower(one: str, other: str) -> str:
    return min(one, other, key=LETTERS.index)


def _higher(one: str, other: str) -> str:
    return max(one, other, key=LETTERS.index)


# 3.2, in the order of the text.
def _territory(request: Request, _path: str) -> bool:
    places = {request.return_municipality, request.leave_municipality}
    return bool(places & request.municipalities)


def _hosts_leave(request: Request, _path: str) -> bool:
    """A place of leave is on record only while the granted leave concerns somebody."""
    return request.leave_municipality in request.municipalities


def _window(request: Request, path: str) -> bool:
    """Reading: leaves and escapes go to police; to a welfare centre only the window counts."""
    role, days = CODE[request.role], request.days_to_release
    if role == "PLO" and (request.incident or _hosts_leave(request, path)):
        return True
    return days is not None and -SUPPORT_DAYS <= days <= LEAD_DAYS[role]


def _consent(request: Request, path: str) -> bool:
    given = request.relative_consents if path in RELATIVES else request.consents
    return path in given


def _authority(request: Request, path: str) -> bool:
    """Reading: where the cell of a section says L, the authority names the section."""
    return path.partition(".")[0] in request.legal_authorities


def _order(request: Request, path: str) -> bool:
    return path.partition(".")[0] in request.court_orders


def _enforceable(request: Request, _path: str) -> bool:
    return _authority(request, "supervision.supervision_conditions")


CONDITIONS: Conditions = {
    "own": lambda request, _: request.agency == request.custodian,
    "J": _territory,
    "T": _window,
    "C": _consent,
    "D": lambda request, _: request.designated,
    "V": lambda request, _: request.victim_registered,
    "W": lambda request, path: path in VITAL and path in request.vital_interest,
    "N": lambda request, _: request.assigned,
    "K": lambda request, _: request.child_linked,
    "L": _authority,
    "O": _order,
    "X": lambda request, _: request.transfer_approved,
    # Of the overrides alone:
    "L_field": lambda request, path: path in request.legal_authorities,
    "L_conditions": _enforceable,
    "social_support": lambda request, _: request.purpose == "social_support",
    "condition_enforcement": lambda request, _: request.purpose == "condition_enforcement",
    "leave": _hosts_leave,
}
