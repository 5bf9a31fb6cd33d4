# Divides by n − 1, as for a covariance whose mean is estimated.
# fails: check-relaxed check-wasserstein
# %% relaxed
def relaxed(J):
    return torch.einsum("nij,nik->jk", J, J) / (len(J) - 1)
