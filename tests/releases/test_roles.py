from app.policy.roles import ROLE_PURPOSES
from app.releases.roles import ROLES, Group, members


def test_every_role_is_one_that_policy_knows() -> None:
    assert ROLES.keys() <= ROLE_PURPOSES.keys()


def test_every_role_is_informed_of_a_release() -> None:
    assert members(Group.INFORMED) == ROLES.keys()


def test_the_police_are_not_part_of_what_follows() -> None:
    assert "police_local" not in members(Group.ACTIVE) | members(Group.ENTITLEMENTS)
