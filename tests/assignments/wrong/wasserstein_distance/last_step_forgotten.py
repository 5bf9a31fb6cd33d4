# One step too few.
# fails: check-action
# %% action
def action(path, n):
    stops = [path(i / n) for i in range(n)]
    return n * sum(w2(*stops[i], *stops[i + 1]) ** 2 for i in range(n - 1))
