"""The inmate file: 16 sections, 88 fields. This module is the dictionary; it is meant to be read.

A field says, in this order: its name, its label, what values it takes (`kinds.py` says what
each kind leaves of a value in lower forms, `lists.py` holds the code lists), how sensitive
it is, and what it means. Where it departs from the default of its kind, the reason stands
above it. An assessment or a person's statement is marked, and can never be sent as a fact.

**Absent by design**, so that no such thing can be stored: ethnicity, political opinion,
ideology, worship attendance, social-media content, biometric templates, photographs, the
identity of a victim, the content of intelligence, an automated score.
"""

from app.files import formats, lists, values
from app.files.declarations import field, section
from app.files.kinds import (
    AREA,
    BIRTH_DATE,
    DATE,
    DATE_TIME,
    INTERVAL,
    NAME,
    POINTER,
    YES_OR_NO,
    code,
    code_of,
    codes,
    folded,
    identifier,
    number,
    person,
    persons,
    record,
    records,
    text,
)
from app.files.rules import Line
from app.files.transformers import Bands, distinct, each, keep, member, recorded, unchanged
from app.files.vocabulary import DataClass, Nature, OwnerRole

PERSONAL, SPECIAL, SECURITY = DataClass.PERSONAL, DataClass.SPECIAL, DataClass.SECURITY
VICTIM, INTELLIGENCE = DataClass.VICTIM, DataClass.INTELLIGENCE
ASSESSMENT, STATEMENT = Nature.ASSESSMENT, Nature.STATEMENT

IDENTITY = section(
    "identity",
    "Identity",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "person_ref",
        "Person reference",
        identifier(formats.PERSON_UUID),
        PERSONAL,
        "Pairwise pseudonymous id, different per recipient",
    ),
    field(
        "full_name",
        "Full name",
        NAME,
        PERSONAL,
        "Name as in the court decision; native script and transliteration",
        source="Mandela Rules 7(a)",
    ),
    field(
        "date_of_birth",
        "Date of birth",
        BIRTH_DATE,
        PERSONAL,
        "Summarised as the year, generalised as the decade",
        source="Mandela Rules 7(a)",
    ),
    field(
        "sex_gender",
        "Sex and gender",
        record(values.SexGender, summary=unchanged),
        PERSONAL,
        "Recorded sex and self-perceived gender",
        source="Mandela Rules 7(a)",
    ),
    field(
        "nationality_codes",
        "Nationalities",
        codes(lists.NATIONALITY),
        PERSONAL,
        "Nationalities; statelessness allowed",
        source="ISO 3166-1; European Prison Rules 37",
    ),
    field(
        "national_id_number",
        "Civil registration number",
        identifier(formats.NATIONAL_ID),
        PERSONAL,
        "Civil registration number in its national format",
    ),
)

RESIDENCE_CONTACT = section(
    "residence_contact",
    "Residence and contact",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "return_municipality_code",
        "Municipality of return",
        AREA,
        PERSONAL,
        "Municipality of intended return; decides which local agencies are competent",
    ),
    field(
        "return_address",
        "Address of return",
        record(
            values.Address,
            summary=keep("municipality_code", "postal_code", "settlement"),
            generalised=member("municipality_code"),
        ),
        PERSONAL,
        "Street address on release",
    ),
    field(
        "personal_phone",
        "Phone",
        identifier(formats.PHONE),
        PERSONAL,
        "Contact number chosen by the person",
        source="E.164",
    ),
    field(
        "preferred_language",
        "Preferred language",
        record(values.PreferredLanguage, summary=unchanged),
        PERSONAL,
        "Language and script for notices, interpreter need",
        source="ISO 639-1; ISO 15924; Bangkok Rules 2.1",
    ),
)

