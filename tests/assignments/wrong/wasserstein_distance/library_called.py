# The library's function in place of an own one.
# fails: check-distance
# %% distance
def root(C):
    values, vectors = torch.linalg.eigh(C)
    return (vectors * values.sqrt()) @ vectors.T

def w2(m0, C0, m1, C1):
    return gaussian_w2(m0, C0, m1, C1)
