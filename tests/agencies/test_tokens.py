"""Tokens: what the token endpoint refuses, what a token grants, and when it grants no more."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws as joserfc
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import Connection, Table, func, select

from app.agencies import registry, tokens
from app.agencies.clients import ClientAssertion, client_keys
from app.agencies.oauth import ASSERTION_TYPE, OAuthError
from app.agencies.registry import (
    AGENCY,
    CLIENT,
    GROUND,
    OFFICER,
    AgencyRecord,
    ClientRecord,
    Ground,
)
from app.agencies.tables import UsedAssertion
from app.agencies.tokens import Caller, Grant, TokenRequest
from app.crypto.claims import LEEWAY_SECONDS, check_claims
from app.crypto.errors import ClaimsRefused
from app.crypto.json_web_keys import public_jwks
from app.crypto.possession import Proof
from app.crypto.signing import sign
from app.crypto.signing_keys import KeySet, SigningKey
from app.database import Database
from app.problems import Unauthenticated
from app.rows import table_of

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
NOW = int(AT.timestamp())
ISSUER = "https://exchange.example"
KEY, SECOND_KEY, OTHER_KEY = (
    SigningKey.generate(),
    SigningKey.generate("P-384"),
    SigningKey.generate(),
)
SERVICE_KEY = SigningKey.generate()
USED = table_of(UsedAssertion)
DETAILS = {
    "type": "inmate-file",
    "officer": "o-1",
    "purpose": "public_protection_local",
    "legal_basis": "illustrative:police_local",
}
CLAIMS: dict[str, Any] = {
    "iss": "police-1-a",
    "sub": "police-1-a",
    "aud": ISSUER,
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "assertion-1",
}
GRANT = Grant(
    client_id="police-1-a",
    officer_id="o-1",
    purpose=DETAILS["purpose"],
    legal_basis=DETAILS["legal_basis"],
    case=None,
    token_id="token-1",
    expires_at=AT + timedelta(seconds=300),
)


def fill(connection: Connection) -> None:
    """Two police stations, each with a client of two keys and with an officer."""
    for number in ("1", "2"):
        agency = AgencyRecord(
            agency_id=f"police-{number}",
            name=f"Police Station {number}",
            role="police_local",
            country="XK",
            municipalities=frozenset({"XK-GJILAN"}),
        )
        client = ClientRecord(
            client_id=f"police-{number}-a",
            agency_id=f"police-{number}",
            jwks=public_jwks([KEY, SECOND_KEY]),
            grounds=(
                Ground(DETAILS["purpose"], DETAILS["legal_basis"]),
                Ground("offender_management", "illustrative:another"),
            ),
        )
        registry.add_agency(connection, agency, at=AT)
        registry.add_client(connection, client, at=AT)
        registry.add_officer(
            connection,
            agency_id=f"police-{number}",
            officer_id=f"o-{number}",
            function="sergeant",
            at=AT,
        )


@pytest.fixture
def filled(connection: Connection) -> Connection:
    """A connection to a filled registry."""
    fill(connection)
    return connection


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A mapping with some members replaced, and without those that are None."""
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def assertion(key: SigningKey = KEY, **claims: object) -> str:
    """An assertion of the first client, with some claims replaced."""
    return sign(changed(CLAIMS, claims), key, typ="JWT")


def by_joserfc(key: SigningKey, header: dict[str, Any]) -> str:
    """An assertion that another library made."""
    return joserfc.serialize_compact(
        header, json.dumps(CLAIMS), ECKey.import_key(key.to_pem()), algorithms=[key.algorithm]
    )


def header(key: SigningKey, **changes: object) -> dict[str, Any]:
    """The header of an assertion, with some members replaced."""
    return changed({"alg": key.algorithm, "typ": "JWT", "kid": key.kid}, changes)


def request(made: str, details: object = (DETAILS,)) -> TokenRequest:
    """A token request with an assertion."""
    return TokenRequest(
        grant_type="client_credentials",
        client=ClientAssertion(client_assertion_type=ASSERTION_TYPE, client_assertion=made),
        authorization_details=details if isinstance(details, str) else json.dumps(details),
        proof=proof(),
    )


