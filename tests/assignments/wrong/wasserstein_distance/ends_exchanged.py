# The geodesic runs from the second Gaussian to the first.
# fails: check-geodesic
# %% geodesic
def geodesic(t, m0, C0, m1, C1):
    A = t * torch.eye(len(m0)) + (1 - t) * transport(C0, C1)
    return t * m0 + (1 - t) * m1, A @ C0 @ A