CUSTODY = section(
    "custody",
    "Custody",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "establishment_code",
        "Establishment",
        code_of(formats.ESTABLISHMENT),
        PERSONAL,
        "Current prison",
    ),
    field(
        "admission_datetime",
        "Admission",
        DATE_TIME,
        PERSONAL,
        "Day and hour of admission",
        source="Mandela Rules 7(c)",
    ),
    field(
        "admission_injuries_note",
        "Injuries at admission",
        text(2000),
        SPECIAL,
        "Visible injuries, complaints of prior ill-treatment",
        source="Mandela Rules 7(d)",
    ),
    field(
        "emergency_contact",
        "Emergency contact",
        person(values.EmergencyContact),
        PERSONAL,
        "Emergency contact and next of kin",
        source="Mandela Rules 7(g)",
    ),
    field(
        "conduct_summary",
        "Conduct",
        text(600),
        PERSONAL,
        "Short balanced conduct statement",
        nature=ASSESSMENT,
    ),
    field(
        "disciplinary_sanctions",
        "Disciplinary sanctions",
        records(values.DisciplinarySanction, summary=each(keep("sanction"))),
        SECURITY,
        "Final sanctions only",
    ),
)

SENTENCE = section(
    "sentence",
    "Sentence",
    OwnerRole.COURT_PANEL,
    field(
        "legal_status",
        "Legal status",
        code(lists.LEGAL_STATUS),
        PERSONAL,
        "Untried, sentenced not final, sentenced, other",
        source="SPACE I",
    ),
    field(
        "commitment_basis",
        "Basis of commitment",
        record(
            values.CommitmentBasis,
            summary=keep("reason", "authority", "decided_on"),
            generalised=member("authority"),
        ),
        PERSONAL,
        "Reasons for commitment, responsible authority",
        source="Mandela Rules 7(b)",
    ),
    field(
        "offence_category",
        "Offence category",
        code(lists.OFFENCE),
        PERSONAL,
        "Main offence group, coarse",
        source="SPACE I",
    ),
    field(
        "offence_articles",
        "Articles of law",
        codes(formats.ARTICLE),
        PERSONAL,
        "Articles of the national criminal code",
    ),
    field(
        "sentence_length_days",
        "Length of sentence in days",
        # Half a year, one, three, five, ten and twenty years; coarser: one and five years.
        number(1, 73_050, Bands(fine=(1, 183, 366, 1096, 1826, 3651, 7301), coarse=(1, 366, 1826))),
        PERSONAL,
        "Length imposed, in days",
        source="SPACE I",
    ),
    field(
        "sentence_expiry_date",
        "End of sentence",
        DATE,
        PERSONAL,
        "Full term end",
    ),
)

RELEASE = section(
    "release",
    "Release",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "release_type",
        "Type of release",
        code(lists.RELEASE_TYPE),
        PERSONAL,
        "On what ground the person leaves",
    ),
    field(
        "planned_release_date",
        "Planned release date",
        DATE,
        PERSONAL,
        "Current best date",
    ),
    field(
        "release_date_confidence",
        "Confidence in the date",
        code(lists.DATE_CONFIDENCE),
        PERSONAL,
        "Whether the planned date is projected, confirmed or ordered by a court",
    ),
    field(
        "conditional_release_eligibility_date",
        "Eligible for conditional release",
        DATE,
        PERSONAL,
        "Earliest conditional release",
    ),
    field(
        "temporary_leave_window",
        "Temporary leave",
        INTERVAL,
        PERSONAL,
        "Leave start and end",
    ),
    field(
        "temporary_leave_municipality_code",
        "Municipality of leave",
        AREA,
        PERSONAL,
        "Where leave is spent",
    ),
    field(
        "actual_release_datetime",
        "Actual release",
        DATE_TIME,
        PERSONAL,
        "When the person left",
        source="Mandela Rules 7(c)",
    ),
    field(
        "travel_home_arrangement",
        "Travel home",
        code(lists.TRAVEL_HOME),
        PERSONAL,
        "How the person gets home",
    ),
)

SUPERVISION = section(
    "supervision",
    "Supervision",
    OwnerRole.PROBATION_SERVICE,
    field(
        "supervising_authority_id",
        "Supervising authority",
        code_of(formats.AGENCY),
        PERSONAL,
        "Responsible office, by its id in the agency registry",
    ),
    field("supervision_start_date", "Start of supervision", DATE, PERSONAL, "First day"),
    field("supervision_end_date", "End of supervision", DATE, PERSONAL, "Last day"),
    field(
        "supervision_conditions",
        "Conditions",
        codes(lists.SUPERVISION_CONDITION),
        PERSONAL,
        "Residence, reporting, treatment, work, travel, monitoring",
    ),
    field(
        "contact_prohibitions",
        "Prohibitions of contact",
        # The summary names prohibitions and zones, each once: neither the protected persons
        # nor how many they are. A count would tell that, so generalised is existence.
        records(
            values.ContactProhibition,
            summary=distinct("prohibition", "zone"),
            generalised=recorded,
            person_of=member("protected_person"),
        ),
        VICTIM,
        "No-contact conditions; persons by pointer only",
    ),
    field(
        "first_appointment_datetime",
        "First appointment",
        DATE_TIME,
        PERSONAL,
        "First appointment after release",
    ),
)

