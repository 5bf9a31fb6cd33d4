# The part along v_{j−1} is not taken out.
# fails: check-lanczos check-minres check-step check-flow
# %% lanczos
def lanczos_step(matvec, v_before, v, beta):
    w = matvec(v)
    alpha = float(v @ w)
    w = w - alpha * v
    beta_next = float(torch.linalg.vector_norm(w))
    return alpha, beta_next, w / beta_next if beta_next > 0 else w
