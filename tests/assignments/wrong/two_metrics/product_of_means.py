# The product of the means in place of the mean of the products.
# fails: check-relaxed check-wasserstein
# %% relaxed
def relaxed(J):
    return J.mean(0).T @ J.mean(0)
