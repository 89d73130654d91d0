"""A made-up quarter of an exchange: officers at their ordinary work, and planted misuse among them.

It knows nothing of the rules that are measured with it. Everything comes from one seed. Days are
those of the country profile; the shape of the work (rates by officer and weekday, reports at the
end of a month, holidays, evenings, cases that are handed over, slips) is assumed and not observed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from random import Random

from app.alerts.fact import Fact
from app.policy.roles import ROLE_PURPOSES
from app.releases.profile import Profile

BEGINS = date(2027, 1, 11)
# A past of eight weeks; misuse is planted in those that count.
PAST_WEEKS, COUNTED_WEEKS = 8, 4
WEEKS = PAST_WEEKS + COUNTED_WEEKS
ONE_DAY = timedelta(days=1)
SHIFTS = frozenset({"correctional_service", "police_local", "health_provider"})
# (role, officers): agencies of very different size.
AGENCIES = (
    ("correctional_service", 30),
    ("probation_service", 24),
    ("probation_service", 7),
    ("social_welfare_centre", 14),
    ("social_welfare_centre", 5),
    ("social_welfare_centre", 2),
    ("police_local", 18),
    ("police_local", 6),
    ("health_provider", 5),
    ("employment_service", 6),
    ("ngo_mentor", 3),
    ("reintegration_unit", 4),
)
# Officers of an agency where everybody knows every case.
SMALL = 6
WEEKDAYS = (1.25, 1.1, 1.0, 1.0, 0.75, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Episode:
    """Misuse that was planted: its kind, how strong it is, whose it is, and its entries."""

    kind: str
    strength: str
    agency: str
    officer: str | None
    entries: frozenset[int] = frozenset()


@dataclass(slots=True)
class Agency:
    """An agency, its officers, and whom it knows; `habit` is how often a read names its case."""

    name: str
    role: str
    officers: list["Officer"] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    habit: float = 0.5
    whole_team: bool = False


@dataclass(slots=True)
class Officer:
    """An officer: persons a day on average, the own caseload, and days off."""

    name: str
    rate: float
    caseload: list[str]
    away: frozenset[date]
    evenings: float
    reports: bool


@dataclass(slots=True)
class Traffic:
    """All facts in the order of the log, what was planted from when on, roles of the agencies."""

    facts: list[Fact]
    episodes: list[Episode]
    planted: datetime
    roles: dict[str, str]


def make(seed: int, profile: Profile) -> Traffic:
    """Weeks of ordinary work, in the last of which there is misuse among it."""
    return _Maker(Random(f"traffic {seed}"), profile).make()  # noqa: S311 - a play of chance


class _Maker:
    def __init__(self, random: Random, profile: Profile) -> None:
        self.random = random
        self.profile = profile
        # Each with the number of the episode that it belongs to.
        self.facts: list[tuple[Fact, int | None]] = []
        self.episode: int | None = None
        self.episodes: list[Episode] = []
        self.persons = 0
        self.agencies = [self._agency(number, *one) for number, one in enumerate(AGENCIES)]

    def make(self) -> Traffic:
        """Play it day by day, then plant."""
        for back in range(WEEKS * 7):
            day = BEGINS + back * ONE_DAY
            for agency in self.agencies:
                self._ordinary_day(agency, day)
        first = BEGINS + 7 * PAST_WEEKS * ONE_DAY
        _Plants(self, first).plant()
        in_order = sorted(self.facts, key=lambda one: one[0].at)
        facts = [replace(fact, index=index) for index, (fact, _) in enumerate(in_order)]
        episodes = [
            replace(
                episode,
                entries=frozenset(
                    i for i, (_, planted) in enumerate(in_order) if planted == number
                ),
            )
            for number, episode in enumerate(self.episodes)
        ]
        roles = {one.name: one.role for one in self.agencies}
        return Traffic(facts, episodes, self.at(first, 0), roles)

    # The people.

    def person(self) -> str:
        self.persons += 1
        return f"person-{self.persons}"

    def _agency(self, number: int, role: str, officers: int) -> Agency:
        random = self.random
        agency = Agency(name=f"{role}-{number}", role=role, habit=random.choice((0.0, 0.4, 0.9)))
        agency.whole_team = officers <= SMALL
        shared = [self.person() for _ in range(12 * officers)]
        for one in range(officers):
            own = random.sample(shared, 5) + [self.person() for _ in range(random.randint(10, 35))]
            agency.officers.append(
                Officer(
                    name=f"officer-{one}",
                    rate=min(18.0, random.lognormvariate(1.7, 0.5)),
                    caseload=own,
                    away=self._absences(),
                    evenings=random.choice((0.0, 0.0, 0.0, 0.02, 0.08)),
                    reports=one == 0 and officers > SMALL,
                )
            )
        agency.closed = [self.person() for _ in range(6 * officers)]
        return agency

    def _absences(self) -> frozenset[date]:
        random = self.random
        away: set[date] = set()
        if self.happens(0.45):
            first = BEGINS + random.randrange(WEEKS * 7) * ONE_DAY
            away |= {first + back * ONE_DAY for back in range(random.choice((5, 7, 14)))}
        for _ in range(random.randrange(3)):
            first = BEGINS + random.randrange(WEEKS * 7) * ONE_DAY
            away |= {first + back * ONE_DAY for back in range(random.randint(1, 3))}
        return frozenset(away)

    # Ordinary work.

    def _ordinary_day(self, agency: Agency, day: date) -> None:
        works = self.profile.holidays.is_working_day(day)
        shifts = agency.role in SHIFTS
        for officer in agency.officers:
            if day in officer.away:
                continue
            if shifts:
                # Five days of seven, whatever day it is.
                if self.happens(5 / 7):
                    self._at_work(agency, officer, day, factor=1.0)
            elif works:
                self._at_work(agency, officer, day, factor=WEEKDAYS[day.weekday()])
                self._evening(agency, officer, day)
            elif self.happens(0.004):
                self._session(agency, officer, day, persons=self.random.randint(1, 3), hour=11)
        if works and not shifts:
            self._rare(agency, day)

    def _at_work(self, agency: Agency, officer: Officer, day: date, *, factor: float) -> None:
        random = self.random
        # More varied than chance alone: some days are meetings, some are files.
        persons = self._poisson(officer.rate * factor * random.gammavariate(4, 0.25))
        if officer.reports and self._ends_month(day):
            persons += random.randint(15, 35)
        for person in self.of(officer, persons):
            for _ in range(random.choice((1, 1, 1, 2, 3))):
                at = self.during(agency, day)
                self.read(agency, officer, at, person)
        self._slips(agency, officer, day, persons)

    def _slips(self, agency: Agency, officer: Officer, day: date, persons: int) -> None:
        random = self.random
        purposes = ROLE_PURPOSES[agency.role]
        for _ in range(persons):
            at = self.during(agency, day)
            if self.happens(0.006):  # a case that has been closed, looked at out of habit
                person = random.choice(agency.closed)
                for again in range(random.choice((1, 1, 2))):
                    self.read(agency, officer, at + again * timedelta(minutes=1), person, no=True)
            elif self.happens(0.002):  # a reference with a slip in it, or one of another system
                for again in range(random.choice((1, 1, 2, 4))):
                    self.read(agency, officer, at + again * timedelta(minutes=1), None, no=True)
            elif self.happens(0.001) and len(purposes) > 1:  # the wrong purpose, set right at once
                person = random.choice(officer.caseload)
                self.read(agency, officer, at, person, no=True, purpose=purposes[1])
                after = at + timedelta(minutes=random.randint(1, 9))
                self.read(agency, officer, after, person)

    def _evening(self, agency: Agency, officer: Officer, day: date) -> None:
        if self.happens(officer.evenings):
            persons = self.random.randint(1, 6)
            self._session(agency, officer, day, persons=persons, hour=self.random.choice((18, 19)))

    def _rare(self, agency: Agency, day: date) -> None:
        random = self.random
        officer = random.choice(agency.officers)
        if self.happens(0.012):  # a caseload is handed over, and read at once
            taken = [self.person() for _ in range(random.randint(12, 28))]
            for person in taken:
                self.read(agency, officer, self.during(agency, day), person)
            officer.caseload += taken
        if self.happens(0.01):  # a system repeats a reference that is not there
            at = self.during(agency, day)
            for again in range(random.randint(3, 9)):
                self.read(agency, officer, at + again * timedelta(seconds=30), None, no=True)
        if agency.whole_team and self.happens(0.03):  # a conference under one case
            case = f"conference {day} {agency.name}"
            for person in self.of(officer, random.randint(2, 5)):
                self.read(agency, officer, self.during(agency, day), person, case=case)
        if self.happens(0.01):  # somebody has to be found, at any hour
            at = self.at(day, random.uniform(0, 24))
            for person in self.of(officer, random.randint(1, 3)):
                self.read(agency, officer, at, person, emergency=True)

    def _session(
        self, agency: Agency, officer: Officer, day: date, *, persons: int, hour: float
    ) -> None:
        for person in self.of(officer, persons):
            at = self.at(day, hour + abs(self.random.gauss(0, 0.7)))
            self.read(agency, officer, at, person)

    # Small things.

    def read(
        self,
        agency: Agency,
        officer: Officer,
        at: datetime,
        person: str | None,
        *,
        no: bool = False,
        purpose: str | None = None,
        case: str | None = None,
        emergency: bool = False,
    ) -> None:
        """One fact. Of a person's case there are siblings and accomplices now and then."""
        named = case
        if named is None and person is not None and self.random.random() < agency.habit:
            number = int(person.partition("-")[2])
            named = f"case {number if number % 20 else number - 1}"
        fact = Fact(
            index=0,
            at=at,
            agency=agency.name,
            officer=officer.name,
            refused=no,
            purpose=purpose or self._usual_purpose(agency),
            subject=person,
            case=None if named is None else f"{agency.name} {named}",
            emergency=emergency,
        )
        self.facts.append((fact, self.episode))

    def happens(self, chance: float) -> bool:
        """Whether something of this chance happens now."""
        return self.random.random() < chance

    def _usual_purpose(self, agency: Agency) -> str:
        """Mostly the first one of the role; now and then the same file for another."""
        return self.random.choices(
            ROLE_PURPOSES[agency.role], (9, 1, 1)[: len(ROLE_PURPOSES[agency.role])]
        )[0]

    def of(self, officer: Officer, persons: int) -> list[str]:
        return self.random.sample(officer.caseload, min(persons, len(officer.caseload)))

    def _poisson(self, mean: float) -> int:
        count, left = 0, self.random.expovariate(1)
        while left < mean:
            count, left = count + 1, left + self.random.expovariate(1)
        return count

    def during(self, agency: Agency, day: date) -> datetime:
        if agency.role in SHIFTS:
            return self.at(day, self.random.uniform(0, 24))
        return self.at(day, min(17.9, max(7.2, self.random.gauss(11.8, 2.3))))

    def at(self, day: date, hour: float) -> datetime:
        midnight = datetime.combine(day, time(), tzinfo=self.profile.time_zone)
        return midnight + timedelta(hours=min(hour, 23.99))

    def _ends_month(self, day: date) -> bool:
        following = self.profile.holidays.next_working_day(day)
        return following.month != day.month


