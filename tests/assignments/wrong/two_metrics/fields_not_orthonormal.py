# The means E[F·w] as coefficients, which is right for orthonormal fields only.
# fails: check-project check-wasserstein
# %% project
def project(w, fields):
    n, d, k = w.shape
    F = fields.reshape(n * d, -1)
    return (F @ (F.T @ w.reshape(n * d, k) / n)).reshape(n, d, k)
