# Looks for the instructor's files by Python, by a shell and by an open folder, and for a network.
# fails: check-distance check-action check-projection
# %% distance
import os
import socket
import subprocess
from pathlib import Path

import pwgf_core

here = Path(pwgf_core.__file__).parents[1]
found = []

def attempt(call):
    try:
        found.append(call())
    except BaseException as error:
        found.append(error)

attempt(lambda: [p.read_text() for p in here.rglob("*.md")][0])
attempt(lambda: (here / "book/assignments/nbgrader_config.py").read_text())
attempt(lambda: os.listdir(here))
attempt(lambda: subprocess.run(["cat", str(here / "README.md")], check=True, capture_output=True))
attempt(lambda: os.system(f"cat {here}/README.md"))
attempt(lambda: os.fork())
attempt(lambda: socket.create_connection(("127.0.0.1", 9)))
attempt(lambda: Path("/proc/self/environ").read_text())
attempt(lambda: os.kill(os.getppid(), 9))

def escape():
    top = os.open("/", os.O_RDONLY)
    relative = str(here / "README.md")[1:]
    return os.read(os.open(relative, os.O_RDONLY, dir_fd=top), 100)

attempt(escape)
assert all(isinstance(each, PermissionError | IndexError | FileNotFoundError) for each in found), found
print("all refused")

def root(C):
    return C

def w2(m0, C0, m1, C1):
    return 0.0
# %% projection
def projection(M, C):
    return None
