"""It has been away for eleven minutes: sets back since when a task's database is missed, as no test waits so long.

The task's next try is put off by as much, so that nobody is at it while a page is looked at.
Usage: long_ago.py DATA_DIR TASK
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg

from penstock.embedded.running import running_url

LONG_AGO = """
    UPDATE task SET failure = jsonb_set(failure, '{since}', to_jsonb(now() - interval '11 minutes')),
                    run_at = now() + interval '11 minutes'
    WHERE id = $1 AND status = 'ready' AND failure ->> 'code' = 'target_unreachable'
"""


async def main(cluster: Path, task: int) -> None:
    url = running_url(cluster)
    assert url is not None, f"nobody runs {cluster}"
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg:", "postgresql:"))
    while await connection.execute(LONG_AGO, task) != "UPDATE 1":
        await asyncio.sleep(0.05)  # it is being tried right now
    await connection.close()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) / "metadata", int(sys.argv[2])))
