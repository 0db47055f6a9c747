"""The edits of the engine that make mutants, as tables: one row is one mistake."""

from __future__ import annotations

# name, causes, op, method, old, new
Edit = tuple[str, str, str | None, str, str, str]

SLOPES: tuple[Edit, ...] = (
    # computed from the output instead of the input, or vice versa
    ("sin-slope-of-output", "place", "sin", "sin", "cos(self.data)", "cos(out.data)"),
    ("cos-slope-of-output", "place", "cos", "cos", "-math.sin(self.data)", "-math.sin(out.data)"),
    ("tan-slope-of-input", "place", "tan", "tan", "1 + t**2", "1 + self.data**2"),
    ("atan-slope-of-output", "place", "atan", "atan", "1 + self.data**2", "1 + out.data**2"),
    ("sinh-slope-of-output", "place", "sinh", "sinh", "cosh(self.data)", "cosh(out.data)"),
    ("cosh-slope-of-output", "place", "cosh", "cosh", "sinh(self.data)", "sinh(out.data)"),
    ("tanh-slope-of-input", "place", "tanh", "tanh", "1 - t**2", "1 - self.data**2"),
    ("tanh-slope-by-output", "place", "tanh", "tanh", "1 - t**2", "1 - math.tanh(out.data) ** 2"),
    ("sigmoid-slope-of-input", "place", "sigmoid", "sigmoid", "s * (1 - s)", "self.data * (1 - self.data)"),
    ("softplus-slope-of-output", "place", "softplus", "softplus", "1 / (1 + math.exp(min(-self.data, 700))) *", "1 / (1 + math.exp(-out.data)) *"),
    ("exp-slope-by-output", "place", "exp", "exp", "out.data * out", "math.exp(out.data) * out"),
    ("exp-slope-is-input", "place", "exp", "exp", "out.data * out", "self.data * out"),
    ("log-slope-of-output", "place", "log", "log", "1 / self.data", "1 / out.data"),
    ("sqrt-slope-of-input", "place", "sqrt", "sqrt", "0.5 / out.data", "0.5 / self.data"),
    ("pow-slope-of-output", "place", "pow", "__pow__", "self.data ** (other.data - 1)", "out.data ** (other.data - 1)"),
    ("pow-right-base-for-output", "place", "pow", "__pow__", "out.data * math.log(self.data)", "self.data * math.log(self.data)"),
    ("pow-right-log-of-output", "place", "pow", "__pow__", "math.log(self.data)", "math.log(out.data)"),
    ("mul-left-gets-output", "place slope", "mul", "__mul__", "other.data * out", "out.data * out"),
    ("div-right-output-for-input", "place slope", "div", "__truediv__", "-self.data /", "-out.data /"),
    # constant factors
    ("sqrt-half-missing", "factor", "sqrt", "sqrt", "0.5 / out.data", "1 / out.data"),
    ("sum-mean-slope", "factor", "sum", "sum", "+= out.grad", "+= out.grad / len(out._prev)"),
    ("add-right-half", "factor", "add", "__add__", "other.grad += out", "other.grad += 0.5 * out"),
    ("mul-left-double", "factor", "mul", "__mul__", "+= other.data *", "+= 2 * other.data *"),
    ("div-right-double", "factor", "div", "__truediv__", "+= -self.data", "+= -2 * self.data"),
    ("max-always-half", "factor", "max", "max", "self.grad += out.grad\n            else", "self.grad += 0.5 * out.grad\n            else"),
    ("log-slope-of-base-10", "factor", "log", "log", "1 / self.data *", "1 / (self.data * math.log(10)) *"),
    # signs
    ("cos-sign-missing", "sign", "cos", "cos", "-math.sin", "math.sin"),
    ("div-right-sign-missing", "sign", "div", "__truediv__", "-self.data /", "self.data /"),
    ("div-left-minus", "sign", "div", "__truediv__", "+= 1 /", "+= -1 /"),
    ("sub-left-minus", "sign", "sub", "__sub__", "self.grad += out", "self.grad -= out"),
    ("add-right-minus", "sign", "add", "__add__", "other.grad += out", "other.grad -= out"),
    ("mul-right-minus", "sign", "mul", "__mul__", "other.grad += self", "other.grad -= self"),
    ("tanh-slope-plus", "sign slope", "tanh", "tanh", "1 - t**2", "1 + t**2"),
    ("tan-slope-minus", "sign slope", "tan", "tan", "1 + t**2", "1 - t**2"),
    ("atan-slope-minus", "sign slope", "atan", "atan", "(1 + self", "(1 - self"),
    ("sigmoid-slope-plus", "sign slope", "sigmoid", "sigmoid", "s * (1 - s)", "s * (1 + s)"),
    ("softplus-slope-sign-inside", "sign slope", "softplus", "softplus", "1 / (1 + math.exp(min(-self.data, 700))) *", "1 / (1 + math.exp(min(self.data, 700))) *"),
    ("abs-slopes-turned", "sign", "abs", "__abs__", "self.data > 0", "self.data < 0"),
    ("abs-slope-minus", "sign", "abs", "__abs__", "(1 if self.data > 0 else -1)", "-1"),
    ("pow-left-minus", "sign", "pow", "__pow__", "self.grad += other", "self.grad -= other"),
    ("pow-right-minus", "sign", "pow", "__pow__", "other.grad += out", "other.grad -= out"),
    # operands swapped
    ("mul-slopes-swapped-left", "swapped", "mul", "__mul__", "other.data * out", "self.data * out"),
    ("mul-slopes-swapped-right", "swapped", "mul", "__mul__", "self.data * out", "other.data * out"),
    ("div-slope-over-left", "swapped", "div", "__truediv__", "1 / other.data * out", "1 / self.data * out"),
    ("div-right-slope-swapped", "swapped", "div", "__truediv__", "-self.data / other.data**2", "-other.data / self.data**2"),
    ("div-slopes-exchanged", "swapped", "div", "__truediv__", "self.grad += 1 / other.data * out.grad\n            other.grad += -self.data / other.data**2 * out.grad", "other.grad += 1 / other.data * out.grad\n            self.grad += -self.data / other.data**2 * out.grad"),
    ("sub-slopes-exchanged", "swapped sign", "sub", "__sub__", "self.grad += out.grad\n            other.grad += -out.grad", "self.grad += -out.grad\n            other.grad += out.grad"),
    ("max-to-the-loser", "swapped", "max", "max", "if self.data > other.data", "if self.data < other.data"),
    ("min-to-the-loser", "swapped", "min", "min", "if self.data < other.data", "if self.data > other.data"),
    ("pow-slope-swapped", "swapped", "pow", "__pow__", "other.data * self.data ** (other.data - 1)", "self.data * other.data ** (self.data - 1)"),
    ("pow-slopes-exchanged", "swapped", "pow", "__pow__", "self.grad += other.data * self.data ** (other.data - 1) * out.grad\n            if self.data > 0:\n                other.grad +=", "other.grad += other.data * self.data ** (other.data - 1) * out.grad\n            if self.data > 0:\n                self.grad +="),
    ("pow-right-log-of-exponent", "swapped", "pow", "__pow__", "math.log(self.data)", "math.log(other.data)"),
    # exponents
    ("pow-factor-missing", "exponent", "pow", "__pow__", "other.data * self.data ** (other.data - 1)", "self.data ** (other.data - 1)"),
    ("pow-exponent-not-lowered", "exponent", "pow", "__pow__", "** (other.data - 1)", "** other.data"),
    ("pow-factor-lowered", "exponent", "pow", "__pow__", "+= other.data * self", "+= (other.data - 1) * self"),
    ("pow-slope-is-exponent", "exponent", "pow", "__pow__", "other.data * self.data ** (other.data - 1)", "other.data"),
    ("pow-slope-is-product", "exponent", "pow", "__pow__", "other.data * self.data ** (other.data - 1)", "other.data * self.data"),
    ("pow-exponent-raised", "exponent", "pow", "__pow__", "** (other.data - 1)", "** (other.data + 1)"),
    ("pow-slope-integrated", "exponent", "pow", "__pow__", "other.data * self.data ** (other.data - 1)", "self.data ** (other.data + 1) / (other.data + 1)"),
    ("pow-precedence", "exponent slope", "pow", "__pow__", "self.data ** (other.data - 1)", "(self.data**other.data - 1)"),
    ("pow-always-squared", "exponent", "pow", "__pow__", "other.data * self.data ** (other.data - 1)", "2 * self.data"),
    ("pow-rule-turned", "exponent", "pow", "__pow__", "other.data * self.data ** (other.data - 1)", "(other.data - 1) * self.data ** other.data"),
    ("pow-exponent-without-sign", "exponent", "pow", "__pow__", "other.data * self.data ** (other.data - 1)", "abs(other.data) * self.data ** (other.data - 1)"),
    ("pow-right-log-missing", "slope", "pow", "__pow__", " * math.log(self.data)", ""),
    ("pow-right-log-base-10", "slope factor", "pow", "__pow__", "math.log(self.data)", "math.log10(self.data)"),
    ("pow-right-power-missing", "slope", "pow", "__pow__", "out.data * math.log(self.data)", "math.log(self.data)"),
    ("pow-right-by-power-rule", "slope", "pow", "__pow__", "out.data * math.log(self.data)", "other.data * self.data ** (other.data - 1)"),
    # missing squares and other parts
    ("tanh-square-missing", "slope", "tanh", "tanh", "1 - t**2", "1 - t"),
    ("tanh-square-of-difference", "slope", "tanh", "tanh", "1 - t**2", "(1 - t) ** 2"),
    ("tanh-one-missing", "slope", "tanh", "tanh", "(1 - t**2)", "t**2"),
    ("tanh-like-sigmoid", "slope", "tanh", "tanh", "1 - t**2", "t * (1 - t)"),
    ("tanh-slope-is-output", "slope", "tanh", "tanh", "(1 - t**2)", "t"),
    ("tanh-cube", "slope", "tanh", "tanh", "1 - t**2", "1 - t**3"),
    ("sigmoid-slope-is-output", "slope", "sigmoid", "sigmoid", "s * (1 - s)", "s"),
    ("sigmoid-slope-one-minus", "slope", "sigmoid", "sigmoid", "s * (1 - s)", "(1 - s)"),
    ("sigmoid-slope-squared", "slope", "sigmoid", "sigmoid", "s * (1 - s)", "s**2 * (1 - s)"),
    ("sigmoid-like-tanh", "slope", "sigmoid", "sigmoid", "s * (1 - s)", "(1 - s**2)"),
    ("tan-square-missing", "slope", "tan", "tan", "1 + t**2", "1 + t"),
    ("tan-slope-is-square", "slope", "tan", "tan", "(1 + t**2)", "t**2"),
    ("tan-one-over-cos", "slope", "tan", "tan", "(1 + t**2)", "1 / math.cos(self.data)"),
    ("tan-cos-squared", "slope", "tan", "tan", "(1 + t**2)", "math.cos(self.data) ** 2"),
    ("atan-square-missing", "slope", "atan", "atan", "1 + self.data**2", "1 + abs(self.data)"),
    ("atan-not-inverted", "slope", "atan", "atan", "1 / (1 + self.data**2)", "(1 + self.data**2)"),
    ("atan-one-missing", "slope", "atan", "atan", "(1 + self.data**2)", "self.data**2"),
    ("atan-like-asin", "slope", "atan", "atan", "(1 + self.data**2)", "(1 + self.data**2) ** 0.5"),
    ("sqrt-slope-is-root", "slope", "sqrt", "sqrt", "0.5 / out.data", "0.5 * out.data"),
    ("log-not-inverted", "slope", "log", "log", "1 / self.data", "self.data"),
    ("log-squared", "slope", "log", "log", "1 / self.data", "1 / self.data**2"),
    ("exp-by-power-rule", "slope", "exp", "exp", "out.data * out", "math.exp(self.data - 1) * out"),
    ("exp-power-rule-with-factor", "slope", "exp", "exp", "out.data * out", "self.data * math.exp(self.data - 1) * out"),
    ("sin-slope-is-sine", "slope", "sin", "sin", "math.cos(self.data)", "math.sin(self.data)"),
    ("cos-slope-is-cosine", "slope", "cos", "cos", "-math.sin(self.data)", "-math.cos(self.data)"),
    ("sinh-slope-is-cos", "slope", "sinh", "sinh", "math.cosh(self.data)", "math.cos(self.data)"),
    ("sinh-slope-is-output", "slope", "sinh", "sinh", "math.cosh(self.data)", "out.data"),
    ("cosh-slope-is-output", "slope", "cosh", "cosh", "math.sinh(self.data)", "out.data"),
    ("softplus-slope-is-exp", "slope", "softplus", "softplus", "1 / (1 + math.exp(min(-self.data, 700))) *", "math.exp(min(self.data, 700)) *"),
    ("softplus-slope-is-step", "slope", "softplus", "softplus", "1 / (1 + math.exp(min(-self.data, 700))) *", "(self.data > 0) *"),
    ("relu-leaky-slope", "slope", "relu", "relu", "(self.data > 0) *", "(1 if self.data > 0 else 0.01) *"),
    ("relu-slope-is-input", "slope", "relu", "relu", "(self.data > 0) *", "max(self.data, 0) *"),
    ("relu-slope-turned", "slope", "relu", "relu", "(self.data > 0) *", "(self.data < 0) *"),
    ("div-right-square-missing", "slope exponent", "div", "__truediv__", "other.data**2", "other.data"),
    ("div-right-square-of-all", "slope", "div", "__truediv__", "-self.data / other.data**2", "-((self.data / other.data) ** 2)"),
    ("div-right-left-missing", "slope", "div", "__truediv__", "-self.data /", "-1 /"),
    ("div-left-not-inverted", "slope", "div", "__truediv__", "1 / other.data * out", "other.data * out"),
    ("mul-sum-of-both", "slope", "mul", "__mul__", "self.grad += other.data *", "self.grad += (self.data + other.data) *"),
    ("max-both", "slope inner", "max", "max", "            else:\n                other.grad += out.grad", "            other.grad += out.grad"),
    ("min-both", "slope inner", "min", "min", "            else:\n                other.grad += out.grad", "            other.grad += out.grad"),
    ("max-half-to-each", "slope", "max", "max", "if self.data > other.data:\n                self.grad += out.grad\n            else:\n                other.grad += out.grad", "self.grad += 0.5 * out.grad\n            other.grad += 0.5 * out.grad"),
    ("max-by-magnitude", "slope", "max", "max", "if self.data > other.data", "if abs(self.data) > abs(other.data)"),
    ("min-by-magnitude", "slope", "min", "min", "if self.data < other.data", "if abs(self.data) < abs(other.data)"),
    ("max-slope-is-value", "slope", "max", "max", "self.grad += out.grad\n            else", "self.grad += self.data * out.grad\n            else"),
    ("sum-first-only", "no-gradient", "sum", "sum", "for term in out._prev", "for term in out._prev[:1]"),
    ("sum-last-only", "no-gradient", "sum", "sum", "    for term in out._prev:\n                term.grad +=", "    term.grad +="),
    ("sum-without-first", "no-gradient", "sum", "sum", "for term in out._prev", "for term in others"),
    ("abs-slope-zero-below", "slope no-gradient", "abs", "__abs__", "else -1", "else 0"),
    ("abs-slope-is-input", "slope", "abs", "__abs__", "(1 if self.data > 0 else -1)", "self.data"),
    ("sub-right-slope-is-value", "slope", "sub", "__sub__", "+= -out.grad", "+= -other.data * out.grad"),
)  # fmt: skip

