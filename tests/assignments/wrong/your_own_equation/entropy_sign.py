# The score with the wrong sign: diffusion backwards in time.
# fails: check-known check-own check-moment check-special check-balance check-resume
# %% energy
class Own(Energy):
    def __init__(self, s):
        self.s = s
    def value(self, cloud):
        y = cloud.x[:, None] - cloud.x
        kernel = (-y.square().sum(2) / 2).exp()
        potential = cloud.x.square().sum(1).mean() / 2
        return potential + cloud.log_rho.mean() + self.s * kernel.mean() / 2

    def velocity(self, cloud):
        y = cloud.x[:, None] - cloud.x
        kernel = (-y.square().sum(2) / 2).exp()
        return -cloud.x + cloud.score + self.s * (kernel[:, :, None] * y).mean(1)
