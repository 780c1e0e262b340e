"""Run in the image by check_image.sh: commands learn, verify and score, all with the kernels that the image brings.

Kernels are copied into a folder that can be written to, and used there; what is compiled anew is written there, too. So
whatever is there and not in the image was compiled anew.
"""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from unlearn_models.base.cache_folder import cache_folder


def compiled(folder: Path) -> set[tuple[str, str]]:
    """Name and digest of each file of machine code below a folder, and of each index of such."""
    return {(file.name, sha256(file.read_bytes()).hexdigest()) for file in folder.rglob("*.nb[ci]")}


for line, given in (("work --drain", ""), ("verify", ""), ("verify --from-log", ""), ("score -", "word1 and word2")):
    subprocess.run(["unlearn", *line.split()], input=given, text=True, check=True, stdout=subprocess.DEVNULL)
used_in = cache_folder("kernels")
if used_in is None:
    sys.exit("there is no folder for kernels")
installed, used = compiled(Path(sys.prefix)), compiled(used_in)
print(f"{len(installed)} files of kernels are in the image, {len(used)} were used")
anew = sorted(name for name, _ in used - installed)
if not used or anew:
    sys.exit(f"compiled anew: {anew or 'it used none of those in the image'}")
