/** A whole Penstock for the tests: a target PostgreSQL, the server from this checkout, and what the browser needs to know. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { ADMIN, DATABASES, PASSWORD, seed } from "./seed";

const ROOT = resolve(import.meta.dirname, "../..");
const PYTHON = process.env.PENSTOCK_PYTHON ?? join(ROOT, ".venv/bin/python");

export type Installation = {
  url: string;
  target: string;
  databases: Record<string, number>;
  stop: () => Promise<void>;
};

/** Starts a program and waits for the line that is an address; what it says on the way is kept for the error. */
function start(
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
function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null) return done();
    child.removeAllListeners("exit");
    child.on("exit", () => done());
    child.stdin?.end();
    if (signal) child.kill(signal);
  });
}

export async function install(): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), "penstock-e2e-"));
  await chmod(folder, 0o755);
  const target = await start(
    [join(import.meta.dirname, "target.py"), join(folder, "target"), ...DATABASES],
    {},
    /^postgres\S+/,
  );
  const server = await start(
    [
      join(ROOT, ".venv/bin/penstock"),
      "serve",
      "--port",
      "0",
      "--data-dir",
      join(folder, "data"),
      "--no-demo",
    ],
    { PENSTOCK_ADMIN_EMAIL: ADMIN, PENSTOCK_ADMIN_PASSWORD: PASSWORD },
    /^http:\/\/\S+/,
  );
  const stop = async () => {
    await end(server.process, "SIGTERM");
    await end(target.process);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { url: server.line, target: target.line, databases: await seed(server.line, target.line), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
