"""Engines whose class can't be used as it is: that is said once, with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.grade.test_hostile import engine, graded, refused

if TYPE_CHECKING:
    from tests.command_line import Shell

WITHOUT: Final = {
    "del Value.backward": (
        "Value has no backward. Name what does its work: --op backward=METHOD or "
        "backward=MODULE:FUNCTION"
    ),
    "Value.reverse = Value.backward; Value.backward = None": (
        "Value.backward is not a function but None. If reverse does its work, "
        "add --op backward=reverse"
    ),
    "Value.backward = 3": "Value.backward is not a function but int: 3. Name",
    "Value.backward = lambda a, seed, graph: None": (
        "Value.backward needs more arguments than a seed: (seed, graph). Name"
    ),
    "Value._Value__backward = Value.backward; del Value.backward": "Value has no backward. Name",
    "del Value.backward; Value.__name__ = '\\x1b[2J'": "\\u{1b}[2J has no backward",
    "Value.backward = lambda a, order: reversed(order)": (
        "<lambda> can't be called with a seed: TypeError: 'float' object is not reversible. Write"
    ),
    "Value.backward = lambda a, gradient: gradient.data": (
        "<lambda> can't be called with a seed: AttributeError: 'float' object has no attribute"
    ),
    "Value.backward = lambda a, update: None; Value.backward.__annotations__['update'] = bool": (
        "<lambda> takes update, which is True or False, instead of a seed. Write a function of a"
    ),
    "Value.backward = property(lambda a: None)": "Value.backward is not a function but None. Name",
}
"""What is done to the class, and what is said."""

WITH: Final = {
    "once = Value.backward; Value.backward = lambda a, seed=1.0, *more, flag=False: once(a)": "",
    "once = Value.backward; Value.backward = lambda a, seed: once(a)": "",
    "once = Value.backward; Value.backward = lambda a, seed: once(a) or len(3)": (
        "TypeError: object of type 'int' has no len()"
    ),
    "once = Value.backward; Value.backward = property(lambda a: lambda: once(a))": "",
    "once = Value.backward; Value.backward = property(lambda a: a.made() or (lambda: once(a)))": (
        "AttributeError: 'Value' object has no attribute 'made'"
    ),
    "backward = Value.backward; del Value.backward": "",
    "backward = Value.backward; Value.backward = None": "",
    "once = Value.backward; backward = lambda v, seed=1.0: once(v); del Value.backward": "",
    "once = Value.backward; Value.backward = lambda a, b, c: None; backprop = once": "",
}
"""Engines that have a backward, and which error comes from their cases."""


def test_class_without_backward(shell: Shell) -> None:
    """The reason stands once in the JSON, and no case is run."""
    for does, says in WITHOUT.items():
        said = shell("grade", engine(shell, does), "graph.json", "--json")
        assert (said.status, said.err) == (1, ""), does
        assert said.json["problem"].startswith(says), (does, said.json["problem"])
        assert said.json["summary"]["failed"] is True
        assert [case["outcome"] for case in said.json["cases"]] == ["unsupported"] * 2


def test_problem_is_said_once(shell: Shell) -> None:
    """The text has the reason once, before the summary."""
    said = shell("grade", engine(shell, "del Value.backward"), "graph.json")
    assert said.status == 1
    _, problem, summary = said.out.split("\n\n")
    assert " ".join(problem.split()) == f"no case can be run: {WITHOUT['del Value.backward']}"
    assert summary == "2 cases: 0 ok, 2 unsupported\n"


def test_backward_in_other_forms(shell: Shell) -> None:
    """A backward with a seed, with options, as a property or as a function is called as it is."""
    for does, error in WITH.items():
        cases = graded(shell, engine(shell, does))
        assert {case["outcome"] for case in cases} == {"crashed" if error else "ok"}, does
        assert {case["note"] or "" for case in cases} == {error}, does


def test_backward_that_is_named(shell: Shell) -> None:
    """What the message says to add makes the engine gradable."""
    name = engine(shell, "Value.reverse = Value.backward; Value.backward = None")
    cases = graded(shell, name, "--op", "backward=reverse")
    assert [case["outcome"] for case in cases] == ["ok"] * 2


SPLIT: Final = """
class Node:
    pass
