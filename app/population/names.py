"""Names, phone numbers and registration numbers that belong to nobody."""

from random import Random

# INVARIANT: a `w` in each family name. Neither Albanian nor Bosnian, Croatian, Montenegrin or
# Serbian writes one, so nobody there has such a name.
BEGINNINGS = ("Wra", "Zwe", "Kwo", "Twi", "Swu", "Wlo", "Dwe", "Gwa")
MIDDLES = ("lo", "mi", "ne", "ra", "tu", "zy", "fe", "qua")
ENDINGS = ("nix", "rop", "lund", "vek", "sta", "moq", "dyl", "tarn")
GIVEN_BEGINNINGS = ("Ax", "Ely", "Ory", "Quo", "Ixi", "Ulo", "Yve", "Oxa")
GIVEN_ENDINGS = ("lin", "mon", "ra", "del", "nys", "tox", "wen", "phi")


def family_name(random: Random) -> str:
    """A family name such as "Zwelonix"."""
    return random.choice(BEGINNINGS) + random.choice(MIDDLES) + random.choice(ENDINGS)


def given_name(random: Random) -> str:
    """A given name such as "Orylin"."""
    return random.choice(GIVEN_BEGINNINGS) + random.choice(GIVEN_ENDINGS)


def phone(random: Random, *, calling_code: str) -> str:
    """An E.164 number that cannot be dialled: no subscriber's number begins with zeros."""
    return f"+{calling_code}00{random.randrange(10**6):06}"


def national_id(random: Random) -> str:
    """Ten digits, of which the first five are zeros."""
    return f"00000{random.randrange(10**5):05}"