PLAN = section(
    "plan",
    "Plan",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "individual_plan_summary",
        "Individual plan",
        text(1500),
        PERSONAL,
        "Individual plan at release",
    ),
    field(
        "programmes_completed",
        "Programmes",
        records(values.Programme, summary=each(keep("programme", "outcome"))),
        PERSONAL,
        "Programme, dates, outcome",
    ),
    field(
        "release_preparation_status",
        "Release preparation",
        code(lists.PREPARATION_STATUS),
        PERSONAL,
        "How far the preparation of the release has come",
    ),
    field(
        "responsible_case_lead",
        "Case lead",
        record(values.CaseLead, summary=unchanged, generalised=member("agency")),
        PERSONAL,
        "Agency and function, not private data",
    ),
    field(
        "prerelease_access_requests",
        "Access before release",
        records(values.AccessRequest, summary=each(keep("agency", "function", "outcome"))),
        PERSONAL,
        "Requests by outside professionals and outcome",
    ),
    field(
        "follow_up_schedule",
        "Follow-up",
        records(values.FollowUp, summary=each(keep("agency", "contact"))),
        PERSONAL,
        "Agreed post-release contacts",
    ),
    field(
        "joint_evaluation_outcome",
        "Joint evaluation",
        # Its authorities are several, so the generalised form has no one to name.
        record(values.JointEvaluation, summary=keep("scores")),
        PERSONAL,
        "Process scores by each agency, 1 to 5",
        nature=ASSESSMENT,
    ),
)

NEEDS = section(
    "needs",
    "Needs",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "accommodation_need",
        "Accommodation",
        code(lists.ACCOMMODATION),
        PERSONAL,
        "Whether there is a place to live after release",
    ),
    field(
        "employment_need",
        "Employment",
        code(lists.EMPLOYMENT),
        PERSONAL,
        "What would help into work",
    ),
    field(
        "vocational_skills",
        "Skills",
        codes(formats.SKILL),
        PERSONAL,
        "Skills and certificates",
        source="ESCO; ISCO-08",
    ),
    field(
        "education_level",
        "Education",
        code(lists.EDUCATION),
        PERSONAL,
        "Highest level",
        source="ISCED 2011",
    ),
    field(
        "benefits_entitlement_status",
        "Benefits",
        record(values.Benefits, summary=member("status")),
        PERSONAL,
        "Eligible, applied, granted, and when it expires",
    ),
    field(
        "identity_documents_status",
        "Identity documents",
        code(lists.IDENTITY_DOCUMENTS),
        PERSONAL,
        "Whether the person can prove who they are",
    ),
    field(
        "practitioner_gender_preference",
        "Preferred practitioner",
        code(lists.PRACTITIONER_GENDER),
        SPECIAL,
        "Self-declared, may be empty",
        nature=STATEMENT,
    ),
)

FAMILY = section(
    "family",
    "Family",
    OwnerRole.SOCIAL_WELFARE_CENTRE,
    field(
        "family_contact_person",
        "Family contact",
        person(values.FamilyContact),
        PERSONAL,
        "One reliable relative: name, relation, phone",
        source="Mandela Rules 7(f)",
    ),
    field(
        "family_contact_consent",
        "Consent of the relative",
        code(lists.RELATIVE_CONSENT),
        PERSONAL,
        "Consent of that relative",
        nature=STATEMENT,
    ),
    field(
        "household_composition",
        "Household",
        record(values.Household, summary=member("composition")),
        PERSONAL,
        "Alone, partner, parents, extended; counts only",
    ),
    field(
        "family_support_need",
        "Support for the family",
        codes(lists.FAMILY_SUPPORT),
        PERSONAL,
        "Educational, socioeconomic, medical, mental health",
        nature=ASSESSMENT,
    ),
)

