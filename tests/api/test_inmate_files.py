"""The inmate file over HTTP: put in, read, refused."""

from tests.world import World


def test_a_file_that_was_put_in_is_read_back_by_its_custodian(world: World) -> None:
    prison = world.agency("prison-a", "correctional_service")
    sections = {"needs": {"employment_need": {"value": "job_search"}}}
    made = prison.request("PUT", "/v1/inmate-files/P-1", json={"sections": sections})
    assert made.status == 201
    view = prison.request("GET", "/v1/inmate-files/P-1")
    assert view.headers["etag"] == made.headers["etag"]
    assert view.json()["released"]["needs"]["employment_need"]["value"] == "job_search"
