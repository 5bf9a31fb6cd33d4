# Division by λ = 0.
# fails: check-growth check-frozen
# %% growth
def growth(times, lam, delta, e0=0.0):
    bounds = [e0]
    for k in range(1, len(times)):
        h, r = times[k] - times[k - 1], math.sqrt(max(delta[k - 1], delta[k]))
        bounds.append(math.exp(-lam * h) * bounds[-1] - r * math.expm1(-lam * h) / lam)
    return bounds
