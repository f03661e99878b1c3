/** A whole Penstock for the tests: a PostgreSQL and a MariaDB to change, the server from this checkout, and what the browser needs to know. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { ADMIN, DATABASES, PASSWORD, type Servers, seed } from "./seed";

const ROOT = resolve(import.meta.dirname, "../..");
const PYTHON = process.env.PENSTOCK_PYTHON ?? join(ROOT, ".venv/bin/python");

export type Installation = {
  url: string;
  servers: Servers;
  databases: Record<string, number>;
  data: string;
  stop: () => Promise<void>;
};

/** Starts a Python program and waits for the line that says it is ready; what it says on the way is kept for the error. */
export function start(
  args: string[],
  env: Record<string, string>,
  pattern: RegExp,
): Promise<{ process: ChildProcess; line: string }> {
  return new Promise((done, fail) => {
    const child = spawn(PYTHON, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let said = "";
    child.stderr?.on("data", (chunk) => {
      said += chunk;
    });
    child.on("exit", (code) => fail(new Error(`${args.join(" ")} ended with ${code}:\n${said}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      said += `${line}\n`;
      const match = pattern.exec(line);
      if (match) done({ process: child, line: match[0] });
    });
  });
}

/** Ends a program: by closing its input, and by a signal where it does not listen to that. */
export function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.removeAllListeners("exit");
    child.on("exit", () => done());
    child.stdin?.end();
    if (signal) child.kill(signal);
  });
}

export async function install(): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), "penstock-e2e-"));
  await chmod(folder, 0o755);
  const running: [ChildProcess, NodeJS.Signals?][] = [];
  const stop = async () => {
    for (const [child, signal] of running.reverse()) await end(child, signal);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const target = await start(
      [
        join(import.meta.dirname, "target.py"),
        join(folder, "target"),
        ...DATABASES.map((d) => `${d.server}/${d.name}`),
      ],
      { PYTHONPATH: [process.env.PYTHONPATH, ROOT].filter(Boolean).join(":") },
      /^postgres\S+ mysql\S+/,
    );
    running.push([target.process]);
    const data = join(folder, "data");
    const server = await start(
      [join(ROOT, ".venv/bin/penstock"), "serve", "--port", "0", "--data-dir", data, "--no-demo"],
      { PENSTOCK_ADMIN_EMAIL: ADMIN, PENSTOCK_ADMIN_PASSWORD: PASSWORD },
      /^http:\/\/\S+/,
    );
    running.push([server.process, "SIGTERM"]);
    const [postgres = "", mariadb = ""] = target.line.split(" ");
    const servers = { postgres, mariadb };
    return { url: server.line, servers, databases: await seed(server.line, servers), data, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
