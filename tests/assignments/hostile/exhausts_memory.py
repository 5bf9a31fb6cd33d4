# Memory without end, in small and in large pieces.
# fails: check-distance check-action check-projection
# %% distance
def root(C):
    return C

def w2(m0, C0, m1, C1):
    kept = []
    while True:
        try:
            kept.append(bytearray(2**24))
        except MemoryError:
            kept.append([kept])
# %% projection
def projection(M, C):
    return torch.ones(2**20, 2**20)
