# The metric of what moves no mass, Ĝ − G.
# fails: check-wasserstein
# %% wasserstein
def wasserstein(J, fields):
    return relaxed(J - project(J, fields))
