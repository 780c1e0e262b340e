import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { FolderStore } from "../src/store.js";

const NAME = "0/1/state/1-a.5.5-0123456789abcdef";
const DATA = Buffer.from("a state");

/** A store with one file, at whose path `spoil` puts something else. */
async function read(t, spoil = () => {}, size = DATA.length) {
  const root = mkdtempSync(join(tmpdir(), "store-"));
  t.after(() => rmSync(root, { recursive: true }));
  const path = join(root, "mail", NAME);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, DATA);
  spoil(path, root);
  return new FolderStore(pathToFileURL(root).href, "mail").read(NAME, size);
}

test("a file is read", async (t) => {
  assert.deepEqual(await read(t), DATA);
});

const SPOILT = {
  "no file": (path) => rmSync(path),
  "no store": (_, root) => renameSync(join(root, "mail"), join(root, "gone")),
  "a longer file": (path) => writeFileSync(path, "a longer state"),
  "a terabyte of nothing": (path) => truncateSync(path, 2 ** 40),
  "a folder": (path) => (rmSync(path), mkdirSync(path)),
  "a pipe": (path) => (rmSync(path), execFileSync("mkfifo", [path])),
  "a link": (path, root) => (renameSync(path, join(root, "outside")), symlinkSync(join(root, "outside"), path)),
  "a link to itself": (path) => (rmSync(path), symlinkSync(path, path)),
  "a linked folder": (path, root) => {
    renameSync(dirname(path), join(root, "outside"));
    symlinkSync(join(root, "outside"), dirname(path));
  },
};

for (const [what, spoil] of Object.entries(SPOILT)) {
  test(`nothing is read of ${what}`, async (t) => {
    await assert.rejects(read(t, spoil));
  });
}

test("a file that is as large as no memory is refused", async (t) => {
  await assert.rejects(read(t, SPOILT["a terabyte of nothing"], 2 ** 40));
});