class Leaf(Node):
    def __init__(self, data):
        self.data, self.grad = data, 0.0
    def __add__(self, other):
        return Sum(self, other)
class Sum(Node):
    def __init__(self, a, b):
        self.a, self.b, self.data, self.grad = a, b, a.data + b.data, 0.0
    def backward(self):
        self.grad = self.a.grad = self.b.grad = 1.0
Value = Leaf
"""


def test_backward_of_results_only(shell: Shell) -> None:
    """A leaf's class needs no backward if the class of results has one."""
    nodes = [{"id": name, "op": "param", "data": 1.0} for name in "ab"]
    nodes.append({"id": "y", "op": "add", "args": ["a", "b"]})
    run = {"origin": "by hand", "data": {"y": 2.0}, "grad": {"a": 1.0, "b": 1.0, "y": 1.0}}
    shell.write("sum.json", {"mgraph": "1.0", "nodes": nodes, "outputs": ["y"], "runs": [run]})
    (case,) = graded(shell, engine(shell, SPLIT), file="sum.json")
    assert case["outcome"] == "ok"


OF_EACH_NODE: Final = """
class Node:
    %s
    def __init__(self, data, operands=()):
        self.data, self.grad, self.operands = data, 0.0, operands
        self.backward = lambda: None
    def __add__(self, other):
        out = Node(self.data + other.data, (self, other))
        def backward():
            self.grad += out.grad
            other.grad += out.grad
        out.backward = backward
        return out
    def __mul__(self, other):
        out = Node(self.data * other.data, (self, other))
        def backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.backward = backward
        return out
    def %s(self):
        nodes = [self]
        for node in nodes:
            nodes += [operand for operand in node.operands if operand not in nodes]
        self.grad = 1.0
        for node in nodes:
            node.backward()
"""
"""Each node has a function `backward` for its op, and the class another one for all of them."""


def test_backward_of_each_node(shell: Shell) -> None:
    """What the op of a node does is not taken for the whole pass, nor named as what may be it."""
    slots = "__slots__ = ('data', 'grad', 'operands', 'backward')"
    shell.write("node.py", OF_EACH_NODE % (slots, "backprop"))
    cases = graded(shell, "node.py:Node")
    assert [case["outcome"] for case in cases] == ["ok"] * 2
    says = {
        "backward_all": (
            "Node has no backward. If backward_all does its work, add --op backward=backward_all"
        ),
        "go": (
            "Node has no backward in the class; each Node has its own backward, for one op. Write "
            "a function that does a whole pass, and name it: --op backward=MODULE:FUNCTION"
        ),
    }
    for name, sentence in says.items():
        shell.write("node.py", OF_EACH_NODE % ("", name))
        said = shell("grade", "node.py:Node", "graph.json", "--json")
        assert said.json["problem"] == sentence


def test_function_in_the_place_of_a_gradient(shell: Shell) -> None:
    """A function that an op puts where the gradient belongs is not called, and is named."""
    misplaced = """
    add = Value.__add__
    def __add__(self, other):
        out = add(self, other)
        out.grad = lambda: 3.0
        return out
    Value.__add__, Value.backward = __add__, lambda self: None
    """
    for case in graded(shell, engine(shell, misplaced)):
        assert case["outcome"] == "wrong gradient"
        assert "not a number but a function" in case["note"]


TAPE: Final = """
class Taped(Value):
    def __init__(self, data, tape):
        super().__init__(data)
        self.tape = tape
def leaf(x):
    return Taped(x, [])
"""


def test_misspelt_init(shell: Shell) -> None:
    """A class that takes no number because it has no __init__ is told so, not to write another."""
    shell.write("node.py", (OF_EACH_NODE % ("", "backprop")).replace("__init__", "__inti__"))
    line = refused(shell("grade", "node.py:Node", "graph.json"))
    assert line.endswith("TypeError: Node() takes no arguments; the class has no __init__")


