# One root of both gaps.
# fails: check-regimes
# %% regimes
def constant(kappa, gap_theta, gap):
    return math.sqrt(2 / kappa * (gap_theta + gap))

def regimes(lam, delta, e0, kappa, c):
    root = math.sqrt(delta)
    if lam > 0:
        return max(e0, root / lam)
    if lam == 0:
        late = math.log(c / (e0 + root)) / kappa
        return e0 + root * max(late, 1 + 1 / kappa)
    eta, alpha = e0 + root / abs(lam), kappa / (kappa + abs(lam))
    return (c ** (1 - alpha) * eta**alpha if eta < c else c) + root / kappa
