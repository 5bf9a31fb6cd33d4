# The inverse of Ĝ, which planar flows at the identity do not have.
# fails: check-shares
# %% shares
def shares(G, G_hat):
    found = torch.linalg.eigvals(torch.linalg.inv(G_hat) @ G).real
    return found.min(), found.max()
