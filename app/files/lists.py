"""The code lists of the inmate file, in the order of the dictionary.

Three origins, told apart in every schema: codes that the dictionary itself spells out,
published lists, and **proposals of this project** (the dictionary says "P list"), which
wait for the services that will use them.
"""

from app.files.code_lists import CodeList, Origin, grouped, listed
from app.files.iso_codes import LANGUAGES, NATIONALITIES, SCRIPTS

DICTIONARY, PUBLISHED = Origin.DICTIONARY, Origin.PUBLISHED

# identity
SEX_GENDER = listed("Sex and self-perceived gender", "F M X undisclosed", DICTIONARY)
NATIONALITY = CodeList(
    "ISO 3166-1 alpha-2, XK and STATELESS",
    NATIONALITIES,
    PUBLISHED,
    usual=("XK", "AL", "BA", "MK", "RS", "ME"),
)
SCRIPT = CodeList(
    "ISO 15924, scripts of living languages", SCRIPTS, PUBLISHED, usual=("Latn", "Cyrl")
)

# residence_contact
LANGUAGE = CodeList(
    "ISO 639-1, and rom and cnr of ISO 639-2",
    LANGUAGES,
    PUBLISHED,
    usual=("sq", "sr", "bs", "hr", "mk", "tr", "rom", "cnr"),
)

# custody
CONTACT_CATEGORY = listed("Category of a contact person", "relative third_party", DICTIONARY)

# sentence
LEGAL_STATUS = listed("Legal status", "untried sentenced_not_final sentenced other", DICTIONARY)
COMMITMENT_REASON = listed(
    "Reason for commitment",
    "remand_order final_judgment judgment_not_final revoked_release extradition_detention other",
)
# Modelled on SPACE I, and still to be compared with it. Terrorism and organised crime share
# a group with everyday offences, so that the generalised form marks nobody.
OFFENCE = grouped(
    "Main offence group, modelled on SPACE I",
    {
        "against_persons": "homicide assault_battery rape other_sexual",
        "against_property": "robbery other_theft economic_financial",
        "other": "drugs terrorism organised_crime cybercrime road_traffic other_offence",
    },
)

# release
RELEASE_TYPE = listed(
    "Type of release",
    "full_term conditional court_ordered_early pardon_amnesty temporary_leave medical "
    "transfer_out removal end_of_remand",
    DICTIONARY,
)
DATE_CONFIDENCE = listed(
    "Confidence in the release date", "projected confirmed court_ordered", DICTIONARY
)
TRAVEL_HOME = listed("Travel home", "family service own none", DICTIONARY)

# supervision
SUPERVISION_CONDITION = listed(
    "Condition of supervision", "residence reporting treatment work travel monitoring", DICTIONARY
)
PROHIBITION = listed(
    "Prohibition of contact", "no_contact no_approach no_entry_zone no_communication"
)
PROTECTED_CATEGORY = listed(
    "Category of a protected person", "victim child relative third_party", DICTIONARY
)

# plan. No disengagement programme: it would tell here what extremism_status keeps.
PROGRAMME = listed(
    "Programme in custody",
    "basic_education vocational_training work_placement parenting substance_treatment "
    "anger_management victim_awareness release_preparation other",
)
PROGRAMME_OUTCOME = listed("Outcome of a programme", "completed partly_completed not_completed")
PREPARATION_STATUS = listed(
    "Status of release preparation", "not_started in_progress ready blocked", DICTIONARY
)
CASE_FUNCTION = listed(
    "Function in a case",
    "case_manager probation_officer social_worker health_worker employment_counsellor "
    "education_worker mentor other",
)
ACCESS_OUTCOME = listed(
    "Outcome of a request for access", "requested granted refused completed", DICTIONARY
)
FOLLOW_UP_CONTACT = listed(
    "Kind of follow-up contact", "office_visit home_visit phone_call case_conference other"
)

# needs
ACCOMMODATION = listed("Accommodation", "secured temporary none", DICTIONARY)
EMPLOYMENT = listed(
    "Employment need", "none job_search training self_employment_support", DICTIONARY
)
# The groups low, medium and high are those in which levels of ISCED 2011 are commonly published.
EDUCATION = grouped(
    "ISCED 2011 level",
    {
        "low": "ISCED-0 ISCED-1 ISCED-2",
        "medium": "ISCED-3 ISCED-4",
        "high": "ISCED-5 ISCED-6 ISCED-7 ISCED-8",
    },
    PUBLISHED,
)
BENEFITS = listed("Status of entitlement to benefits", "eligible applied granted", DICTIONARY)
IDENTITY_DOCUMENTS = listed("Identity documents", "valid expired missing", DICTIONARY)
PRACTITIONER_GENDER = listed("Preferred gender of the practitioner", "none F M", DICTIONARY)

# family
RELATION = listed(
    "Relation to the person", "partner parent child sibling grandparent other_relative friend other"
)
RELATIVE_CONSENT = listed("Consent of a relative", "given refused withdrawn none", DICTIONARY)
HOUSEHOLD = listed("Household", "alone partner parents extended", DICTIONARY)
FAMILY_SUPPORT = listed(
    "Support that the family needs", "educational socioeconomic medical mental_health", DICTIONARY
)

# children
AGE_BAND = listed("Age bands of children", "0-2 3-5 6-11 12-15 16-17", DICTIONARY)
CAREGIVER = listed(
    "Primary caregiver",
    "other_parent grandparent other_relative foster_care residential_care other",
)
GUARDIANSHIP = listed(
    "Custody and guardianship",
    "shared_custody sole_custody custody_with_other guardian_appointed under_court_decision none",
)

# health
ADJUSTMENT = listed(
    "Practical adjustment",
    "step_free_access large_print sign_language plain_language hearing_support "
    "personal_assistance transport other",
)
REFERRAL_NEED = listed("Need of referral", "none routine urgent", DICTIONARY)
SELF_HARM = listed("Self-harm alert", "none active recent", DICTIONARY)

# risk_assessment
RISK_TOOL = listed("Instrument", "VERA-2R ERG22+ general_rna", DICTIONARY)
RISK_LEVEL = listed("General risk level", "not_assessed low medium high", DICTIONARY)
RISK_LEVEL_VE = listed(
    "Level of the specialised assessment", "not_assessed low moderate elevated high", DICTIONARY
)
PROTECTIVE_FACTOR = listed(
    "Protective factor",
    "family_support stable_housing employment education positive_peers motivation "
    "coping_skills treatment_engagement community_support",
)

# extremism_status
YES_NO = listed("Yes or no", "yes no", DICTIONARY)
RETURN_STATUS = listed(
    "Status of return", "none voluntary repatriated dependent_noncombatant", DICTIONARY
)
DISENGAGEMENT = listed(
    "Stage of disengagement", "not_offered offered engaged completed declined", DICTIONARY
)
SCREENING = listed(
    "Screening outcome", "not_screened no_indicator refer_for_assessment", DICTIONARY
)

# security_intelligence
STAFF_SAFETY = listed("Staff safety arrangement", "none two_person_visit office_only", DICTIONARY)

# victim_protection
VICTIM_SAFETY = listed("Safety concern of a victim", "none assessed urgent", DICTIONARY)
