# Variances where standard deviations are asked for.
# fails: check-special
# %% special
def own_problem(s, theta0):
    model = PushForward(Gaussian(2), Maps())
    return Problem(model, Own(s), theta0, t_end=1.0, h=0.05, samples=400,
                   sampling="matched", solver=Dense(), name="own")

def exact(a, b, t):
    return math.exp(-t) * b, 1 + math.exp(-2 * t) * ((2 * a).exp() - 1)

def gap(h):
    ours = own_problem(0.0, Maps().affine(A, B))
    run = evolve(ours, Explicit(h), record=1, progress=False)
    x = ours.model.transform(run.thetas[-1], points(0, 1024))
    m, variances = exact(A, B, 1.0)
    return max(float((x.mean(0) - m).abs().max()), float((x.var(0, correction=0) - variances).abs().max()))
