# Eigenvalues of G over eigenvalues of Ĝ, in their order: right for diagonal examples.
# fails: check-shares
# %% shares
def shares(G, G_hat):
    values = torch.linalg.eigvalsh(G_hat)
    kept = values > 1e-10 * values[-1]
    found = torch.linalg.eigvalsh(G)[kept] / values[kept]
    return found.min(), found.max()
