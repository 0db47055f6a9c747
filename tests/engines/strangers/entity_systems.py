"""Autograd as an entity-component system. A Value is a handle; its number is the key of every component."""
import math


class World:
    def __init__(self):
        self.born = 0
        self.value = {}
        self.gradient = {}      # static entities (constants) have none
        self.recipe = {}        # only crafted entities have one
        self.inflow = {}        # what arrives during a backward tick; gone afterwards

    def spawn(self, value, static=False):
        entity = self.born
        self.born += 1
        self.value[entity] = value
        if not static:
            self.gradient[entity] = 0.0
        return entity

    def craft(self, kind, *inputs):
        forge = FORGE[kind]
        entity = self.spawn(forge(*[self.value[i] for i in inputs]))
        self.recipe[entity] = kind, inputs
        return entity


def mark_system(world, root):
    marked, frontier = {root}, [root]
    while frontier:
        entity = frontier.pop()
        if entity not in world.recipe:
            continue
        kind, inputs = world.recipe[entity]
        for i in inputs:
            if i not in marked:
                marked.add(i)
                frontier.append(i)
    return marked


def backward_system(world, root):
    # whatever is crafted is younger than its inputs
    order = sorted(mark_system(world, root), reverse=True)
    world.inflow[root] = 1.0
    for entity in order:
        g = world.inflow.pop(entity, 0.0)
        if entity in world.gradient:
            world.gradient[entity] += g
        if entity in world.recipe:
            kind, inputs = world.recipe[entity]
            args = [world.value[i] for i in inputs]
            drops = SALVAGE[kind](*args, world.value[entity])
            for i, d in zip(inputs, drops):
                if i in world.gradient:
                    world.inflow[i] = world.inflow.get(i, 0.0) + d * g


def power_slopes(a, b, y):
    base = b * a ** (b - 1) if b else 0.0
    return base, y * math.log(a) if a > 0 else 0.0


FORGE = {
    'add': lambda a, b: a + b, 'sub': lambda a, b: a - b,
    'mul': lambda a, b: a * b, 'div': lambda a, b: a / b,
    'pow': lambda a, b: a ** b, 'max': max, 'min': min,
}
SALVAGE = {
    'add': lambda a, b, y: (1.0, 1.0),
    'sub': lambda a, b, y: (1.0, -1.0),
    'mul': lambda a, b, y: (b, a),
    'div': lambda a, b, y: (1 / b, -y / b),
    'pow': power_slopes,
    'max': lambda a, b, y: (1.0, 0.0) if a >= b else (0.0, 1.0),
    'min': lambda a, b, y: (1.0, 0.0) if a <= b else (0.0, 1.0),
}
for kind, forge, slope in [
    ('neg', lambda a: -a, lambda a, y: -1.0),
    ('exp', math.exp, lambda a, y: y),
    ('log', math.log, lambda a, y: 1 / a),
    ('tanh', math.tanh, lambda a, y: 1 - y * y),
    ('sigmoid', lambda a: (math.tanh(a / 2) + 1) / 2, lambda a, y: y * (1 - y)),
    ('relu', lambda a: max(a, 0.0), lambda a, y: float(a > 0)),
    ('sin', math.sin, lambda a, y: math.cos(a)),
    ('cos', math.cos, lambda a, y: -math.sin(a)),
]:
    FORGE[kind] = forge
    SALVAGE[kind] = lambda a, y, slope=slope: (slope(a, y),)


WORLD = World()


def entity_of(x):
    return x.entity if isinstance(x, Value) else WORLD.spawn(float(x), static=True)


def handle(entity):
    v = Value.__new__(Value)
    v.entity = entity
    return v


def craft(kind, *inputs):
    return handle(WORLD.craft(kind, *[entity_of(x) for x in inputs]))


class Value:
    __slots__ = ('entity',)

    def __init__(self, x):
        self.entity = WORLD.spawn(float(x))

    @property
    def data(self):
        return WORLD.value[self.entity]

    @property
    def grad(self):
        return WORLD.gradient.get(self.entity, 0.0)

    @grad.setter
    def grad(self, g):
        WORLD.gradient[self.entity] = g

    def backward(self):
        backward_system(WORLD, self.entity)

    def __add__(self, o): return craft('add', self, o)
    def __radd__(self, o): return craft('add', o, self)
    def __sub__(self, o): return craft('sub', self, o)
    def __rsub__(self, o): return craft('sub', o, self)
    def __mul__(self, o): return craft('mul', self, o)
    def __rmul__(self, o): return craft('mul', o, self)
    def __truediv__(self, o): return craft('div', self, o)
    def __rtruediv__(self, o): return craft('div', o, self)
    def __pow__(self, o): return craft('pow', self, o)
    def __rpow__(self, o): return craft('pow', o, self)
    def __neg__(self): return craft('neg', self)
    def max(self, o): return craft('max', self, o)
    def min(self, o): return craft('min', self, o)
    def exp(self): return craft('exp', self)
    def log(self): return craft('log', self)
    def tanh(self): return craft('tanh', self)
    def sigmoid(self): return craft('sigmoid', self)
    def relu(self): return craft('relu', self)
    def sin(self): return craft('sin', self)
    def cos(self): return craft('cos', self)
    def sqrt(self): return craft('pow', self, 0.5)