CHILDREN = section(
    "children",
    "Children",
    OwnerRole.CHILD_PROTECTION_AUTHORITY,
    field(
        "children_count",
        "Number of children",
        number(0, 30, Bands(fine=(0, 1, 3, 5), coarse=(0, 1))),
        PERSONAL,
        "Number of children",
        source="European Prison Rules 15.1(h); Bangkok Rules 3.1",
    ),
    field(
        "children_age_bands",
        "Ages of children",
        codes(lists.AGE_BAND),
        PERSONAL,
        "The age bands in which there are children, each once",
        source="European Prison Rules 15.1(h)",
    ),
    field(
        "child_identities",
        "Children by name",
        persons(values.Child),
        SPECIAL,
        "Names and birth dates",
        source="Mandela Rules 7(f); Bangkok Rules 3.1",
    ),
    field(
        "caregiver_arrangement",
        "Care of the children",
        record(values.Caregiving, summary=unchanged),
        PERSONAL,
        "Primary caregiver and custody or guardianship status",
        source="European Prison Rules 15.1(h); Mandela Rules 7(f)",
    ),
    field(
        "child_protection_case",
        "Child protection case",
        POINTER,
        SPECIAL,
        "Existence of a case; content stays with its owner",
        source="Recommendation CM/Rec(2018)5",
    ),
)

HEALTH = section(
    "health",
    "Health",
    OwnerRole.HEALTH_PROVIDER,
    field(
        "medication_continuity_need",
        "Medication must continue",
        YES_OR_NO,
        SPECIAL,
        "Prescription bridge needed",
    ),
    field(
        "health_summary_clinical",
        "Clinical discharge summary",
        text(4000),
        SPECIAL,
        "Clinical discharge summary, with ICD codes inside",
        nature=ASSESSMENT,
    ),
    field(
        "disability_accommodation",
        "Practical adjustments",
        codes(lists.ADJUSTMENT),
        SPECIAL,
        "Practical adjustments, no diagnosis",
    ),
    field(
        "mental_health_referral_need",
        "Mental health referral",
        code(lists.REFERRAL_NEED),
        SPECIAL,
        "Whether a referral is needed, and how soon",
        nature=ASSESSMENT,
    ),
    field(
        "mental_health_diagnosis",
        "Mental health diagnosis",
        codes(formats.DIAGNOSIS),
        SPECIAL,
        "Diagnosis",
        nature=ASSESSMENT,
        source="ICD-10; ICD-11",
    ),
    field(
        "self_harm_alert",
        "Self-harm alert",
        record(values.SelfHarmAlert, summary=member("level")),
        SPECIAL,
        "None, active, recent, and the day of review",
        nature=ASSESSMENT,
    ),
)

RISK_ASSESSMENT = section(
    "risk_assessment",
    "Risk assessment",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "risk_tool",
        "Instrument",
        record(values.RiskTool, summary=unchanged),
        SECURITY,
        "Tool, version, whether the assessor is certified",
    ),
    field(
        "risk_assessment_date",
        "Date of assessment",
        DATE,
        SECURITY,
        "Date of the assessment, which expires",
    ),
    field(
        "risk_level_general",
        "General risk level",
        code(lists.RISK_LEVEL),
        SECURITY,
        "Not assessed, low, medium, high; never a sole basis",
        nature=ASSESSMENT,
    ),
    field(
        "risk_level_ve",
        "Risk level of the specialised assessment",
        code(lists.RISK_LEVEL_VE),
        SPECIAL,
        "Not assessed, low, moderate, elevated, high; of sentenced persons only",
        nature=ASSESSMENT,
    ),
    field(
        "protective_factors",
        "Protective factors",
        codes(lists.PROTECTIVE_FACTOR),
        SECURITY,
        "What speaks for a good return",
        nature=ASSESSMENT,
    ),
    field(
        "risk_narrative",
        "Narrative of the assessment",
        text(4000),
        SPECIAL,
        "Evidence for and against, missing information",
        nature=ASSESSMENT,
    ),
)

