"""Health: that the process lives, and that the database takes transactions."""

from tests.api.exchange import Exchange, is_problem


def test_the_service_lives_and_is_ready(exchange: Exchange) -> None:
    for path, more in (("/health/live", {}), ("/health/ready", {"quorum": "none named"})):
        answer = exchange.world.raw("GET", path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", **more})


def test_a_service_without_its_database_lives_and_is_not_ready(exchange: Exchange) -> None:
    exchange.world.service.database.close()
    is_problem(exchange.world.raw("GET", "/health/ready"), 503, "unavailable")
    assert exchange.world.raw("GET", "/health/live").status_code == 200