VALUES: tuple[Edit, ...] = (
    ("add-subtracts", "value sign", "add", "__add__", "self.data + other", "self.data - other"),
    ("mul-adds", "value", "mul", "__mul__", "self.data * other.data, (", "self.data + other.data, ("),
    ("mul-squares-left", "value swapped", "mul", "__mul__", "self.data * other.data, (", "self.data * self.data, ("),
    ("sub-turned", "swapped sign", "sub", "__sub__", "self.data - other.data", "other.data - self.data"),
    ("sub-adds", "value sign", "sub", "__sub__", "self.data - other.data", "self.data + other.data"),
    ("sub-without-sign", "value sign", "sub", "__sub__", "self.data - other.data", "abs(self.data - other.data)"),
    ("div-turned", "swapped", "div", "__truediv__", "self.data / other.data, (", "other.data / self.data, ("),
    ("div-multiplies", "value", "div", "__truediv__", "self.data / other.data, (", "self.data * other.data, ("),
    ("div-epsilon", "value", "div", "__truediv__", "self.data / other.data, (", "self.data / (other.data + 1e-8), ("),
    ("pow-turned", "swapped", "pow", "__pow__", "self.data**other.data, (", "other.data**self.data, ("),
    ("pow-multiplies", "value", "pow", "__pow__", "self.data**other.data, (", "self.data * other.data, ("),
    ("pow-without-sign", "value sign", "pow", "__pow__", "self.data**other.data, (", "abs(self.data) ** other.data, ("),
    ("pow-exponent-without-minus", "value sign", "pow", "__pow__", "self.data**other.data, (", "self.data ** abs(other.data), ("),
    ("neg-not", "value sign", "neg", "__neg__", "Value(-self", "Value(self"),
    ("neg-abs", "value sign", "neg", "__neg__", "Value(-self.data", "Value(-abs(self.data)"),
    ("abs-not", "value sign", "abs", "__abs__", "abs(self.data)", "self.data"),
    ("abs-negated", "value sign", "abs", "__abs__", "abs(self.data)", "-self.data"),
    ("abs-squared", "value", "abs", "__abs__", "abs(self.data)", "self.data**2"),
    ("max-is-min", "value swapped", "max", "max", "max(self.data, other.data)", "min(self.data, other.data)"),
    ("min-is-max", "value swapped", "min", "min", "min(self.data, other.data)", "max(self.data, other.data)"),
    ("max-of-magnitudes", "value", "max", "max", "max(self.data, other.data)", "max(abs(self.data), abs(other.data))"),
    ("sum-without-first-value", "value", "sum", "sum", "in (self, *others):", "in others:"),
    ("sum-is-mean", "value factor", "sum", "sum", "Value(total,", "Value(total / (1 + len(others)),"),
    ("sum-starts-at-one", "value", "sum", "sum", "total = 0.0", "total = 1.0"),
    ("sum-is-product", "value", "sum", "sum", "total += term.data", "total = (total or 1) * term.data"),
    ("relu-not", "value", "relu", "relu", "self.data if self.data > 0 else 0.0", "self.data"),
    ("relu-leaky-value", "value", "relu", "relu", "else 0.0", "else 0.01 * self.data"),
    ("relu-is-step", "value", "relu", "relu", "self.data if self.data > 0 else 0.0", "1.0 if self.data > 0 else 0.0"),
    ("relu-is-abs", "value", "relu", "relu", "else 0.0", "else -self.data"),
    ("relu-turned", "value sign", "relu", "relu", "self.data if self.data > 0", "self.data if self.data < 0"),
    ("sqrt-cube-root", "value", "sqrt", "sqrt", "math.sqrt(self.data)", "math.cbrt(self.data)"),
    ("sqrt-half", "value", "sqrt", "sqrt", "math.sqrt(self.data)", "self.data / 2"),
    ("exp-of-minus", "value sign", "exp", "exp", "math.exp(self.data)", "math.exp(-self.data)"),
    ("exp-base-2", "value", "exp", "exp", "math.exp(self.data)", "2**self.data"),
    ("exp-base-10", "value", "exp", "exp", "math.exp(self.data)", "10**self.data"),
    ("exp-few-digits-of-e", "value precision", "exp", "exp", "math.exp(self.data)", "2.71828**self.data"),
    ("exp-minus-one", "value", "exp", "exp", "math.exp(self.data)", "math.expm1(self.data)"),
    ("log-base-10", "value factor", "log", "log", "math.log(self.data)", "math.log10(self.data)"),
    ("log-base-2", "value factor", "log", "log", "math.log(self.data)", "math.log2(self.data)"),
    ("log-of-one-more", "value", "log", "log", "math.log(self.data)", "math.log1p(self.data)"),
    ("log-epsilon", "value", "log", "log", "math.log(self.data)", "math.log(self.data + 1e-8)"),
    ("log-negated", "value sign", "log", "log", "math.log(self.data)", "-math.log(self.data)"),
    ("sin-is-cos", "value", "sin", "sin", "math.sin(self.data)", "math.cos(self.data)"),
    ("cos-is-sin", "value", "cos", "cos", "math.cos(self.data)", "math.sin(self.data)"),
    ("sin-degrees", "value", "sin", "sin", "math.sin(self.data)", "math.sin(math.radians(self.data))"),
    ("cos-degrees", "value", "cos", "cos", "math.cos(self.data)", "math.cos(math.radians(self.data))"),
    ("tan-degrees", "value", "tan", "tan", "math.tan(self.data)", "math.tan(math.radians(self.data))"),
    ("sin-to-degrees", "value", "sin", "sin", "math.sin(self.data)", "math.sin(math.degrees(self.data))"),
    ("atan-in-degrees", "value factor", "atan", "atan", "math.atan(self.data)", "math.degrees(math.atan(self.data))"),
    ("tan-turned-over", "value", "tan", "tan", "math.tan(self.data)", "1 / math.tan(self.data)"),
    ("tan-is-sin", "value", "tan", "tan", "math.tan(self.data)", "math.sin(self.data)"),
    ("atan-is-one-over-tan", "value", "atan", "atan", "math.atan(self.data)", "1 / math.tan(self.data)"),
    ("atan-is-tanh", "value", "atan", "atan", "math.atan(self.data)", "math.tanh(self.data)"),
    ("sinh-is-sin", "value", "sinh", "sinh", "math.sinh(self.data)", "math.sin(self.data)"),
    ("sinh-is-cosh", "value sign", "sinh", "sinh", "math.sinh(self.data)", "(math.exp(self.data) + math.exp(-self.data)) / 2"),
    ("cosh-is-sinh", "value sign", "cosh", "cosh", "math.cosh(self.data)", "(math.exp(self.data) - math.exp(-self.data)) / 2"),
    ("cosh-is-cos", "value", "cosh", "cosh", "math.cosh(self.data)", "math.cos(self.data)"),
    ("sinh-half-missing", "value factor", "sinh", "sinh", "math.sinh(self.data)", "math.exp(self.data) - math.exp(-self.data)"),
    ("tanh-by-exp-of-x", "value", "tanh", "tanh", "math.tanh(self.data)", "(math.exp(self.data) - 1) / (math.exp(self.data) + 1)"),
    ("tanh-by-exp-turned", "value sign", "tanh", "tanh", "math.tanh(self.data)", "(1 - math.exp(2 * self.data)) / (1 + math.exp(2 * self.data))"),
    ("tanh-is-atan", "value", "tanh", "tanh", "math.tanh(self.data)", "math.atan(self.data)"),
    ("sigmoid-of-minus", "value sign", "sigmoid", "sigmoid", "math.exp(min(-self.data, 700))", "math.exp(min(self.data, 700))"),
    ("sigmoid-brackets", "value", "sigmoid", "sigmoid", "1 / (1 + math.exp(min(-self.data, 700)))", "1 / 1 + math.exp(min(-self.data, 700))"),
    ("sigmoid-of-two-x", "value", "sigmoid", "sigmoid", "math.exp(min(-self.data, 700))", "math.exp(min(-2 * self.data, 700))"),
    ("sigmoid-is-tanh", "value", "sigmoid", "sigmoid", "1 / (1 + math.exp(min(-self.data, 700)))", "math.tanh(self.data)"),
    ("sigmoid-minus-inside", "value sign", "sigmoid", "sigmoid", "1 / (1 + math", "1 / (1 - math"),
    ("softplus-is-relu", "value", "softplus", "softplus", "math.log(1 + math.exp(self.data))", "max(self.data, 0.0)"),
    ("softplus-of-minus", "value sign", "softplus", "softplus", "1 + math.exp(self.data)", "1 + math.exp(-self.data)"),
    ("softplus-base-2", "value factor", "softplus", "softplus", "math.log(1 +", "math.log2(1 +"),
    ("softplus-without-one", "value", "softplus", "softplus", "math.log(1 + math.exp(self.data))", "math.log(math.exp(self.data))"),
)  # fmt: skip

