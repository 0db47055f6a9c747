"""Gradient descent on (w - 3)², with gradients set to zero before each step, and without.

Change RATE and the number of steps, and guess what comes out before you run it again.
"""

from mgraph import Value

RATE = 0.5
STEPS = 8


def descend(*, zeroed: bool) -> list[tuple[float, float]]:
    """Return w.grad before each step, and w after it."""
    w = Value.param(7.0)
    steps = []
    for _ in range(STEPS):
        if zeroed:
            w.grad = 0.0
        loss = (w - 3.0) ** 2
        loss.backward()  # adds to w.grad
        w.data -= RATE * w.grad
        steps.append((w.grad, w.data))
    return steps


if __name__ == "__main__":
    print("           set to zero     not set to zero")
    print("step    w.grad       w    w.grad         w")
    both = zip(descend(zeroed=True), descend(zeroed=False), strict=True)
    for step, ((grad, w), (kept, other)) in enumerate(both, 1):
        print(f"{step:4}  {grad:8g}  {w:6g}  {kept:8g}  {other:8g}")
