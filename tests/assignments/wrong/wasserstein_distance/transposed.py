# Mᵀ for M: what the particles of the transposed field would do.
# fails: check-projection
# %% projection
def projection(M, C):
    values, vectors = torch.linalg.eigh(C)
    S = vectors.T @ (M.T @ C + C @ M) @ vectors
    return vectors @ (S / (values[:, None] + values)) @ vectors.T