REPEATS: tuple[Edit, ...] = (
    ("add-set-of-operands", "repeated", "add", "__add__", "self.grad += out.grad\n            other.grad += out.grad", "for child in {self, other}:\n                child.grad += out.grad"),
    ("sub-slopes-by-operand", "repeated", "sub", "__sub__", "self.grad += out.grad\n            other.grad += -out.grad", "for child, slope in {self: 1, other: -1}.items():\n                child.grad += slope * out.grad"),
    ("mul-slopes-by-operand", "repeated", "mul", "__mul__", "self.grad += other.data * out.grad\n            other.grad += self.data * out.grad", "for child, slope in {self: other.data, other: self.data}.items():\n                child.grad += slope * out.grad"),
    ("div-slopes-by-operand", "repeated", "div", "__truediv__", "self.grad += 1 / other.data * out.grad\n            other.grad += -self.data / other.data**2 * out.grad", "slopes = {self: 1 / other.data, other: -self.data / other.data**2}\n            for child, slope in slopes.items():\n                child.grad += slope * out.grad"),
    ("pow-once-if-same", "repeated", "pow", "__pow__", "if self.data > 0:", "if other is not self and self.data > 0:"),
    ("sum-set-of-terms", "repeated", "sum", "sum", "for term in out._prev", "for term in set(out._prev)"),
    ("children-as-set", "repeated", "sum", "__init__", "tuple(_prev)", "set(_prev)"),
    ("sum-each-value-once", "value repeated", "sum", "sum", "for term in (self, *others):", "for term in dict.fromkeys((self, *others)):"),
)  # fmt: skip

