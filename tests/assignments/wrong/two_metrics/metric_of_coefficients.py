# Multiplies the coefficients of PJ as if the fields were orthonormal.
# fails: check-wasserstein
# %% wasserstein
def wasserstein(J, fields):
    n, d, m = J.shape
    F = fields.reshape(n * d, -1)
    c = torch.linalg.lstsq(F, J.reshape(n * d, m), driver="gelsd").solution
    return c.T @ c