def proof(jti: str = "") -> Proof:
    """A proof of possession that was read already."""
    return Proof(
        thumbprint="thumbprint",
        jti=jti or secrets.token_hex(8),
        expires_at=AT + timedelta(seconds=65),
    )


def issue(connection: Connection, asked: TokenRequest, *, at: datetime = AT) -> dict[str, Any]:
    """Ask for a token."""
    result = tokens.issue(
        connection, asked, key=SERVICE_KEY, issuer=ISSUER, at=at, random=lambda n: b"\x01" * n
    )
    if isinstance(result, OAuthError):
        raise result
    return result


def refusal(connection: Connection, asked: TokenRequest, *, at: datetime = AT) -> OAuthError:
    """How a request is refused."""
    with pytest.raises(OAuthError) as caught:
        issue(connection, asked, at=at)
    return caught.value


def read(token: str, *, at: datetime = AT) -> Grant:
    """What a token grants."""
    keys = KeySet.from_jwks(public_jwks([SERVICE_KEY]))
    return tokens.read(token, keys=keys, issuer=ISSUER, at=at)


def access_token(key: SigningKey = SERVICE_KEY, typ: str = "at+jwt", **claims: object) -> str:
    """An access token as we sign them, with some claims replaced."""
    ours = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "police-1-a",
        "client_id": "police-1-a",
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "token-1",
        "authorization_details": [DETAILS],
    }
    return sign(changed(ours, claims), key, typ=typ)


def test_a_token_names_client_officer_purpose_and_basis(filled: Connection) -> None:
    answer = issue(filled, request(assertion()))
    assert answer["token_type"] == "DPoP"
    assert answer["expires_in"] == 300
    assert answer["authorization_details"] == [DETAILS]
    grant = read(answer["access_token"])
    assert grant == replace(GRANT, token_id="01" * 16, bound_to="thumbprint")
    assert tokens.identify(filled, grant) == Caller(
        agency_id="police-1",
        agency_name="Police Station 1",
        role="police_local",
        country="XK",
        municipalities=frozenset({"XK-GJILAN"}),
        client_id="police-1-a",
        officer_id="o-1",
        officer_function="sergeant",
        assurance="asserted",
        purpose=DETAILS["purpose"],
        legal_basis=DETAILS["legal_basis"],
        case=None,
        token_id="01" * 16,
    )


def test_a_case_number_is_carried_through(filled: Connection) -> None:
    details = {**DETAILS, "case": "K 123/27 — Lipjan"}
    answer = issue(filled, request(assertion(), [details]))
    assert read(answer["access_token"]).case == "K 123/27 — Lipjan"


def test_the_token_is_a_jwt_access_token_that_another_library_reads(filled: Connection) -> None:
    token = issue(filled, request(assertion()))["access_token"]
    key = ECKey.import_key({**SERVICE_KEY.public_jwk()})
    opened = joserfc.deserialize_compact(token, key, algorithms=["ES256"])
    assert opened.headers()["typ"] == "at+jwt"
    claims = json.loads(opened.payload)
    # RFC 9068, section 2.2
    assert claims.keys() >= {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}
    assert claims["exp"] - claims["iat"] == 300
    assert claims["aud"] == ISSUER