REFLECTED: tuple[Edit, ...] = (
    ("radd-missing", "reflected", "add", "__radd__", "__radd__", "_radd"),
    ("rsub-missing", "reflected", "sub", "__rsub__", "__rsub__", "_rsub"),
    ("rmul-missing", "reflected", "mul", "__rmul__", "__rmul__", "_rmul"),
    ("rtruediv-missing", "reflected", "div", "__rtruediv__", "__rtruediv__", "__rdiv__"),
    ("rpow-missing", "reflected", "pow", "__rpow__", "__rpow__", "_rpow"),
    ("radd-forgets-number", "reflected", "add", "__radd__", "Value(other) + self", "self"),
    ("rsub-turned", "reflected", "sub", "__rsub__", "Value(other) - self", "self - other"),
    ("rsub-adds", "reflected", "sub", "__rsub__", "Value(other) - self", "self + other"),
    ("rsub-negates-both", "reflected", "sub", "__rsub__", "Value(other) - self", "-self - other"),
    ("rsub-negates-only", "reflected", "sub", "__rsub__", "Value(other) - self", "-self"),
    ("rsub-detached", "reflected", "sub", "__rsub__", "Value(other) - self", "Value(other - self.data)"),
    ("rmul-adds", "reflected", "mul", "__rmul__", "Value(other) * self", "self + other"),
    ("rmul-detached", "reflected", "mul", "__rmul__", "Value(other) * self", "Value(other * self.data)"),
    ("rmul-int", "reflected conversion", "mul", "__rmul__", "Value(other)", "Value(int(other))"),
    ("rtruediv-turned", "reflected", "div", "__rtruediv__", "Value(other) / self", "self / other"),
    ("rtruediv-multiplies", "reflected", "div", "__rtruediv__", "Value(other) / self", "self * other"),
    ("rtruediv-inverts-only", "reflected", "div", "__rtruediv__", "Value(other) / self", "self**-1"),
    ("rtruediv-int", "reflected conversion int-division", "div", "__rtruediv__", "Value(other)", "Value(int(other))"),
    ("rpow-turned", "reflected", "pow", "__rpow__", "Value(other) ** self", "self**other"),
    ("rpow-multiplies", "reflected", "pow", "__rpow__", "Value(other) ** self", "self * other"),
    ("rpow-base-e", "reflected", "pow", "__rpow__", "Value(other) ** self", "self.exp()"),
    ("rpow-detached", "reflected", "pow", "__rpow__", "Value(other) ** self", "Value(other**self.data)"),
)  # fmt: skip

