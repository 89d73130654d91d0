"""Commands around the policy bundle: check it, prove it, compare it, read it, ask it why.

The solver (z3) is loaded by the commands that need it, when they run.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.access_log.decisions import newest
from app.administration.policy_status import reviews_due
from app.audit.repeat import Status
from app.audit.replay import Replay
from app.audit.replay import replay as replay_decisions
from app.cli import activation
from app.cli.output import Json, errors, screen
from app.cli.policy_report import show_changes
from app.database import open_database
from app.main import NotReady, make_clock, make_house, read_profile
from app.policy.assembly import read_folder
from app.policy.bundle import Bundle
from app.policy.errors import PolicyError
from app.policy.invariants import FOLDER as INVARIANTS
from app.policy.loader import load_bundle, read_base
from app.policy.overlays import countries, load_country_bundle, read_overlay
from app.policy.request_json import PARTIES, request_from_json
from app.problems import FieldError, InvalidInput
from app.settings import Settings

if TYPE_CHECKING:
    from app.policy.explain import FieldExplanation
    from app.policy.prove import Proof
    from app.policy.scenario_checks import Failure

policy = typer.Typer(help="The data-sharing policy.", no_args_is_help=True)
activation.add_commands(policy)


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(policy, name="policy")


def _configured() -> Path:
    return Settings.from_environment().policies_directory


Policies = Annotated[
    Path,
    typer.Option(
        help="Folder of the bundle.",
        default_factory=_configured,
        show_default="that of the settings",
    ),
]
Country = Annotated[
    str | None, typer.Option(help="With the overlay of this country, for example xk.")
]
Day = Annotated[
    datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="Legal day; today if not.")
]


class Format(StrEnum):
    """How the matrix is written."""

    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


@policy.command()
def check(*, policies: Policies, country: Country = None, as_json: Json = False) -> None:
    """Load a bundle with every check, and print its digest; a policy that is dead fails it."""
    with _refusals(as_json=as_json):
        # Here the setting counts: this says whether the service would load it.
        allowed = Settings.from_environment().allow_illustrative
        bundle = _bundle(policies, country, _today(), allow_illustrative=allowed)
        from app.policy.prove import dead_policies  # noqa: PLC0415 - loads the solver

        dead = list(dead_policies(bundle))
    due = reviews_due(bundle, _today())
    result = {"digest": bundle.digest, "policies": len(bundle.policies)}
    if as_json:
        _print({**result, "dead_policies": [p.id for p in dead], "reviews_due": due})
    else:
        _say(f"{result['policies']} policies, digest {result['digest']}")
        for id_ in due:
            _say(f"the review of {id_} is due", style="yellow")
        for one in dead:
            errors.print(str(one.finding("can never match")), markup=False, highlight=False)
    raise typer.Exit(1 if dead else 0)


@policy.command()
def prove(*, policies: Policies, as_json: Json = False) -> None:
    """Prove the invariants over every possible request; exit status 1 if one is refuted."""
    from app.policy.invariants import read_invariants  # noqa: PLC0415 - loads the solver
    from app.policy.prove import prove as prove_bundle  # noqa: PLC0415 - the same
    from app.policy.prove_overlays import prove_overlay  # noqa: PLC0415 - the same

    at = _today()
    with _refusals(as_json=as_json):
        bundle = load_bundle(policies, at=at, allow_illustrative=True)
        invariants = read_invariants(policies, bundle.vocabulary)
        base = read_base(policies, allow_illustrative=True)
        overlays = [
            read_overlay(policies, country, base, at=at, allow_illustrative=True)
            for country in countries(policies)
        ]
    report = prove_bundle(bundle, invariants)
    for overlay in overlays:
        report = report.with_more(prove_overlay(overlay, invariants, at=at))
    if as_json:
        _print(report.to_json())
    else:
        for proof in report.proofs:
            _show_proof(proof)
        for one in report.dead:
            _say(f"can never match: {one.id}", style="yellow")
        _say(f"{len(report.proofs)} claims about the bundle {report.digest}")
    raise typer.Exit(0 if report.holds else 1)


@policy.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Folder of the bundle in force.")],
    new: Annotated[Path, typer.Argument(help="Folder of the bundle that is proposed.")],
    *,
    country: Country = None,
    as_json: Json = False,
) -> None:
    """Who gains and who loses which field, in which situation, between two bundles."""
    from app.policy.changes import changes  # noqa: PLC0415 - loads the solver

    with _refusals(as_json=as_json):
        before, after = (
            _bundle(folder, country, _today(), allow_illustrative=True) for folder in (old, new)
        )
    found = changes(
        before,
        after,
        old_invariants=read_folder(old, INVARIANTS),
        new_invariants=read_folder(new, INVARIANTS),
    )
    if as_json:
        _print(found.to_json())
    else:
        show_changes(found)


@policy.command()
def matrix(
    *,
    policies: Policies,
    country: Country = None,
    day: Day = None,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.MARKDOWN,
    as_json: Json = False,
) -> None:
    """Who may receive which field, in which form and when: for a lawyer to read."""
    from app.policy.matrix import matrix as matrix_of  # noqa: PLC0415 - only here
    from app.policy.matrix_pages import to_html, to_markdown  # noqa: PLC0415 - only here

    at = _day(day)
    with _refusals(as_json=as_json):
        bundle = _bundle(policies, country, at, allow_illustrative=True)
    made = matrix_of(bundle, at=at)
    if as_json or form is Format.JSON:
        _print(made.to_json())
    else:
        sys.stdout.write(to_html(made) if form is Format.HTML else to_markdown(made))


@policy.command()
def timeline(
    *,
    policies: Policies,
    country: Country = None,
    day: Day = None,
    as_json: Json = False,
) -> None:
    """For each role the day before a release at which fields open."""
    from app.policy.timeline import timelines  # noqa: PLC0415 - only here

    at = _day(day)
    with _refusals(as_json=as_json):
        bundle = _bundle(policies, country, at, allow_illustrative=True)
    lines = timelines(bundle, at=at)
    if as_json:
        roles = [line.to_json() for line in lines]
        _print({"digest": bundle.digest, "day": at.isoformat(), "roles": roles})
        return
    for line in lines:
        _say(f"{line.role}: {len(line.always)} fields at any time", style="bold")
        for step in line.to_json()["steps"]:
            for word in ("opens", "closes"):
                for field in step[word]:
                    text = f"  {step['words']}: {word} {field['field']} ({field['form']})"
                    _say(text)


@policy.command()
def explain(  # noqa: PLR0913 - each is an option of the command
    request: Annotated[
        Path | None, typer.Argument(help="File with the request as JSON; - is standard input.")
    ] = None,
    *,
    role: Annotated[str | None, typer.Option(help="Role of the recipient.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Purpose of the request.")] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(
            help="A fact: assigned, days_to_release=30, consents=FIELD,FIELD; repeatable."
        ),
    ] = None,
    field: Annotated[list[str] | None, typer.Option(help="Only this field; repeatable.")] = None,
    policies: Policies,
    country: Country = None,
    day: Day = None,
    as_json: Json = False,
) -> None:
    """Why each field is released or withheld for a request, and which facts would open it."""
    from app.policy.explain import explain as explain_request  # noqa: PLC0415 - only here

    asked = request_from_json(
        {
            **PARTIES,
            **_read(request),
            **{name: text for name, text in (("role", role), ("purpose", purpose)) if text},
            **dict(map(_fact, fact or ())),
        }
    )
    at = _day(day)
    with _refusals(as_json=as_json):
        bundle = _bundle(policies, country, at, allow_illustrative=True)
    _check_fields(bundle, field)
    explanation = explain_request(bundle, asked, at=at).only(field)
    if as_json:
        _print(explanation.to_json())
    else:
        for one in explanation.fields:
            _show_field(one)


@policy.command("test")
def try_scenarios(*, policies: Policies, country: Country = None, as_json: Json = False) -> None:
    """Decide every scenario of the bundle; exit status 1 if one is decided otherwise."""
    from app.policy.scenario_checks import failures  # noqa: PLC0415 - only here
    from app.policy.scenarios import read_scenarios  # noqa: PLC0415 - only here

    with _refusals(as_json=as_json):
        bundle = _bundle(policies, country, _today(), allow_illustrative=True)
        scenarios = read_scenarios(policies, bundle.vocabulary)
    mine = [one for one in scenarios if one.country in {None, country}]
    found = [failure for one in mine for failure in failures(bundle, one)]
    failed = {failure.scenario.id for failure in found if failure.question is None}
    if as_json:
        differences = [failure.to_json() for failure in found]
        ids = [one.id for one in mine]
        _print({"digest": bundle.digest, "scenarios": ids, "differences": differences})
    else:
        for failure in found:
            _show_failure(failure)
        _say(f"{len(mine)} scenarios, {len(failed)} decided otherwise, digest {bundle.digest}")
    raise typer.Exit(1 if failed else 0)


@policy.command()
def replay(
    candidate: Annotated[Path, typer.Argument(help="Folder of the bundle that is proposed.")],
    *,
    last: Annotated[int, typer.Option(min=1, help="So many decisions, the newest.")] = 1000,
    country: Country = None,
    as_json: Json = False,
) -> None:
    """Which recorded decisions would have been others; exit status 1 if one is contradicted.

    Reads the sealed inputs of decisions beside the running service, and prints nothing of them.
    """
    settings = Settings.from_environment()
    house = make_house(settings, at=make_clock(settings)())
    with _refusals(as_json=as_json):
        proposed = _bundle(candidate, country, _today(), allow_illustrative=True)
    with closing(open_database(settings.database_url)) as database:
        report = database.read_blocking(
            lambda connection: replay_decisions(
                newest(connection, keys=house.log_keys(), last=last), house.bundle, proposed
            )
        )
    if as_json:
        _print(report.to_json())
    else:
        _show_replay(report)
    raise typer.Exit(1 if Status.CONTRADICTED in report.apart else 0)


# -- reading ------------------------------------------------------------------------------------


def _bundle(folder: Path, country: str | None, at: date, *, allow_illustrative: bool) -> Bundle:
    if country is None:
        return load_bundle(folder, at=at, allow_illustrative=allow_illustrative)
    return load_country_bundle(folder, country, at=at, allow_illustrative=allow_illustrative)


@contextmanager
def _refusals(*, as_json: bool) -> Iterator[None]:
    """A bundle that is refused: every finding with file, line and policy; exit status 1."""
    try:
        yield
    except PolicyError as error:
        if as_json:
            names = ("file", "line", "policy", "message")
            _print({"findings": [{n: getattr(f, n) for n in names} for f in error.findings]})
        for finding in error.findings:
            errors.print(str(finding), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


def _today() -> date:
    """The legal day of the installation; that of UTC where there is none."""
    settings = Settings.from_environment()
    at = make_clock(settings)()
    try:
        return read_profile(settings).local_date(at)
    except NotReady:
        return at.date()


def _day(day: datetime | None) -> date:
    return _today() if day is None else day.date()


def _read(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        return {}
    try:
        content = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text("utf-8"))
    except ValueError:
        raise InvalidInput(f"{file}: expected JSON") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"{file}: expected a JSON object")
    return content


def _fact(text: str) -> tuple[str, Any]:
    """`assigned`, `days_to_release=30` or `consents=a,b` as a member of the request's JSON."""
    name, equals, value = text.partition("=")
    if not equals:
        return name, True
    if value.removeprefix("-").isdecimal():
        return name, int(value)
    return name, value.split(",") if name in _SETS else value


