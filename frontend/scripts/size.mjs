// Fails when a page of the built UI asks a browser to fetch more than its budget (gzip, 1 kB = 1000 bytes).
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGETS = {
  shell: 185_000, // what every page loads first
  route: 220_000, // the shell and one page
  lazy: 110_000, // what a page fetches later, for example the SQL editor
  css: 40_000, // all of it together
};

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const manifest = JSON.parse(readFileSync(join(dist, ".vite", "manifest.json"), "utf8"));
const chunks = Object.entries(manifest);

const sizes = new Map();
function gzipped(file) {
  if (!sizes.has(file)) sizes.set(file, gzipSync(readFileSync(join(dist, file)), { level: 9 }).length);
  return sizes.get(file);
}

/** The scripts that a chunk needs before it can run: itself and what it imports, not what it loads on demand. */
function scripts(key, found = new Set()) {
  const chunk = manifest[key];
  if (chunk.file.endsWith(".js") && !found.has(chunk.file)) {
    found.add(chunk.file);
    for (const imported of chunk.imports ?? []) scripts(imported, found);
  }
  return found;
}

function sum(files) {
  return [...files].reduce((total, file) => total + gzipped(file), 0);
}

const shell = chunks.filter(([, chunk]) => chunk.isEntry).reduce((files, [key]) => scripts(key, files), new Set());
const css = new Set(chunks.flatMap(([, chunk]) => [...(chunk.css ?? []), ...(chunk.file.endsWith(".css") ? [chunk.file] : [])]));

// One page is split into several chunks, named after its file: "routes/issues.$id.tsx?tsr-split=component".
const routes = new Map();
const lazy = [];
for (const [key, chunk] of chunks) {
  if (!chunk.isDynamicEntry || !chunk.file.endsWith(".js")) continue;
  const [source] = (chunk.src ?? key).split("?");
  if (source.includes("routes/")) routes.set(source, scripts(key, routes.get(source) ?? new Set(shell)));
  else lazy.push([source, new Set([...scripts(key)].filter((file) => !shell.has(file)))]);
}

const rows = [
  ["shell", "shell", sum(shell)],
  ["css", "css", sum(css)],
  ...[...routes].map(([source, files]) => ["route", source, sum(files)]),
  ...lazy.map(([source, files]) => ["lazy", source, sum(files)]),
];

let failed = false;
for (const [kind, name, size] of rows) {
  const over = size > BUDGETS[kind];
  failed ||= over;
  const label = `${(size / 1000).toFixed(1).padStart(7)} of ${BUDGETS[kind] / 1000} kB`;
  console.log(`${over ? "✗" : "✓"} ${kind.padEnd(6)} ${label}  ${name}`);
}
if (shell.size === 0) throw new Error("The manifest has no entry: is this the build of another tool?");
process.exitCode = failed ? 1 : 0;
