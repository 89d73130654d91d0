"""Users of a PostgreSQL server who may do what their roles may, and nothing else."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.engines import make_engine
from app.grants import Role, name_of

# A server that was named may ask for one; the one that the tests start asks nobody.
PASSWORD = "planted"


def login(url: str, roles: Collection[Role]) -> str:
    """The same database, as a user of these roles; `init` has made them."""
    database = make_url(url).database or ""
    user = "_".join([database, *sorted(roles), "login"])
    groups = ", ".join(name_of(role, database) for role in roles)
    engine = make_engine(url)
    with engine.begin() as connection:
        known = text("SELECT 1 FROM pg_roles WHERE rolname = :name")
        if connection.execute(known, {"name": user}).first() is None:
            connection.execute(text(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'"))
        connection.execute(text(f"GRANT {groups} TO {user}"))
    engine.dispose()
    as_user = make_url(url).set(username=user, password=PASSWORD)
    return as_user.render_as_string(hide_password=False)
