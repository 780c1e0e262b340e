// A store in a local or mounted folder, as workers write it: docs/format.md, "Store".

import { constants, promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { demand } from "./container.js";

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads files of one model below a folder, given as a path or a file: URL. */
export class FolderStore {
  constructor(folder, model) {
    this.root = join(folder.startsWith("file:") ? fileURLToPath(folder) : folder, model);
  }

  /** The bytes of a file that must have `size` bytes. Nothing is read through a link, of a pipe, or of another size. */
  async read(name, size) {
    const path = join(this.root, ...name.split("/"));
    const isBelow = (await fs.realpath(dirname(path))) === join(await fs.realpath(this.root), dirname(name));
    demand(isBelow, `${name} leads through a link`);
    // Before opening: to open a device may have an effect.
    demand((await fs.lstat(path)).isFile(), `${name} is no regular file`);
    const file = await fs.open(path, READ);
    try {
      const found = await file.stat();
      demand(found.isFile() && found.size === size, `${name} is no regular file of ${size} bytes`);
      const { bytesRead, buffer } = await file.read(Buffer.alloc(size), 0, size, 0);
      demand(bytesRead === size, `${name} could not be read to its end`);
      return buffer;
    } finally {
      await file.close();
    }
  }
}
