# Euler steps: right in the limit, of first order.
# fails: check-special
# %% special
def own_problem(s, theta0):
    model = PushForward(Gaussian(2), Maps())
    return Problem(model, Own(s), theta0, t_end=1.0, h=0.05, samples=400,
                   sampling="matched", solver=Dense(), name="own")

def exact(a, b, t):
    return math.exp(-t) * b, (1 + math.exp(-2 * t) * ((2 * a).exp() - 1)).sqrt()

def gap(h):
    ours = own_problem(0.0, Maps().affine(A, B))
    run = evolve(ours, Explicit(h / 3, "euler"), record=1, progress=False)
    found = spread(ours.model.transform, run.thetas[-1])
    return max(float((f - e).abs().max()) for f, e in zip(found, exact(A, B, 1.0)))
