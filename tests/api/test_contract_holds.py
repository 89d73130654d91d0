"""Whatever the contract lets somebody send, the answer is one that the contract names.

Briefly here; with every boundary of every schema in `make fuzz`, which sets the effort.
"""

import pytest
from schemathesis.engine.run import PhaseName

from tests.api.contract_fuzz import Finding, fuzzer
from tests.api.exchange import Exchange
from tests.conftest import BOTH, empty_database
from tests.effort import EFFORT
from tests.world import running_world

SEED = 20270303
QUICK = (PhaseName.FUZZING, PhaseName.STATEFUL_TESTING)


@pytest.mark.parametrize("kind", BOTH if EFFORT > 1 else BOTH[:1])
def test_no_request_gets_an_answer_that_the_contract_does_not_name(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("contract")
    url = empty_database(kind, request, folder)
    # A long poll is a right answer, and none that a fuzzer waits for.
    with running_world(url, folder, cross_check="off", inbox_wait_seconds=0.1) as world:
        import httpx

        with httpx.Client(trust_env=False, timeout=20) as http:
            tried = fuzzer(Exchange(world, http), seed=SEED)
            phases = (PhaseName.COVERAGE, *QUICK) if EFFORT > 1 else QUICK
            found = list(tried.findings(examples=3 * EFFORT, phases=phases))
    assert not found, _report(found)
    # Objects of one prison were asked for by the other.
    asked = {operation for _, operation, *_ in tried.agencies._probed}  # noqa: SLF001 - not told
    assert "GET /v1/subscriptions/{subscription_id}" in asked


def _report(found: list[Finding]) -> str:
    kinds = {(one.operation, one.title): one for one in found}
    return "\n\n".join(
        f"{operation}: {title}\n{one.message[:600]}\n{one.request}"
        for (operation, title), one in sorted(kinds.items())
    )
