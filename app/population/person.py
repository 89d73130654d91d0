"""The few traits from which a made-up file is written, so that its sections agree."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from app.population.countries import Country

# One in so many was sentenced for violent extremism: more than anywhere in fact, so that
# small populations have some too.
ONE_EXTREMIST_IN = 25
# Days from today to the release, and how many in a hundred: released long ago, released not
# long ago, due within the time of preparation, due within two years, due later.
RELEASE_SPREAD = (
    (10, -1500, -181),
    (10, -180, -1),
    (30, 0, 180),
    (30, 181, 730),
    (20, 731, 5500),
)
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who a file is about. Dates hang together: birth, admission, today or release."""

    reference: str
    country: Country
    municipality: str
    born: date
    admitted: date
    release: date
    today: date
    violent_extremist: bool

    @property
    def released(self) -> bool:
        """Whether the release lies behind."""
        return self.release < self.today

    @property
    def days_to_release(self) -> int:
        """Negative after the release."""
        return (self.release - self.today).days


def draw_person(random: Random, *, reference: str, country: Country, today: date) -> Person:
    """A person of that country, admitted as an adult, before today and before the release."""
    release = today + timedelta(days=_draw_days_to_release(random))
    admitted = min(release, today) - timedelta(days=random.randint(60, 2500))
    born = admitted - timedelta(days=random.randint(18 * YEAR_DAYS + 5, 65 * YEAR_DAYS))
    return Person(
        reference=reference,
        country=country,
        municipality=random.choice(country.municipalities),
        born=born,
        admitted=admitted,
        release=release,
        today=today,
        violent_extremist=random.randrange(ONE_EXTREMIST_IN) == 0,
    )


def _draw_days_to_release(random: Random) -> int:
    weights = [share for share, _, _ in RELEASE_SPREAD]
    _, earliest, latest = random.choices(RELEASE_SPREAD, weights)[0]
    return random.randint(earliest, latest)
