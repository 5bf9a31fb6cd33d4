# The shift is scaled, too: affine(a, b) belongs to another order of the two.
# fails: check-maps check-special
# %% maps
class Maps(Transform):
    dim = 2

    def __init__(self):
        self.n_params = 6

    def init(self, generator, dtype=torch.float64, device="cpu"):
        return torch.zeros(6, dtype=dtype, device=device)

    def __call__(self, theta, z):
        a, b, c = theta.reshape(3, 2)
        return a.exp() * (z + c.tanh() * z.sin() + b)

    def with_logdet(self, theta, z):
        a, b, c = theta.reshape(3, 2)
        return self(theta, z), (a + (1 + c.tanh() * z.cos()).log()).sum(1)

    def affine(self, a, b):
        return torch.cat([a, b, torch.zeros(2)])
