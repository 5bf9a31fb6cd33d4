# The length of the path: right for constant speed after squaring, wrong here.
# fails: check-action
# %% action
def action(path, n):
    stops = [path(i / n) for i in range(n + 1)]
    return sum(w2(*stops[i], *stops[i + 1]) for i in range(n)) ** 2