EXTREMISM_STATUS = section(
    "extremism_status",
    "Extremism status",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "veto_status",
        "Final conviction for such an offence",
        code(lists.YES_NO),
        SPECIAL,
        "Final conviction for a violent extremist or terrorist offence; of sentenced persons only",
    ),
    field(
        "ftf_return_status",
        "Return from a conflict zone",
        # That somebody came as a dependant, or never went, must not travel as a value.
        folded(lists.RETURN_STATUS, none="not_stated", dependent_noncombatant="not_stated"),
        SPECIAL,
        "None, voluntary, repatriated, dependent non-combatant",
    ),
    field(
        "disengagement_stage",
        "Stage of disengagement",
        # A refusal, and an offer nobody took up, are for the few who need to know.
        folded(
            lists.DISENGAGEMENT,
            not_offered="not_stated",
            offered="not_stated",
            declined="not_stated",
        ),
        SPECIAL,
        "Not offered, offered, engaged, completed, declined",
    ),
    field(
        "radicalisation_screening_outcome",
        "Screening outcome",
        code(lists.SCREENING),
        SPECIAL,
        "Screening opinion, never a fact",
        nature=ASSESSMENT,
    ),
    field(
        "repatriation_case_ref",
        "Family reintegration case",
        POINTER,
        SPECIAL,
        "Link to an existing family reintegration case",
    ),
)

BELIEF_PASTORAL = section(
    "belief_pastoral",
    "Belief and pastoral care",
    OwnerRole.DATA_SUBJECT,
    field(
        "religion_belief",
        "Religion or belief",
        # The person's own word, as short as a code: it is said whole or not at all.
        code_of(Line(100, ("An example belief", "Another example belief"))),
        SPECIAL,
        "Self-declared, optional",
        nature=STATEMENT,
    ),
    field(
        "pastoral_contact_requested",
        "Pastoral contact requested",
        YES_OR_NO,
        SPECIAL,
        "The person asks for contact",
        nature=STATEMENT,
    ),
    field(
        "pastoral_provider_ref",
        "Pastoral provider",
        POINTER,
        SPECIAL,
        "Chosen vetted counsellor, by reference in the registry",
    ),
)

SECURITY_INTELLIGENCE = section(
    "security_intelligence",
    "Security",
    OwnerRole.CORRECTIONAL_SERVICE,
    field(
        "staff_safety_arrangement",
        "Staff safety arrangement",
        code(lists.STAFF_SAFETY),
        SECURITY,
        "An arrangement, without its reason",
    ),
    field(
        "non_association_markers",
        "Non-association markers",
        persons(values.PersonPointer),
        SECURITY,
        "Third persons, by pointer only",
    ),
    field(
        "security_classification",
        "Custodial category",
        code_of(formats.SECURITY_CATEGORY),
        SECURITY,
        "Custodial security category of the country",
        nature=ASSESSMENT,
    ),
    field(
        "intelligence_marker",
        "Intelligence marker",
        POINTER,
        INTELLIGENCE,
        "Existence and contact point of the originator; never content",
    ),
    field(
        "international_notice_ref",
        "International notice",
        POINTER,
        INTELLIGENCE,
        "Reference of a notice or diffusion",
    ),
)

VICTIM_PROTECTION = section(
    "victim_protection",
    "Victim protection",
    OwnerRole.VICTIM_SUPPORT_SERVICE,
    field(
        "victim_notification_required",
        "Notice to a victim required",
        YES_OR_NO,
        VICTIM,
        "A registered victim opted in",
        source="Directive 2012/29/EU, Article 6(5)",
    ),
    field(
        "victim_contact_ref",
        "Contact of the victim",
        POINTER,
        VICTIM,
        "Held by victim support; no identity here",
    ),
    field("victim_exclusion_zone", "Exclusion zone", AREA, VICTIM, "Coarse zone"),
    field(
        "victim_safety_concern",
        "Safety concern",
        code(lists.VICTIM_SAFETY),
        VICTIM,
        "None, assessed, urgent",
        nature=ASSESSMENT,
    ),
)

DECLARED = (
    IDENTITY,
    RESIDENCE_CONTACT,
    CUSTODY,
    SENTENCE,
    RELEASE,
    SUPERVISION,
    PLAN,
    NEEDS,
    FAMILY,
    CHILDREN,
    HEALTH,
    RISK_ASSESSMENT,
    EXTREMISM_STATUS,
    BELIEF_PASTORAL,
    SECURITY_INTELLIGENCE,
    VICTIM_PROTECTION,
)
