// A store in a local or mounted folder, as workers write it: docs/format.md, "Store".

import { constants, promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Refused } from "./container.js";

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads files of one model below a folder, given as a path or a file: URL. */
export class FolderStore {
  constructor(folder, model) {
    this.root = join(folder.startsWith("file:") ? fileURLToPath(folder) : folder, model);
  }

  /** The bytes of a file that must have `size` bytes. Nothing is read through a link, of a pipe, or of another size. */
  async read(name, size) {
    const path = join(this.root, ...name.split("/"));
    if ((await fs.realpath(dirname(path))) !== join(await fs.realpath(this.root), dirname(name)))
      throw new Refused(`${name} leads through a link`);
    const file = await fs.open(path, READ);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new Refused(`${name} is no regular file`);
      if (found.size !== size) throw new Refused(`${name} has ${found.size} bytes, not ${size}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }
}
