# The library's function in place of an own one.
# fails: check-residuals
# %% residuals
def residuals(p, times, thetas, z):
    return residual_along(p, times, thetas, z)
