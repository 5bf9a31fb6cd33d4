# One in place of d for the entropy.
# fails: check-moment
# %% moment
def moment_rate(s, cloud):
    square = (cloud.x[:, None] - cloud.x).square().sum(2)
    own = (square * (-square / 2).exp()).mean() / 2
    return 1 - cloud.x.square().sum(1).mean() + s * own
