# Normal equations, which have no solution by elimination if the fields are dependent.
# fails: check-project
# %% project
def project(w, fields):
    n, d, k = w.shape
    F = fields.reshape(n * d, -1)
    return (F @ torch.linalg.solve(F.T @ F, F.T @ w.reshape(n * d, k))).reshape(n, d, k)