@pytest.mark.parametrize("key", [KEY, SECOND_KEY], ids=["ES256", "ES384"])
def test_an_assertion_that_another_library_made_is_accepted(
    filled: Connection, key: SigningKey
) -> None:
    assert issue(filled, request(by_joserfc(key, header(key))))["access_token"]


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "nobody"},
        {"sub": None},
        {"sub": ["police-1-a"]},
        {"sub": "police-1-a\x00"},
        {"sub": "x" * 4000},
        {"sub": ""},
        {"iss": "police-2-a"},
        {"iss": None},
        {"sub": "police-2-a"},  # its key is the same here, the issuer is not
        {"aud": "https://other.example"},
        {"aud": ISSUER + "/"},
        {"aud": [ISSUER]},
        {"aud": None},
        {"exp": None},
        {"exp": NOW - 6},
        {"exp": NOW + 306},
        {"exp": str(NOW + 60)},
        {"exp": NOW + 60.5},
        {"exp": True},
        {"iat": NOW + 60},
        {"iat": "now"},
        {"nbf": NOW + 60},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 3000},  # an index of PostgreSQL could not hold it
        {"jti": "a\x00b"},
        {"jti": "a\nb"},
    ],
    ids=repr,
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    filled: Connection, changes: dict[str, Any]
) -> None:
    problem = refusal(filled, request(assertion(**changes)))
    assert problem.code == "invalid_client"
    assert str(problem).startswith("the client assertion")
    assert filled.scalar(select(func.count()).select_from(USED)) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aud": ISSUER + "/"}, "aud is not the issuer of this service"),
        ({"exp": NOW - 6}, "exp has passed"),
        ({"iat": NOW + 60}, "iat lies in the future"),
    ],
    ids=["issuer", "slow", "fast"],
)
def test_whoever_signed_rightly_is_told_which_claim_is_wrong(
    filled: Connection, changes: dict[str, Any], said: str
) -> None:
    assert str(refusal(filled, request(assertion(**changes)))) == f"the client assertion: {said}"
    forged = request(assertion(OTHER_KEY, **changes))
    assert str(refusal(filled, forged)) == "the client assertion is not valid"


@pytest.mark.parametrize(
    "made",
    [
        assertion(OTHER_KEY),
        by_joserfc(OTHER_KEY, header(OTHER_KEY, kid=KEY.kid)),
        by_joserfc(KEY, header(KEY, typ=None)),
        by_joserfc(KEY, header(KEY, typ="jwt")),
        by_joserfc(KEY, header(KEY, typ="at+jwt")),
        by_joserfc(KEY, header(KEY, kid=None)),
        by_joserfc(KEY, header(KEY, kid="unknown")),
        by_joserfc(KEY, header(KEY, jku="https://evil.example/jwks")),
        joserfc.serialize_compact(
            {"alg": "HS256", "typ": "JWT", "kid": KEY.kid},
            json.dumps(CLAIMS),
            OctKey.import_key("secret-secret-secret-secret-secret"),
            algorithms=["HS256"],
        ),
        assertion().rsplit(".", 1)[0] + ".",
        assertion() + "A",
        "no token at all",
        "",
        "a.b.c",
        "x" * 9000,
    ],
    ids=[
        "unregistered key",
        "a known key id over another key",
        "no typ",
        "typ in other letters",
        "typ of an access token",
        "no kid",
        "unknown kid",
        "a header that names keys elsewhere",
        "a shared secret",
        "no signature",
        "a signature too long",
        "words",
        "nothing",
        "no JSON",
        "too long",
    ],
)
def test_an_assertion_that_is_not_signed_as_agreed_is_refused(
    filled: Connection, made: str
) -> None:
    assert refusal(filled, request(made)).code == "invalid_client"


def test_clocks_may_differ_by_a_few_seconds(filled: Connection) -> None:
    late = timedelta(seconds=120 + LEEWAY_SECONDS - 1)
    assert issue(filled, request(assertion()), at=AT + late)


