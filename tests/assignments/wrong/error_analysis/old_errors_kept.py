# What was made before neither grows nor shrinks.
# fails: check-growth check-residuals
# %% growth
def growth(times, lam, delta, e0=0.0):
    bounds = [e0]
    for k in range(1, len(times)):
        h, r = times[k] - times[k - 1], math.sqrt(max(delta[k - 1], delta[k]))
        weight = h if lam == 0 else -math.expm1(-lam * h) / lam
        bounds.append(bounds[-1] + r * weight)
    return bounds