_SETS = frozenset(
    {
        "municipalities",
        "consents",
        "relative_consents",
        "vital_interest",
        "court_orders",
        "legal_authorities",
    }
)


def _check_fields(bundle: Bundle, fields: list[str] | None) -> None:
    unknown = sorted(set(fields or ()) - set(bundle.vocabulary.fields))
    if unknown:
        found = tuple(FieldError(path, "is no field of the catalogue") for path in unknown)
        raise InvalidInput("unknown fields", errors=found)


# -- showing ------------------------------------------------------------------------------------


def _say(text: str, *, style: str | None = None) -> None:
    """A line of its own, however long: nothing in it is markup."""
    screen.print(text, style=style, markup=False, soft_wrap=True)


def _print(content: Mapping[str, Any]) -> None:
    print(json.dumps(content, ensure_ascii=False))  # noqa: T201 - the result itself


def _show_proof(proof: "Proof") -> None:
    style = "green" if proof.witness is None else "red"
    line = f"{proof.status:8} {proof.id}: {proof.title} ({proof.milliseconds:.0f} ms)"
    _say(line, style=style)
    if proof.witness is not None:
        screen.print_json(json.dumps(proof.witness.to_json()))


def _show_failure(failure: "Failure") -> None:
    by = ", ".join(failure.decided_by) or failure.reason
    where = f"{failure.scenario.file}: {failure.scenario.id}: {failure.field}"
    style = "red" if failure.question is None else "yellow"
    _say(f"{where}: expected {failure.expected}, got {failure.got} ({by})", style=style)
    if failure.question is not None:
        _say(f"  open question: {failure.question}", style=style)