@pytest.mark.parametrize(
    "details",
    [
        "",
        "null",
        "{}",
        "[]",
        json.dumps(DETAILS),  # an object where an array is agreed
        json.dumps([DETAILS, DETAILS]),
        json.dumps([{**DETAILS, "datatypes": "all"}]),
        json.dumps([{**DETAILS, "type": "payment"}]),
        json.dumps([{**DETAILS, "officer": None}]),
        json.dumps([{**DETAILS, "officer": ["o-1"]}]),
        json.dumps([{**DETAILS, "purpose": {"x": "y"}}]),
        json.dumps([{**DETAILS, "case": 7}]),
        json.dumps([{**DETAILS, "case": ""}]),
        json.dumps([{**DETAILS, "case": "x" * 5000}]),  # the token would be too long to be read
        json.dumps([{**DETAILS, "case": "a\nb"}]),
        json.dumps([{**DETAILS, "officer": "o-1\x00"}]),
        '[{"type":"inmate-file","officer":"\\ud800","purpose":"p","legal_basis":"l"}]',
        json.dumps([{k: v for k, v in DETAILS.items() if k != "officer"}]),
        json.dumps([{k: v for k, v in DETAILS.items() if k != "purpose"}]),
        json.dumps([{k: v for k, v in DETAILS.items() if k != "legal_basis"}]),
        json.dumps([{k: v for k, v in DETAILS.items() if k != "type"}]),
        json.dumps([DETAILS])[:-2] + ', "officer": "o-2"}]',  # named twice: readers disagree
        "[NaN]",
        "[" * 6000 + "]" * 6000,
        '["' + "9" * 5000 + '"]',
        "[" + "9" * 5000 + "]",
    ],
)
def test_details_that_are_not_one_whole_object_are_refused(
    filled: Connection, details: str
) -> None:
    assert refusal(filled, request(assertion(), details)).code == "invalid_authorization_details"


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("purpose", "employment_support", "purpose"),
        ("purpose", "public_protection_local ", "purpose"),
        ("legal_basis", "illustrative:social_welfare_centre", "legal basis"),
        ("legal_basis", "illustrative:another", "legal basis"),  # that of the other purpose
        ("purpose", "offender_management", "legal basis"),
        ("officer", "o-2", "officer"),  # of the other station
        ("officer", "nobody", "officer"),
    ],
)
def test_what_is_not_registered_is_refused(
    filled: Connection, member: str, value: str, said: str
) -> None:
    problem = refusal(filled, request(assertion(), [{**DETAILS, member: value}]))
    assert problem.code == "invalid_authorization_details"
    assert said in str(problem)
    assert value.strip() not in str(problem)


def test_another_grant_or_kind_of_assertion_is_refused(filled: Connection) -> None:
    asked = request(assertion())
    assert refusal(filled, replace(asked, grant_type="password")).code == "unsupported_grant_type"
    saml = replace(asked.client, client_assertion_type="urn:ietf:params:oauth:saml2-bearer")
    assert refusal(filled, replace(asked, client=saml)).code == "invalid_request"


def revoke(connection: Connection, table: Table) -> None:
    """End every row of a table of the registry."""
    connection.execute(table.update().values(status="revoked"))


@pytest.mark.parametrize("table", [AGENCY, CLIENT, OFFICER], ids=["agency", "client", "officer"])
def test_who_was_revoked_gets_no_token_and_its_token_works_no_more(
    filled: Connection, table: Table
) -> None:
    grant = read(issue(filled, request(assertion()))["access_token"])
    assert tokens.identify(filled, grant).client_id == "police-1-a"
    revoke(filled, table)
    with pytest.raises(Unauthenticated):
        tokens.identify(filled, grant)
    with pytest.raises(OAuthError):
        issue(filled, request(assertion(jti="assertion-2")))


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "nobody"},
        {"client_id": "police-2-a"},  # its agency has no officer o-1
        {"officer_id": "o-2"},
        {"purpose": "employment_support"},
        {"legal_basis": "another"},
        {"legal_basis": "illustrative:another"},  # registered for another purpose
        {"purpose": "offender_management"},  # on another basis
    ],
    ids=repr,
)
def test_a_grant_that_the_registry_does_not_bear_out_is_nobody(
    filled: Connection, change: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        tokens.identify(filled, replace(GRANT, **change))


def test_a_purpose_that_was_taken_from_the_client_works_no_more(filled: Connection) -> None:
    filled.execute(GROUND.delete().where(GROUND.c.purpose == DETAILS["purpose"]))
    with pytest.raises(Unauthenticated):
        tokens.identify(filled, GRANT)


def test_an_assertion_works_once(filled: Connection) -> None:
    asked = request(assertion())
    assert issue(filled, asked)
    assert refusal(filled, asked).code == "invalid_client"
    assert issue(filled, request(assertion(jti="assertion-2")))


def test_two_clients_may_use_the_same_assertion_id(filled: Connection) -> None:
    assert issue(filled, request(assertion()))
    other = assertion(iss="police-2-a", sub="police-2-a")
    assert issue(filled, request(other, [{**DETAILS, "officer": "o-2"}]))


def test_of_many_uses_at_once_of_one_assertion_one_gets_a_token(database: Database) -> None:
    database.run_blocking(fill)
    asked = request(assertion())

    def attempt(_: int) -> str:
        try:
            database.run_blocking(lambda connection: issue(connection, asked))
        except OAuthError as problem:
            return problem.code
        return "issued"

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(attempt, range(16)))
    assert sorted(outcomes) == ["invalid_client"] * 15 + ["issued"]


