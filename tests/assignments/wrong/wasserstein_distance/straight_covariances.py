# Covariances on a straight line.
# fails: check-geodesic
# %% geodesic
def geodesic(t, m0, C0, m1, C1):
    return (1 - t) * m0 + t * m1, (1 - t) * C0 + t * C1
