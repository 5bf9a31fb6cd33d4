# The root of δ̂.
# fails: check-misfit check-fresh
# %% misfit
def misfit_of(rows, v):
    n, d, m = rows.shape
    xi = torch.linalg.pinv(rows.reshape(n * d, m)) @ v.reshape(n * d)
    return float(((rows @ xi - v).square().sum() / n).sqrt()), xi