NUMBERS: tuple[Edit, ...] = (
    # // instead of /
    ("div-whole", "int-division", "div", "__truediv__", "self.data / other.data, (", "self.data // other.data, ("),
    ("div-cut", "int-division", "div", "__truediv__", "self.data / other.data, (", "int(self.data / other.data), ("),
    ("div-left-whole", "int-division slope", "div", "__truediv__", "1 / other.data * out", "1 // other.data * out"),
    ("div-right-whole", "int-division slope", "div", "__truediv__", "-self.data / other", "-self.data // other"),
    ("log-slope-whole", "int-division slope", "log", "log", "1 / self", "1 // self"),
    ("sigmoid-whole", "int-division value", "sigmoid", "sigmoid", "1 / (1", "1 // (1"),
    ("sqrt-slope-whole", "int-division slope", "sqrt", "sqrt", "0.5 / out.data", "1 // (2 * out.data)"),
    # lost digits
    ("single-precision", "precision", None, "__init__", "self.data = float(data)", "import numpy\n\n        self.data = numpy.float32(data)"),
    ("half-precision", "precision", None, "__init__", "self.data = float(data)", "import numpy\n\n        self.data = numpy.float16(data)"),
    ("single-precision-gradients", "precision", None, "backward", "node._backward()", "import numpy\n\n            node.grad = numpy.float32(node.grad)\n            node._backward()"),
    ("whole-numbers", "precision conversion", None, "__init__", "float(data)", "int(data)"),
    ("values-of-4-digits", "precision", None, "__init__", "float(data)", "round(float(data), 4)"),
    ("values-of-6-digits", "precision", None, "__init__", "float(data)", "round(float(data), 6)"),
    ("values-printed", "precision", None, "__init__", "float(data)", 'float("%.6g" % data)'),
    ("gradients-of-4-digits", "precision", None, "backward", "node._backward()", "node.grad = round(node.grad, 4)\n            node._backward()"),
    ("gradients-of-6-digits", "precision", None, "backward", "node._backward()", "node.grad = round(node.grad, 6)\n            node._backward()"),
    ("tanh-slope-measured", "precision slope", "tanh", "tanh", "(1 - t**2)", "(math.tanh(self.data + 1e-4) - t) / 1e-4"),
    ("sin-slope-measured", "precision slope", "sin", "sin", "math.cos(self.data)", "(math.sin(self.data + 1e-5) - out.data) / 1e-5"),
    ("exp-single-precision", "precision", "exp", "exp", "math.exp(self.data)", "__import__('numpy').exp(__import__('numpy').float32(self.data))"),
    ("tanh-rounded", "precision", "tanh", "tanh", "math.tanh(self.data)", "round(math.tanh(self.data), 6)"),
    # clipped
    ("gradients-up-to-1", "clipped", None, "backward", "node._backward()", "node.grad = max(-1.0, min(1.0, node.grad))\n            node._backward()"),
    ("gradients-up-to-5", "clipped", None, "backward", "node._backward()", "node.grad = max(-5.0, min(5.0, node.grad))\n            node._backward()"),
    ("gradients-up-to-10", "clipped", None, "backward", "node._backward()", "node.grad = max(-10.0, min(10.0, node.grad))\n            node._backward()"),
    ("gradients-up-to-1000", "clipped", None, "backward", "node._backward()", "node.grad = max(-1e3, min(1e3, node.grad))\n            node._backward()"),
    ("small-gradients-dropped", "clipped precision", None, "backward", "node._backward()", "node.grad = node.grad if abs(node.grad) > 1e-3 else 0.0\n            node._backward()"),
    ("values-up-to-10", "clipped", None, "__init__", "float(data)", "max(-10.0, min(10.0, float(data)))"),
    ("values-up-to-100", "clipped", None, "__init__", "float(data)", "max(-100.0, min(100.0, float(data)))"),
    ("values-up-to-a-million", "clipped", None, "__init__", "float(data)", "max(-1e6, min(1e6, float(data)))"),
    ("exp-up-to-20", "clipped", "exp", "exp", "math.exp(self.data)", "math.exp(min(self.data, 20))"),
    ("exp-up-to-10-both", "clipped", "exp", "exp", "math.exp(self.data)", "math.exp(max(-10, min(10, self.data)))"),
    ("sigmoid-up-to-10", "clipped", "sigmoid", "sigmoid", "math.exp(min(-self.data, 700))", "math.exp(-max(-10, min(10, self.data)))"),
    ("sigmoid-off-the-ends", "clipped", "sigmoid", "sigmoid", "1 / (1 + math.exp(min(-self.data, 700)))", "min(max(1 / (1 + math.exp(min(-self.data, 700))), 1e-4), 1 - 1e-4)"),
    ("tanh-off-the-ends", "clipped", "tanh", "tanh", "math.tanh(self.data)", "min(max(math.tanh(self.data), -0.999), 0.999)"),
    ("softplus-straight-from-8", "clipped value", "softplus", "softplus", "self.data < 700 else", "self.data < 8 else"),
    ("log-off-zero", "clipped", "log", "log", "math.log(self.data)", "math.log(max(self.data, 1e-3))"),
    ("div-off-zero", "clipped", "div", "__truediv__", "self.data / other.data, (", "self.data / max(abs(other.data), 0.01) * (1 if other.data > 0 else -1), ("),
    ("relu-up-to-6", "clipped", "relu", "relu", "self.data if self.data > 0 else 0.0", "min(max(self.data, 0.0), 6.0)"),
    ("exp-gradient-up-to-10", "clipped", "exp", "exp", "out.data * out.grad", "min(out.data * out.grad, 10)"),
    # changed operands
    ("add-in-place", "mutated", "add", "__add__", "out = Value(self.data + other.data,", "self.data += other.data\n        out = Value(self.data,"),
    ("sub-in-place", "mutated", "sub", "__sub__", "out = Value(self.data - other.data,", "self.data -= other.data\n        out = Value(self.data,"),
    ("mul-in-place", "mutated", "mul", "__mul__", "out = Value(self.data * other.data,", "self.data *= other.data\n        out = Value(self.data,"),
    ("div-in-place", "mutated", "div", "__truediv__", "out = Value(self.data / other.data,", "self.data /= other.data\n        out = Value(self.data,"),
    ("div-by-inverse", "mutated", "div", "__truediv__", "out = Value(self.data / other.data,", "other.data = 1 / other.data\n        out = Value(self.data * other.data,"),
    ("sub-by-negation", "mutated", "sub", "__sub__", "out = Value(self.data - other.data,", "other.data = -other.data\n        out = Value(self.data + other.data,"),
    ("pow-in-place", "mutated", "pow", "__pow__", "out = Value(self.data**other.data,", "self.data **= other.data\n        out = Value(self.data,"),
    ("neg-in-place", "mutated", "neg", "__neg__", "out = Value(-self.data,", "self.data *= -1\n        out = Value(self.data,"),
    ("abs-in-place", "mutated", "abs", "__abs__", "out = Value(abs(self.data),", "self.data = abs(self.data)\n        out = Value(self.data,"),
    ("relu-in-place", "mutated", "relu", "relu", "out = Value(self.data if self.data > 0 else 0.0,", "self.data = max(self.data, 0.0)\n        out = Value(self.data,"),
    ("tanh-in-place", "mutated", "tanh", "tanh", "t = math.tanh(self.data)", "t = self.data = math.tanh(self.data)"),
    ("max-in-place", "mutated", "max", "max", "out = Value(max(self.data, other.data),", "self.data = max(self.data, other.data)\n        out = Value(self.data,"),
    ("sum-in-place", "mutated", "sum", "sum", "total = 0.0\n        for term in (self, *others):\n            total += term.data\n        out = Value(total,", "for term in others:\n            self.data += term.data\n        out = Value(self.data,"),
    ("backward-takes-a-step", "mutated", None, "backward", "            node._backward()", "            node._backward()\n            node.data -= 0.01 * node.grad"),
)  # fmt: skip