@pytest.mark.parametrize("lifetime", [1, 120, 300, 305])
def test_a_used_assertion_is_remembered_for_as_long_as_it_would_be_let_in(
    filled: Connection, lifetime: int
) -> None:
    issue(filled, request(assertion(exp=NOW + lifetime)))
    forgotten_at = filled.scalar(select(USED.c.expires_at))
    assert forgotten_at is not None
    with pytest.raises(ClaimsRefused):
        check_claims(
            {**CLAIMS, "exp": NOW + lifetime}, issuer="police-1-a", audience=ISSUER, at=forgotten_at
        )


def test_a_used_assertion_is_refused_in_its_last_moment_as_well(filled: Connection) -> None:
    asked = request(assertion(exp=NOW + 300))
    assert issue(filled, asked, at=AT)
    assert refusal(filled, asked, at=AT + timedelta(seconds=304)).code == "invalid_client"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 6},
        {"exp": None},
        {"exp": NOW + 1000},
        {"iss": "https://other.example"},
        {"aud": "https://other.example"},
        {"aud": [ISSUER]},
        {"key": OTHER_KEY},
        {"typ": "JWT"},
        {"typ": "secevent+jwt"},
        {"client_id": None},
        {"client_id": 7},
        {"jti": None},
        {"jti": ["x"]},
        {"authorization_details": None},
        {"authorization_details": []},
        {"authorization_details": DETAILS},
        {"authorization_details": "inmate-file"},
        {"authorization_details": [None]},
        {"authorization_details": ["inmate-file"]},
        {"authorization_details": [[DETAILS]]},
        {"authorization_details": [{}]},
        {"authorization_details": [DETAILS, DETAILS]},
        {"authorization_details": [{**DETAILS, "officer": 7}]},
        {"authorization_details": [{**DETAILS, "officer": {"id": "o-1"}}]},
        {"authorization_details": [{**DETAILS, "purpose": None}]},
        {"authorization_details": [{**DETAILS, "case": None}]},
        {"authorization_details": [{**DETAILS, "case": ["x"]}]},
        {"authorization_details": [{**DETAILS, "type": "payment"}]},
        {"authorization_details": [{**DETAILS, "more": "x"}]},
        {"authorization_details": [{k: v for k, v in DETAILS.items() if k != "officer"}]},
    ],
    ids=lambda changes: f"{min(changes)}",
)
def test_an_access_token_that_is_not_whole_is_no_credential(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        read(access_token(**changes))
    assert str(caught.value) == "the access token is not valid"


def test_something_else_than_an_access_token_is_no_credential() -> None:
    for token in (assertion(), "", "x", access_token()[:-4] + "AAAA"):
        with pytest.raises(Unauthenticated):
            read(token)


def test_a_token_is_read_until_its_end_and_not_after(filled: Connection) -> None:
    token = issue(filled, request(assertion()))["access_token"]
    assert read(token, at=AT + timedelta(seconds=300 + LEEWAY_SECONDS - 1))
    with pytest.raises(Unauthenticated):
        read(token, at=AT + timedelta(seconds=300 + LEEWAY_SECONDS))


def test_the_keys_of_a_client_are_those_that_were_registered(filled: Connection) -> None:
    assert set(client_keys(filled, "police-1-a")) == {KEY.kid, SECOND_KEY.kid}


@pytest.mark.parametrize("end", [AGENCY, CLIENT, None], ids=["agency", "client", "unknown"])
def test_nobody_signs_with_the_keys_of_a_client_that_is_not_active(
    filled: Connection, end: Table | None
) -> None:
    if end is not None:
        revoke(filled, end)
    with pytest.raises(Unauthenticated):
        client_keys(filled, "police-1-a" if end is not None else "nobody")


def test_a_refusal_is_told_the_way_of_oauth() -> None:
    problem = OAuthError("invalid_request", "expected a form")
    assert (problem.code, problem.detail, problem.status) == (
        "invalid_request",
        "expected a form",
        400,
    )
