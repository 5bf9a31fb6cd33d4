# x for x − y in the average over pairs, without the exchange that makes a half; zero for a centred cloud.
# fails: check-moment
# %% moment
def moment_rate(s, cloud):
    y = cloud.x[:, None] - cloud.x
    kernel = (-y.square().sum(2) / 2).exp()
    own = (y.square().sum(2) * kernel).mean()
    return 2 - cloud.x.square().sum(1).mean() + s * own