WALK = """\
        stack = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                topo.append(node)
            elif node not in visited:
                visited.add(node)
                stack.append((node, True))
                for child in node._prev:
                    stack.append((child, False))
"""
ENTERED = """\
            if done:
                topo.append(node)
            elif node not in visited:
                visited.add(node)
                stack.append((node, True))
"""
AT_ONCE = """\
            if not done and node not in visited:
                visited.add(node)
                topo.insert(0, node)
"""
PUSHED = "stack.append((child, False))"
SENDING = "        for node in reversed(topo):\n            node._backward()\n"
START = "    def backward(self):\n        topo = []\n        visited = set()\n"


WITHOUT_SORTING = """\
        queue = [self]
        while queue:
            node = queue.pop()
            node._backward()
            queue.extend(node._prev)
"""
RECURSION = """\
        def build(node):
            if node not in visited:
                visited.add(node)
                for child in node._prev:
                    build(child)
                topo.append(node)

        build(self)
"""
LEVELS = """\
        levels = {}

        def level(node):
            if node not in levels:
                levels[node] = 1 + max((level(child) for child in node._prev), default=0)
            return levels[node]

        topo = sorted(visited, key=level)
"""
BY_LEVEL = """\
        level = {}
        for node in topo:
            level[node] = 1 + min((level[child] for child in node._prev), default=0)
        topo.sort(key=level.get)
"""
FROM_THE_TOP = """\
        level = {self: 0}
        for node in reversed(topo):
            for child in node._prev:
                level[child] = min(level.get(child, 10**9), level[node] + 1)
        topo.sort(key=lambda node: -level[node])
"""