class _Plants:
    """Misuse of each kind, from what anybody would see to what is slow and small."""

    def __init__(self, maker: _Maker, first: date) -> None:
        self.maker = maker
        self.random = maker.random
        self.first = first
        self.by_day = [one for one in maker.agencies if one.role not in SHIFTS]

    def plant(self) -> None:
        for plant in (
            self._volume,
            self._agency_volume,
            self._outside,
            self._guessing,
            self._hours,
            self._purposes,
            self._cases,
        ):
            plant()

    def _volume(self) -> None:
        for strength, persons, days in (
            ("120 persons in a day", 120, 1),
            ("40 persons in a day", 40, 1),
            ("20 persons in a day", 20, 1),
            ("15 more on each of 10 days", 15, 10),
            ("5 more on each of 15 days", 5, 15),
        ):

            def one(agency: Agency, officer: Officer, day: date, persons: int = persons) -> None:
                for _ in range(persons):
                    at = self.maker.during(agency, day)
                    self.maker.read(agency, officer, at, self.maker.person())

            self._episode("unusual-volume", strength, one, days=days)

    def _agency_volume(self) -> None:
        # A system of the agency reads on behalf of everybody.
        for strength, times in (("3 times as much for a day", 2.0), ("half as much again", 0.5)):
            agency = self.random.choice([a for a in self.by_day if len(a.officers) > SMALL])
            day = self._working_days(1)[0]
            self._begin("agency-volume", strength, agency, None)
            for officer in agency.officers:
                for _ in range(round(officer.rate * times)):
                    at = self.maker.during(agency, day)
                    self.maker.read(agency, officer, at, self.maker.person())

    def _outside(self) -> None:
        for strength, persons, days in (
            ("12 persons in a day", 12, 1),
            ("5 persons over a week", 1, 5),
            ("2 persons in a day", 2, 1),
            ("1 a week for 3 weeks", 1, -3),
        ):

            def one(agency: Agency, officer: Officer, day: date, persons: int = persons) -> None:
                for person in self.random.sample(agency.closed, persons):
                    self.maker.read(
                        agency, officer, self.maker.during(agency, day), person, no=True
                    )

            self._episode("outside-caseload", strength, one, days=days)

    def _guessing(self) -> None:
        for strength, tries, days in (
            ("200 in an hour", 200, 1),
            ("25 in an hour", 25, 1),
            ("12 in an hour", 12, 1),
            ("3 on each of 10 days", 3, 10),
        ):

            def one(agency: Agency, officer: Officer, day: date, tries: int = tries) -> None:
                at = self.maker.during(agency, day)
                for number in range(tries):
                    after = at + number * timedelta(hours=1) / tries
                    self.maker.read(agency, officer, after, None, no=True)

            self._episode("guessing", strength, one, days=days)

    def _hours(self) -> None:
        for strength, persons, hour, days in (
            ("25 persons at two in the night", 25, 2.0, 1),
            ("5 persons at eleven in the evening", 5, 22.9, 1),
            ("2 persons at ten in the evening", 2, 21.9, 1),
            ("1 person on each of 10 nights", 1, 23.0, 10),
        ):

            def one(
                agency: Agency,
                officer: Officer,
                day: date,
                persons: int = persons,
                hour: float = hour,
            ) -> None:
                for person in self.maker.of(officer, persons):
                    at = self.maker.at(day, hour + self.random.uniform(0, 0.5))
                    self.maker.read(agency, officer, at, person)

            self._episode("out-of-hours", strength, one, days=days)

    def _purposes(self) -> None:
        for strength, after in (
            ("after 2 minutes", timedelta(minutes=2)),
            ("after 5 hours", timedelta(hours=5)),
            ("after 2 days", timedelta(days=2)),
            ("after 9 days", timedelta(days=9)),
        ):

            def one(agency: Agency, officer: Officer, day: date, after: timedelta = after) -> None:
                purposes = ROLE_PURPOSES[agency.role]
                person = self.random.choice(officer.caseload)
                at = self.maker.during(agency, day)
                self.maker.read(agency, officer, at, person, no=True, purpose=purposes[0])
                self.maker.read(agency, officer, at + after, person, purpose=purposes[1])

            two = [a for a in self.by_day if len(ROLE_PURPOSES[a.role]) > 1]
            self._episode("purpose-switch", strength, one, among=two)

    def _cases(self) -> None:
        for strength, persons, days in (
            ("30 persons in a day", 30, 1),
            ("2 on each of 5 days", 2, 5),
            ("1 on each of 6 days", 1, 6),
            ("3 persons in a day", 3, 1),
        ):
            case = f"case {strength}"

            def one(
                agency: Agency,
                officer: Officer,
                day: date,
                persons: int = persons,
                case: str = case,
            ) -> None:
                for _ in range(persons):
                    at = self.maker.during(agency, day)
                    self.maker.read(agency, officer, at, self.maker.person(), case=case)

            self._episode("many-persons-one-case", strength, one, days=days, whole_agency=True)

    def _episode(
        self,
        kind: str,
        strength: str,
        one: Callable[[Agency, Officer, date], None],
        *,
        days: int = 1,
        among: list[Agency] | None = None,
        whole_agency: bool = False,
    ) -> None:
        agency = self.random.choice(among or self.by_day)
        officer = self.random.choice(agency.officers)
        self._begin(kind, strength, agency, None if whole_agency else officer.name)
        for day in self._working_days(days):
            one(agency, officer, day)

    def _begin(self, kind: str, strength: str, agency: Agency, officer: str | None) -> None:
        """What is read from here on belongs to this episode."""
        self.maker.episode = len(self.maker.episodes)
        self.maker.episodes.append(Episode(kind, strength, agency.name, officer))

    def _working_days(self, count: int) -> list[date]:
        """So many working days in a row; minus so many: as many, a week apart."""
        every = list(self._all_days())
        if count < 0:
            first = self.random.randrange(5)
            return every[first::5][:-count]
        first = self.random.randrange(len(every) - count)
        return every[first : first + count]

    def _all_days(self) -> Iterator[date]:
        last = BEGINS + 7 * WEEKS * ONE_DAY
        day = self.first
        while day < last:
            if self.maker.profile.holidays.is_working_day(day):
                yield day
            day += ONE_DAY
