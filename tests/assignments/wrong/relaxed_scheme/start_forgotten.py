# The start is used in r_0, and not added at the end.
# fails: check-minres check-step check-flow
# %% minres
def solve(matvec, b, x0=None, tol=1e-10, most=100):
    x0 = torch.zeros_like(b) if x0 is None else x0
    r, small = b - matvec(x0), tol * float(b.norm())
    first = float(r.norm())
    if first <= small:
        return x0, 0
    V, before, beta = [r / first], torch.zeros_like(b), 0.0
    T, e = torch.zeros(most + 1, most + 1), torch.zeros(most + 1, 1)
    e[0] = first
    for k in range(1, most + 1):
        alpha, beta, new = lanczos_step(matvec, before, V[-1], beta)
        T[k - 1, k - 1] = alpha
        T[k, k - 1] = T[k - 1, k] = beta
        y = torch.linalg.lstsq(T[: k + 1, :k], e[: k + 1]).solution
        if float((e[: k + 1] - T[: k + 1, :k] @ y).norm()) <= small or beta <= 1e-13 * float(T.abs().max()):
            break
        before, V = V[-1], [*V, new]
    return torch.stack(V[:k], 1) @ y[:, 0], k
