# The kernel of Ĝ, where nothing moves, counts as a share of zero.
# fails: check-shares
# %% shares
def shares(G, G_hat):
    found = torch.linalg.eigvals(torch.linalg.pinv(G_hat, rtol=1e-10, hermitian=True) @ G).real
    return found.min(), found.max()
