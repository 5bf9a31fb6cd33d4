# The extreme eigenvalues of G, whatever Ĝ is.
# fails: check-shares
# %% shares
def shares(G, G_hat):
    values = torch.linalg.eigvalsh(G)
    return values[0], values[-1]
