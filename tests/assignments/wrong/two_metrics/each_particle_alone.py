# Coefficients of its own for each particle: a projection at each point, not of fields.
# fails: check-project check-wasserstein
# %% project
def project(w, fields):
    return fields @ torch.linalg.pinv(fields) @ w
