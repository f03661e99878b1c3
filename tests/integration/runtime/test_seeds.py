"""The samples of the designs that the pipeline model comes from, translated word by word, with a real runner."""

from __future__ import annotations

from typing import Any

import yaml

from tests.builders import Json, Target, World, stage, task

# Stages (concurrency), "Sample": images and commands left out, since a step here is a statement.
STAGES = """
stages:
  backend:
    steps: [{name: install}, {name: test}, {name: build}]
  frontend:
    steps: [{name: install}, {name: test}, {name: build}]
  publish_backend:
    needs: [ backend ]
    steps: [{name: publish}]
  publish_frontend:
    needs: [ frontend ]
    steps: [{name: publish}]
  notify:
    needs: [ publish_backend, publish_frontend ]
    steps: [{name: notify}]
"""
# Comes back once a second one runs at the same time, wherever on the server; alone, it fails.
MEET = """
CREATE FUNCTION meet() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..3000 LOOP
        PERFORM pg_stat_clear_snapshot();
        IF (SELECT count(DISTINCT datname) > 1 FROM pg_stat_activity
             WHERE state = 'active' AND query LIKE 'SELECT meet()%' AND application_name LIKE 'penstock:%') THEN
            PERFORM pg_sleep(0.05);  -- let the other see us too
            RETURN;
        END IF;
        PERFORM pg_sleep(0.005);
    END LOOP;
    RAISE EXCEPTION 'nobody else was there';
END $$;
CREATE TABLE steps (stage text, step text, at timestamptz DEFAULT clock_timestamp());
"""


def translate(written: str, places: dict[str, Target], statement: dict[str, str]) -> list[Json]:
    """Stages as the seed writes them: a stage is a stage, its steps are tasks in order, ``needs`` stays."""
    stages: dict[str, Any] = yaml.safe_load(written)["stages"]
    return [
        stage(
            name,
            "dev",
            *(
                task(
                    places[name],
                    statement.get(step["name"], "SELECT 1")
                    + f"; INSERT INTO steps (stage, step) VALUES ('{name}', '{step['name']}')",
                    name=step["name"],
                )
                for step in body["steps"]
            ),
            **({"needs": body["needs"]} if "needs" in body else {}),
        )
        for name, body in stages.items()
    ]


async def test_the_sample_of_the_stages_seed_runs_with_real_parallelism(world: World) -> None:
    names = list(yaml.safe_load(STAGES)["stages"])
    places = {name: await world.target() for name in names}
    for place in places.values():
        await place.execute(MEET)
    # The first steps of backend and frontend each need the other one to be at work.
    issue = await world.file_stages(None, *translate(STAGES, places, {"install": "SELECT meet()"}))
    assert issue["pipeline"]["order"] == "parallel"
    await world.until(issue, "succeeded")
    ran = {
        (name, step): at
        for name, place in places.items()
        for step, at in await place.fetch("SELECT step, at FROM steps ORDER BY at")
    }
    assert len(ran) == 9
    for name in ("backend", "frontend"):
        assert ran[name, "install"] < ran[name, "test"] < ran[name, "build"] < ran[f"publish_{name}", "publish"]
        assert ran[f"publish_{name}", "publish"] < ran["notify", "notify"]