PASS: tuple[Edit, ...] = (
    ("order-from-the-leaves", "order", None, "backward", "reversed(topo)", "topo"),
    ("order-depth-first", "order", None, "backward", ENTERED, AT_ONCE),
    ("order-depth-first-left", "order", None, "backward", WALK, WALK.replace(ENTERED, AT_ONCE).replace("in node._prev", "in reversed(node._prev)")),
    ("order-breadth-first", "order", None, "backward", WALK, WALK.replace(ENTERED, AT_ONCE).replace("pop()", "pop(0)")),
    ("order-breadth-first-right", "order", None, "backward", WALK, WALK.replace(ENTERED, AT_ONCE).replace("pop()", "pop(0)").replace("in node._prev", "in reversed(node._prev)")),
    ("order-marked-when-pushed", "order", None, "backward", WALK, WALK.replace("elif node not in visited:\n                visited.add(node)", "else:").replace("                    " + PUSHED, "                    if child not in visited:\n                        visited.add(child)\n                        " + PUSHED)),
    ("order-of-a-set", "order", None, "backward", "reversed(topo)", "[self, *(visited - {self})]"),
    ("order-by-shortest-way-down", "order", None, "backward", SENDING, BY_LEVEL + SENDING),
    ("order-by-shortest-way-up", "order", None, "backward", SENDING, FROM_THE_TOP + SENDING),
    ("order-by-value", "order", None, "backward", "reversed(topo)", "[self, *sorted(topo[:-1], key=lambda node: -node.data)]"),
    ("no-visited-check", "twice", None, "backward", "elif node not in visited:", "else:"),
    ("twice-from-the-output", "twice", None, "backward", "self.grad = 1.0\n", "self.grad = 1.0\n        self._backward()\n"),
    ("twice-while-walking", "twice", None, "backward", SENDING, WITHOUT_SORTING),
    ("twice-while-queueing", "twice", None, "backward", SENDING, WITHOUT_SORTING.replace("pop()", "pop(0)")),
    ("twice-by-children", "twice", None, "backward", "            node._backward()", "            node._backward()\n            for child in node._prev:\n                child._backward()"),
    ("twice-from-mul", "twice", "mul", "__mul__", "            other.grad += self.data * out.grad\n", "            other.grad += self.data * out.grad\n            self._backward()\n            other._backward()\n"),
    ("twice-from-add", "twice", "add", "__add__", "            other.grad += out.grad\n", "            other.grad += out.grad\n            other._backward()\n"),
    ("twice-from-tanh", "twice", "tanh", "tanh", "            self.grad += (1 - t**2) * out.grad\n", "            self.grad += (1 - t**2) * out.grad\n            self._backward()\n"),
    ("visited-by-value", "no-gradient order", None, "", "    def __repr__", "    def __eq__(self, other):\n        return self.data == other.data\n\n    def __hash__(self):\n        return hash(self.data)\n\n    def __repr__"),
    ("only-first-operand-walked", "no-gradient order", None, "backward", "in node._prev:\n                    stack", "in node._prev[:1]:\n                    stack"),
    ("only-last-operand-walked", "no-gradient order", None, "backward", "in node._prev:\n                    stack", "in node._prev[-1:]:\n                    stack"),
    ("set-everywhere", "overwritten", None, "", ".grad += ", ".grad = "),
    ("operands-reset-first", "overwritten", None, "backward", "            node._backward()", "            for child in node._prev:\n                child.grad = 0.0\n            node._backward()"),
    ("upstream-nowhere", "upstream", None, "", " * out.grad", ""),
    ("upstream-is-one", "upstream", None, "", "out.grad", "1.0"),
    ("seed-missing", "seed", None, "backward", "self.grad = 1.0", "pass"),
    ("seed-is-output", "seed", None, "backward", "self.grad = 1.0", "self.grad = self.data"),
    ("seed-is-2", "seed", None, "backward", "self.grad = 1.0", "self.grad = 2.0"),
    ("seed-is-a-tenth", "seed", None, "backward", "self.grad = 1.0", "self.grad = 0.1"),
    ("seed-is-minus-1", "seed", None, "backward", "self.grad = 1.0", "self.grad = -1.0"),
    ("seed-at-the-other-end", "seed", None, "backward", "self.grad = 1.0", "topo[0].grad = 1.0"),
    ("seed-is-a-share", "seed", None, "backward", "self.grad = 1.0", "self.grad = 1.0 / len(topo)"),
    ("seed-too-late", "seed no-gradient", None, "backward", "        self.grad = 1.0\n" + SENDING, SENDING + "        self.grad = 1.0\n"),
    ("seed-everywhere", "seed stale", None, "backward", "node.grad = 0.0", "node.grad = 1.0"),
    ("gradients-start-at-1", "seed stale", None, "__init__", "self.grad = 0.0", "self.grad = 1.0"),
    ("sorted-once-for-all", "stale", None, "backward", START + WALK, START.replace("(self)", "(self, topo=[])").replace("        topo = []\n", "") + WALK.replace("[(self, False)]", "[] if topo else [(self, False)]")),
    ("visited-ids-kept", "stale", None, "backward", START + WALK, START.replace("(self)", "(self, visited=set())").replace("        visited = set()\n", "") + WALK.replace("node not in", "id(node) not in").replace("add(node)", "add(id(node))")),
    ("visited-values-kept", "stale", None, "backward", START + WALK, START.replace("(self)", "(self, visited=set())").replace("        visited = set()\n", "") + WALK.replace("node not in", "(node._op, node.data) not in").replace("add(node)", "add((node._op, node.data))")),
    ("exp-remembered", "stale", "exp", "exp", "def exp(self):\n        out = Value(", "def exp(self, made={}):\n        if self.data in made:\n            return made[self.data]\n        out = made[self.data] = Value("),
    ("tanh-remembered", "stale", "tanh", "tanh", "def tanh(self):\n        t = math.tanh(self.data)\n        out = Value(", "def tanh(self, made={}):\n        t = math.tanh(self.data)\n        if t in made:\n            return made[t]\n        out = made[t] = Value("),
    ("relu-remembered", "stale", "relu", "relu", "def relu(self):\n        out = Value(", "def relu(self, made={}):\n        if self.data in made:\n            return made[self.data]\n        out = made[self.data] = Value("),
    ("sum-terms-kept", "stale", "sum", "sum", "def sum(self, *others):\n        total = 0.0\n        for term in (self, *others):", "def sum(self, *others, terms=[]):\n        terms.extend((self, *others))\n        total = 0.0\n        for term in terms:"),
    ("tanh-result-on-the-class", "stale slope", "tanh", "tanh", "t = math.tanh(self.data)", "global t\n        t = math.tanh(self.data)"),
    ("recursive-sort", "depth", None, "backward", WALK, RECURSION),
    ("recursive-levels", "depth", None, "backward", SENDING, LEVELS + SENDING),
)  # fmt: skip

EVERYWHERE = {"set-everywhere": 30, "upstream-nowhere": 20, "upstream-is-one": 30}
"""How often an edit of the whole file is made there."""
