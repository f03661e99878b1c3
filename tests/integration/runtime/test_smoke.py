from tests.builders import World


async def test_one(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file("CREATE TABLE t (id int)", dev)
    await world.until(issue, "succeeded")
    assert await dev.has("t")
    print(await world.events(issue))
