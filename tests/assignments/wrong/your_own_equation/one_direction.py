# A tilt s x₁, whose velocity is constant: no new term, and a symmetry that it does not have.
# fails: check-own check-symmetry check-moment
# %% energy
class Own(Energy):
    def __init__(self, s):
        self.s = s
    def value(self, cloud):
        return (cloud.x.square().sum(1) / 2 + cloud.log_rho + self.s * cloud.x[:, 0]).mean()

    def velocity(self, cloud):
        return -cloud.x - cloud.score - self.s * torch.tensor([1.0, 0.0])