def _show_replay(report: Replay) -> None:
    for change, entries in sorted(report.changes.items()):
        forms = f"{change.before} -> {change.after}"
        _say(f"{change.role} {change.field} {forms}: {entries.count} decisions", style="bold")
        _say(f"  entries {', '.join(entries.newest)}")
    for status, entries in sorted(report.apart.items()):
        _say(f"{status}: {entries.count} decisions are not compared", style="yellow")
        _say(f"  entries {', '.join(entries.newest)}")
    if report.undecided.count:
        _say(f"the candidate cannot decide {report.undecided.count} of them", style="red")
        _say(f"  entries {', '.join(report.undecided.newest)}")
    _say(f"{report.differing} of {report.compared} decisions would have been others")


def _show_field(field: "FieldExplanation") -> None:
    decision = field.decision
    by = f" by {', '.join(decision.policies)}" if decision.policies else ""
    _say(f"{field.path}: {decision.form.code}{by}", style="bold")
    if decision.reason:
        _say(f"  {decision.reason}")
    if decision.cut_by:
        _say(f"  cut by {', '.join(decision.cut_by)}")
    for opening in field.openings:
        _say(f"  {opening.form.code} by {opening.policy.id} would need")
        for clause in opening.unmet:
            _say(f"    {clause.words}")
