# The library's MINRES in place of an own one.
# fails: check-minres
# %% minres
def solve(matvec, b, x0=None, tol=1e-10, most=100):
    found = minres(matvec, b, x0, tol, most)
    return found.x, found.iterations
