"""The Jacobian of a planar flow in a matrix form that never visits the layers one by one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .base import Jacobian
from .inverse import check_invertible
from .recurrence import BLOCK, Recurrence, may_compile

if TYPE_CHECKING:
    from .planar import Planar

try:
    from .compiled_planar import Products
except (ImportError, RuntimeError):  # numba is optional: the same numbers take longer
    Products = None


class PlanarJacobian(Jacobian):
    """All that a planar flow is at (θ, z), from x_k = z + Σ_{j≤k} t_j u_j.

    With L the strictly lower part of W Uᵀ, the activations solve a = W Z + b + L tanh(a), and
    every derivative is a few matrix products with the K × N numbers t and one `Recurrence`.
    Columns are samples inside, rows are samples outside. A product with J or Jᵀ costs
    (6 K d + 2 K²) N multiplications and additions where numba compiles it (`Products`), and
    K² N more where not.
    """

    transform: Planar

    def __init__(self, transform: Planar, theta: Tensor, z: Tensor) -> None:
        super().__init__(transform, theta, z)
        self.w, self.u, b = transform.split(self.theta)
        k, d = self.w.shape
        self.wu = (self.w * self.u).sum(1)
        check_invertible(1 + self.wu.min(), "the planar flow")
        self.lower = torch.tril(self.w @ self.u.T, -1)
        if Products is not None and may_compile(z) and z.dtype in Products.dtypes:
            self.inputs, self.t = Products.allocate(self.z, k)
            self.compiled = Products(self.w, self.u, self.lower, self.inputs)
        else:  # [z; t; 1], so that one product serves dW, dL and db together
            self.inputs, self.compiled = z.new_empty(d + k + 1, self.n), None
            self.inputs[:d], self.inputs[-1] = self.z.T, 1
            self.t = self.inputs[d : d + k]
        t = self.t
        a = torch.addmm(b[:, None], self.w, self.z.T)
        for i in range(0, k, BLOCK):
            e = min(i + BLOCK, k)
            if i:
                a[i:e].addmm_(self.lower[i:e, :i], t[:i])
            for j in range(i, e):
                torch.tanh(a[j], out=t[j])
                a[j + 1 : e].addcmul_(self.lower[j + 1 : e, j, None], t[j])

    @cached_property
    def slope(self) -> Tensor:
        """t′ = 1 − t², shape (K, N)."""
        return 1 - self.t * self.t

    @cached_property
    def det(self) -> Tensor:
        """Determinants of the layers, 1 + t′_k w_k·u_k, shape (K, N)."""
        return 1 + self.slope * self.wu[:, None]

    @cached_property
    def log_det_slope(self) -> Tensor:
        """(∂ log det_k / ∂a_k) / t′_k = −2 t_k w_k·u_k / det_k, shape (K, N)."""
        return -2 * self.t * self.wu[:, None] / self.det

    @cached_property
    def _forward(self) -> Recurrence:
        return Recurrence(self.lower, self.slope)

    @cached_property
    def _adjoint(self) -> Recurrence:
        return Recurrence(self.lower, self.slope, reverse=True)

    @cached_property
    def x(self) -> Tensor:
        return torch.addmm(self.z, self.t.T, self.u)

    @cached_property
    def logdet(self) -> Tensor:
        return self.det.log().sum(0)

    def jvp(self, dtheta: Tensor, dz: Tensor | None = None) -> Tensor:
        dw, du, db = self.transform.split(dtheta)
        if self.compiled:
            return self.compiled.jvp(dw, du, db, dz)
        d_lower = torch.tril(dw @ self.u.T + self.w @ du.T, -1)
        da = self._forward.work
        torch.mm(torch.cat([dw, d_lower, db[:, None]], 1), self.inputs, out=da)
        if dz is not None:
            da.addmm_(self.w, dz.T)
        dt = self._forward.solve()
        dx = torch.addmm(dt.T @ self.u, self.t.T, du)
        return dx if dz is None else dx + dz

    def pullback(self, r: Tensor, q: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if self.compiled:
            return self._compiled_pullback(r, q, by_z=True)
        a_bar = self._solve_adjoint(r, q)
        return self._theta_gradient(a_bar, r, q), torch.addmm(r, a_bar.T, self.w)

    def vjp(self, r: Tensor, q: Tensor | None = None) -> Tensor:
        if self.compiled:
            return self._compiled_pullback(r, q, by_z=False)[0]
        return self._theta_gradient(self._solve_adjoint(r, q), r, q)

    def normal(self, dtheta: Tensor, dz: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        if not self.compiled:
            return super().normal(dtheta, dz)
        dw, du, db, r_z = self.compiled.normal(*self.transform.split(dtheta), dz)
        return self._flat(dw, du, db, None), None if dz is None else r_z

    def _compiled_pullback(self, r: Tensor, q: Tensor | None, by_z: bool) -> tuple[Tensor, Tensor]:
        assert self.compiled is not None
        start = None if q is None else self.log_det_slope * q
        dw, du, db, r_z = self.compiled.pullback(r, start, by_z)
        return self._flat(dw, du, db, q), r_z

    def _solve_adjoint(self, r: Tensor, q: Tensor | None) -> Tensor:
        """Cotangents of the activations, (K, N): ā = t′ ⊙ (U r + q ∂log det/∂a / t′ + Lᵀā)."""
        torch.mm(self.u, r.T, out=self._adjoint.work)
        if q is not None:
            self._adjoint.work.addcmul_(self.log_det_slope, q)
        return self._adjoint.solve()

    def _theta_gradient(self, a_bar: Tensor, r: Tensor, q: Tensor | None) -> Tensor:
        k, d = self.w.shape
        products = a_bar @ self.inputs.T
        below = torch.tril(products[:, d : d + k], -1)
        dw = products[:, :d] + below @ self.u
        du = self.t @ r + below.T @ self.w
        return self._flat(dw, du, products[:, -1], q)

    def _flat(self, dw: Tensor, du: Tensor, db: Tensor, q: Tensor | None) -> Tensor:
        if q is not None:  # log det_k depends on w_k·u_k directly, not only through a_k
            direct = (self.slope / self.det) @ q
            dw, du = dw + direct[:, None] * self.u, du + direct[:, None] * self.w
        return torch.cat([dw.reshape(-1), du.reshape(-1), db])

    def rows(self) -> Tensor:
        before = torch.einsum("kj,jn,jd->nkd", torch.ones_like(self.lower).tril(-1), self.t, self.u)
        before += self.z[:, None]  # x_{k−1}, the input of layer k
        later = torch.ones_like(self.lower).triu(1)
        out = []
        for i in range(self.transform.dim):  # one adjoint solve for each component of x
            self._adjoint.work[:] = self.u[:, i, None]
            a_bar = self._adjoint.solve().T.clone()
            x_bar = torch.einsum("kj,nj,jd->nkd", later, a_bar, self.w)
            x_bar[:, :, i] += 1  # cotangent of the output of layer k
            dw, du = a_bar[:, :, None] * before, self.t.T[:, :, None] * x_bar
            out.append(torch.cat([dw.flatten(1), du.flatten(1), a_bar], 1))
        return torch.stack(out, 1)

    def score(self, score_z: Tensor) -> Tensor:
        solver = Recurrence(-torch.tril(self.u @ self.w.T, -1), self.slope / self.det)
        torch.mm(self.u, score_z.T, out=solver.work)
        solver.work.add_(self.log_det_slope)
        return score_z - solver.solve().T @ self.w
