# Ends the process with success, in a function and outside of one.
# fails: check-distance check-action check-projection
# %% distance
import os

def root(C):
    return C

def w2(m0, C0, m1, C1):
    os._exit(0)
# %% projection
import os
os._exit(0)
