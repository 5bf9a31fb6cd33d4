# The library solves and questions 2 and 3 are left out, as in the course of one week.
# fails: check-lanczos check-minres
# %% lanczos
def lanczos_step(matvec, v_before, v, beta):
    raise NotImplementedError("your answer")
# %% minres
def solve(matvec, b, x0=None, tol=1e-10, most=100):
    found = minres(matvec, b, x0, tol, most)
    return found.x, found.iterations
