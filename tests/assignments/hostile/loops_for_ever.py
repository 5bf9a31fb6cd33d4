# The distance never returns and cannot be interrupted; the projection hangs outside a function.
# fails: check-distance check-action check-projection
# %% distance
def root(C):
    return C

def w2(m0, C0, m1, C1):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
# %% projection
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    pass
