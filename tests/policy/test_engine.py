import cedarpy
import pytest

from app.policy import engine

SOUND = "permit (principal, action, resource);"


def test_two_policies_are_not_one_statement() -> None:
    with pytest.raises(engine.SyntaxRefused, match="exactly one policy"):
        engine.parse(SOUND + SOUND)


def test_text_that_cannot_be_read_is_never_valid(schema: str) -> None:
    ((place, message),) = engine.validate(["allow all;"], cedarpy.Schema.from_str(schema))
    assert place is None
    assert message


def test_an_error_names_the_place_of_its_statement(schema: str) -> None:
    wrong = 'permit (principal in Role::"mayor", action, resource);'
    errors = engine.validate([SOUND, wrong], cedarpy.Schema.from_str(schema))
    assert {place for place, _ in errors} == {1}


def test_strict_validation_does_not_see_an_overflow(schema: str) -> None:
    """The reason for a subset of our own."""
    overflow = "forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };"
    assert engine.validate([overflow], cedarpy.Schema.from_str(schema)) == []


def test_strict_validation_does_not_see_a_dead_policy(schema: str) -> None:
    dead = "forbid (principal, action, resource) when { false };"
    assert engine.validate([dead], cedarpy.Schema.from_str(schema)) == []


def test_strict_validation_does_not_see_a_template_that_nobody_links(schema: str) -> None:
    template = "forbid (principal in ?principal, action, resource);"
    assert engine.validate([template], cedarpy.Schema.from_str(schema)) == []
