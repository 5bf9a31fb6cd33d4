# The symmetric part of M, right for round clouds only.
# fails: check-projection
# %% projection
def projection(M, C):
    return (M + M.T) / 2
