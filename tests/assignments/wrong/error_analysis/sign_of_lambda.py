# A bowl and a hill top exchanged.
# fails: check-growth check-frozen check-residuals
# %% growth
def growth(times, lam, delta, e0=0.0):
    bounds = [e0]
    for k in range(1, len(times)):
        h, r = times[k] - times[k - 1], math.sqrt(max(delta[k - 1], delta[k]))
        weight = h if lam == 0 else math.expm1(lam * h) / lam
        bounds.append(math.exp(lam * h) * bounds[-1] + r * weight)
    return bounds