def test_factory_function(shell: Shell) -> None:
    """A class that wants more than a number is graded through a function that makes its Values."""
    engine(shell, TAPE)
    line = refused(shell("grade", "hostile.py:Taped", "graph.json"))
    assert "missing 1 required positional argument: 'tape'" in line
    assert "write a function of one number that returns a Value, and name that" in line
    assert [case["outcome"] for case in graded(shell, "hostile.py:leaf")] == ["ok"] * 2


ARRAYS: Final = """
class Variable(Value):
    def __init__(self, data, prev=()):
        if not hasattr(data, "shape"):
            raise TypeError("{} is not supported".format(type(data)))
def leaf(x):
    return Value(x)
class Named(Value):
    def __init__(self, name, data=None):
        super().__init__(0.0)
        self.name, self.data = name, data
class Slow(Value):
    def __init__(self, data):
        super().__init__(len(data))
"""


def test_constructor_that_refuses_floats(shell: Shell) -> None:
    """What to do is said if the class wants an array, or a name before the number."""
    engine(shell, ARRAYS)
    line = refused(shell("grade", "hostile.py:Variable", "graph.json"))
    assert "TypeError: <class 'float'> is not supported; if the class wants an array" in line
    assert "write a function of one number that returns a Value, and name that" in line
    line = refused(shell("grade", "hostile.py:Named", "graph.json"))
    assert "has its number in name; if the class wants more than a number, write a" in line
    line = refused(shell("grade", "hostile.py:Slow", "graph.json"))
    assert "'float' has no len(); if the class wants an array" in line


def test_text_of_several_lines(shell: Shell) -> None:
    """The first line of an error says what is wrong; NumPy's last one is a link."""
    text = "module 'numpy' has no attribute 'int'.\\n`np.int` was an alias.\\n    https://numpy.org"
    engine(shell, f'raise AttributeError("{text}")')
    line = refused(shell("grade", "hostile.py:Value", "graph.json"))
    assert line.endswith("AttributeError: module 'numpy' has no attribute 'int'.")


SLOTS: Final = """
class Tensor:
    __slots__ = ("data", "grad", "prev", "requires_grad")
    def __init__(self, data, prev=()):
        self.data, self.grad, self.prev, self.requires_grad = data, 0.0, prev, False
        self.requires_grad = any(x.requires_grad for x, _ in prev)
    def __mul__(self, other):
        return Tensor(self.data * other.data, ((self, other.data), (other, self.data)))
    def __add__(self, other):
        return Tensor(self.data + other.data, ((self, 1.0), (other, 1.0)))
    def backward(self, seed=1.0):
        if self.requires_grad:
            self.grad += seed
            for x, slope in self.prev:
                x.backward(seed * slope)
def leaf(x):
    return Tensor(x)
"""


def test_slots_that_ask_for_gradients(shell: Shell) -> None:
    """A Value of a function is asked for its gradient even if its attributes are slots."""
    engine(shell, SLOTS)
    assert [case["outcome"] for case in graded(shell, "hostile.py:leaf")] == ["ok"] * 2


def test_gradient_of_an_unusual_name(shell: Shell) -> None:
    """It is found by its numbers, and named; the output's gradient isn't said to be missing."""
    source = SLOTS.replace("__slots__", "names").replace("requires_grad = data", "wanted = data")
    source = source.replace("requires_grad", "wanted").replace("False", "True")
    source = source.replace("any(x.wanted for x, _ in prev)", "True").replace("grad", "push")
    engine(shell, source)
    said = shell("grade", "hostile.py:leaf", "graph.json", "--json")
    (cause,) = said.json["causes"]
    assert said.status == 1
    assert cause["says"] == (
        "a Value seems to have its gradient in push, which is not a usual name for it: --op "
        "grad=push"
    )
    cases = graded(shell, "hostile.py:leaf", "--op", "grad=push")
    assert [case["outcome"] for case in cases] == ["ok"] * 2
    engine(shell, source.replace("push", "der"))
    assert [case["outcome"] for case in graded(shell, "hostile.py:leaf")] == ["ok"] * 2
