"""A process that has Penstock loaded and forks runner processes, which then start at once.

Reads ``start`` and answers the process id of a new runner; reads ``wait <pid>`` and answers its exit code once it has
ended. The log of all of them is the file that it is given.
"""

from __future__ import annotations

import os
import sys

from penstock.cli.main import main as command
from tests.own_servers import die_with_us


def start(log: str) -> int:
    """Fork a runner that writes to the log."""
    pid = os.fork()
    if pid == 0:
        die_with_us()
        code = 1
        try:
            file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(file, 1)
            os.dup2(file, 2)
            command(["runner"], prog_name="penstock")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            sys.stderr.flush()
            os._exit(code)
    return pid


def main(log: str) -> None:
    """Answer line by line."""
    die_with_us()
    for line in sys.stdin:
        order, *rest = line.split()
        if order == "start":
            print(start(log), flush=True)
        else:
            _, status = os.waitpid(int(rest[0]), 0)
            print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
