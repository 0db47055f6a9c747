/* An engine for graph files of mgraph's formats 1.0 and 1.1, in C11 with jansson.
 *
 * It reads documents from standard input, runs each forward and backward, and answers with the same
 * document, with "data" and "grad" added to its run. ../README.md describes the protocol, and
 * ../../docs/format.md the format; this file implements its sections "evaluation" and "ops".
 */

#include <ctype.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Intermediate results must be doubles, too: x87 registers would round differently. */
_Static_assert(FLT_EVAL_METHOD == 0, "compile for arithmetic in double, e.g. with -mfpmath=sse");

static const char *const FORMATS[] = {"1.0", "1.1"};

enum { FAULT = 1, UNSUPPORTED = 3 };

/* Print an error in one line, and exit. Control characters quoted from a document are replaced. */
_Noreturn static void fail(int status, const char *format, ...) {
  char sentence[512];
  va_list values;
  va_start(values, format);
  vsnprintf(sentence, sizeof sentence, format, values);
  va_end(values);
  for (char *at = sentence; *at; at++)
    if (iscntrl((unsigned char)*at)) *at = '?';
  fprintf(stderr, "%s%s\n", status == UNSUPPORTED ? "unsupported: " : "", sentence);
  exit(status);
}

/* Zeroed memory for `count` items; calloc checks the product for overflow. */
static void *memory(size_t count, size_t size) {
  void *start = calloc(count ? count : 1, size);
  if (!start) fail(FAULT, "there is not enough memory");
  return start;
}

/* ---- Ops ---------------------------------------------------------------------------------- */

/* Two forms, because e^-x overflows far below zero. */
static double logistic(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double ramp(double x) { return x > 0 || isnan(x) ? x : 0; }
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

/* Not fmax, which may return either zero, and prefers a number to NaN. */
static bool above(double a, double b) { return a > b || isnan(a); }
static bool below(double a, double b) { return a < b || isnan(a); }
static double share(bool is_tie, bool wins) { return is_tie ? 0.5 : wins ? 1 : 0; }

/* One line per op: its name, its number of arguments, its value, and its partials by the first and
 * by the second argument; a and b are the arguments, y is the value. `sum` takes one argument or
 * more: its line is for one addition, and these go from left to right. */
#define OPS(ROW)                                                                                   \
  ROW(add, 2, a + b, 1, 1)                                                                         \
  ROW(sub, 2, a - b, 1, -1)                                                                        \
  ROW(mul, 2, a * b, b, a)                                                                         \
  ROW(div, 2, a / b, 1 / b, -y / b)                                                                \
  ROW(pow, 2, pow(a, b),                                                                           \
      b == 0 ? 0 : b * pow(a, b - 1), /* the zeros are the format's choice: */                     \
      a == 0 && b >= 0 ? 0 : y * log(a)) /* the formulas give 0 * inf */                           \
  ROW(max, 2, above(a, b) ? a : b, share(a == b, above(a, b)), share(a == b, !above(a, b)))        \
  ROW(min, 2, below(a, b) ? a : b, share(a == b, below(a, b)), share(a == b, !below(a, b)))        \
  ROW(sum, ANY, a + b, 1, 1)                                                                       \
  ROW(neg, 1, -a, -1, 0)                                                                           \
  ROW(abs, 1, fabs(a), sign(a), 0)                                                                 \
  ROW(sqrt, 1, sqrt(a), 0.5 / y, 0)                                                                \
  ROW(exp, 1, exp(a), y, 0)                                                                        \
  ROW(log, 1, log(a), 1 / a, 0)                                                                    \
  ROW(sin, 1, sin(a), cos(a), 0)                                                                   \
  ROW(cos, 1, cos(a), -sin(a), 0)                                                                  \
  ROW(tan, 1, tan(a), 1 + y * y, 0)                                                                \
  ROW(atan, 1, atan(a), 1 / (1 + a * a), 0)                                                        \
  ROW(sinh, 1, sinh(a), cosh(a), 0)                                                                \
  ROW(cosh, 1, cosh(a), sinh(a), 0)                                                                \
  ROW(tanh, 1, tanh(a), 1 - y * y, 0)                                                              \
  ROW(sigmoid, 1, logistic(a), y * (1 - y), 0)                                                     \
  ROW(softplus, 1, ramp(a) + log1p(exp(-fabs(a))), logistic(a), 0)                                 \
  ROW(relu, 1, ramp(a), a > 0 ? 1 : 0, 0)                                                          \
  /* since format 1.1: */                                                                          \
  ROW(erf, 1, erf(a), 1.1283791670955126 * exp(-(a * a)), 0)                                       \
  ROW(log1p, 1, log1p(a), 1 / (1 + a), 0)                                                          \
  ROW(expm1, 1, expm1(a), exp(a), 0)                                                               \
  ROW(asin, 1, asin(a), 1 / sqrt((1 - a) * (1 + a)), 0)                                            \
  ROW(acos, 1, acos(a), -1 / sqrt((1 - a) * (1 + a)), 0)                                           \
  ROW(atan2, 2, atan2(a, b), b / (a * a + b * b), -a / (a * a + b * b))                            \
  ROW(gate, 2, a > 0 ? b : 0, 0, a > 0 ? 1 : 0)

enum { ANY = -1 };

/* From the table: the ops as an enumeration, their names and arities, values, and partials. */
typedef enum {
  INPUT,
  PARAM,
  CONST,
#define ROW(name, arity, value, by_a, by_b) OP_##name,
  OPS(ROW)
#undef ROW
      OP_COUNT
} Op;

static const struct {
  const char *name;
  int arity;
} KNOWN[OP_COUNT] = {
    {"input", 0},
    {"param", 0},
    {"const", 0},
#define ROW(name, arity, value, by_a, by_b) {#name, arity},
    OPS(ROW)
#undef ROW
};

static double value_of(Op op, double a, double b) {
  switch (op) {
#define ROW(name, arity, value, by_a, by_b) \
  case OP_##name:                           \
    return value;
    OPS(ROW)
#undef ROW
    default:
      abort(); /* a leaf is not computed */
  }
}

static double partial_of(Op op, size_t argument, double a, double b, double y) {
  switch (op) {
#define ROW(name, arity, value, by_a, by_b) \
  case OP_##name:                           \
    return argument == 0 ? (by_a) : (by_b);
    OPS(ROW)
#undef ROW
    default:
      abort();
  }
}

/* ---- The graph ---------------------------------------------------------------------------- */

typedef struct {
  const char *id; /* belongs to the document */
  Op op;
  size_t arity;
  size_t *args; /* indices of nodes; points into the graph's args */
  bool is_bound; /* a leaf that has a value */
  bool is_output;
} Node;

typedef struct {
  size_t count;
  Node *nodes;   /* in the order of the file */
  json_t *index; /* id -> index; jansson's objects are hash tables */
  size_t *args;  /* of all nodes, one after the other */
  size_t *order; /* of evaluation */
  double *primal;
  double *adjoint;
  bool *has; /* whether a node has an adjoint: "no path" is not the same as "zero" */
} Graph;

static void release(Graph *graph) {
  json_decref(graph->index);
  free(graph->nodes);
  free(graph->args);
  free(graph->order);
  free(graph->primal);
  free(graph->adjoint);
  free(graph->has);
}

static const char *id_of(const json_t *json) {
  const char *id = json_string_value(json);
  /* A JSON string may contain U+0000, an id may not. */
  if (!id || strlen(id) != json_string_length(json)) fail(FAULT, "an id is not a valid string");
  return id;
}

static size_t index_of(const Graph *graph, const char *id) {
  const json_t *index = json_object_get(graph->index, id);
  if (!index) fail(FAULT, "\"%s\" is not a node", id);
  return (size_t)json_integer_value(index);
}

/* JSON can't write NaN and the infinities as numbers, so they are strings there. */
static double number_of(const json_t *json, const char *id) {
  if (json_is_real(json)) return json_real_value(json);
  const char *text = json_is_string(json) ? json_string_value(json) : "";
  if (strcmp(text, "nan") == 0) return NAN;
  if (strcmp(text, "inf") == 0) return INFINITY;
  if (strcmp(text, "-inf") == 0) return -INFINITY;
  fail(FAULT, "the value of \"%s\" is not a number", id);
}

static json_t *spelled(double x) {
  if (isnan(x)) return json_string("nan");
  if (isinf(x)) return json_string(x > 0 ? "inf" : "-inf");
  return json_real(x);
}

static Op op_of(const json_t *json, const char *id) {
  const char *name = json_string_value(json);
  if (!name) fail(FAULT, "node \"%s\" has no op", id);
  for (int op = 0; op < OP_COUNT; op++)
    if (strcmp(KNOWN[op].name, name) == 0) return (Op)op;
  fail(UNSUPPORTED, "op \"%s\"", name);
}

/* Read the nodes without their arguments, which may come later in the file. */
static void read_nodes(Graph *graph, const json_t *list) {
  size_t i, args = 0;
  json_t *item;
  json_array_foreach(list, i, item) {
    Node *node = &graph->nodes[i];
    node->id = id_of(json_object_get(item, "id"));
    node->op = op_of(json_object_get(item, "op"), node->id);
    node->arity = json_array_size(json_object_get(item, "args"));
    int takes = KNOWN[node->op].arity;
    if (takes == ANY ? node->arity < 1 : node->arity != (size_t)takes)
      fail(FAULT, "node \"%s\" has the wrong number of arguments, %zu", node->id, node->arity);
    args += node->arity;
    json_t *data = json_object_get(item, "data");
    node->is_bound = data != NULL;
    if (data) graph->primal[i] = number_of(data, node->id);
    if (json_object_get(graph->index, node->id))
      fail(FAULT, "two nodes have the id \"%s\"", node->id);
    if (json_object_set_new(graph->index, node->id, json_integer((json_int_t)i)))
      fail(FAULT, "the id of node %zu can't be kept", i);
  }
  graph->args = memory(args, sizeof *graph->args);
}

static void read_args(Graph *graph, const json_t *list) {
  size_t i, j, *next = graph->args;
  json_t *item, *arg;
  json_array_foreach(list, i, item) {
    graph->nodes[i].args = next;
    json_array_foreach(json_object_get(item, "args"), j, arg) *next++ = index_of(graph, id_of(arg));
  }
}

static Graph read_graph(const json_t *list) {
  if (!json_is_array(list)) fail(FAULT, "the nodes must be a list");
  size_t count = json_array_size(list);
  Graph graph = {
      .count = count,
      .index = json_object(),
      .nodes = memory(count, sizeof *graph.nodes),
      .order = memory(count, sizeof *graph.order),
      .primal = memory(count, sizeof *graph.primal),
      .adjoint = memory(count, sizeof *graph.adjoint),
      .has = memory(count, sizeof *graph.has),
  };
  read_nodes(&graph, list);
  read_args(&graph, list);
  return graph;
}

/* ---- The order of evaluation -------------------------------------------------------------- */

/* A heap: the smallest number comes out first. */
typedef struct {
  size_t count;
  size_t *items;
} Heap;

static void push(Heap *heap, size_t item) {
  size_t i = heap->count++;
  for (size_t up; i > 0 && heap->items[up = (i - 1) / 2] > item; i = up)
    heap->items[i] = heap->items[up];
  heap->items[i] = item;
}

static size_t pop(Heap *heap) {
  size_t *items = heap->items, smallest = items[0], item = items[--heap->count], i = 0;
  for (size_t down; (down = 2 * i + 1) < heap->count; i = down) {
    if (down + 1 < heap->count && items[down + 1] < items[down]) down++;
    if (items[down] >= item) break;
    items[i] = items[down];
  }
  items[i] = item;
  return smallest;
}

/* Whether every node comes after its arguments; then the order is that of the file. */
static bool is_in_order(const Graph *graph) {
  for (size_t i = 0; i < graph->count; i++)
    for (size_t j = 0; j < graph->nodes[i].arity; j++)
      if (graph->nodes[i].args[j] >= i) return false;
  return true;
}

/* users[first[i]] ... users[first[i + 1] - 1] are the users of node i. */
static void find_users(const Graph *graph, size_t *first, size_t *users) {
  for (size_t i = 0; i < graph->count; i++)
    for (size_t j = 0; j < graph->nodes[i].arity; j++) first[graph->nodes[i].args[j] + 1]++;
  for (size_t i = 0; i < graph->count; i++) first[i + 1] += first[i];
  /* Fill each list from its end, going from the last user to the first. */
  size_t *next = memory(graph->count, sizeof *next);
  memcpy(next, first + 1, graph->count * sizeof *next);
  for (size_t i = graph->count; i-- > 0;)
    for (size_t j = graph->nodes[i].arity; j-- > 0;) users[--next[graph->nodes[i].args[j]]] = i;
  free(next);
}

/* Of all nodes whose arguments are done, the one that comes first in the file is next. The order
 * decides how sums of adjoints are rounded. */
static void sort(Graph *graph) {
  size_t n = graph->count, done = 0, args = 0;
  for (size_t i = 0; i < n; i++) args += graph->nodes[i].arity;
  size_t *first = memory(n + 1, sizeof *first);
  size_t *users = memory(args, sizeof *users);
  size_t *waits_for = memory(n, sizeof *waits_for);
  Heap ready = {0, memory(n, sizeof *ready.items)};
  find_users(graph, first, users);
  for (size_t i = 0; i < n; i++)
    if ((waits_for[i] = graph->nodes[i].arity) == 0) push(&ready, i);
  while (ready.count > 0) {
    size_t i = graph->order[done++] = pop(&ready);
    for (size_t k = first[i]; k < first[i + 1]; k++)
      if (--waits_for[users[k]] == 0) push(&ready, users[k]);
  }
  if (done < n) fail(FAULT, "a node depends on itself");
  free(first);
  free(users);
  free(waits_for);
  free(ready.items);
}

static void find_order(Graph *graph) {
  if (!is_in_order(graph)) {
    sort(graph);
    return;
  }
  for (size_t i = 0; i < graph->count; i++) graph->order[i] = i;
}

/* ---- Forward and backward ----------------------------------------------------------------- */

/* Loops instead of recursion, because a graph may be a million nodes deep. */
static void forward(Graph *graph) {
  for (size_t k = 0; k < graph->count; k++) {
    size_t i = graph->order[k];
    const Node *node = &graph->nodes[i];
    if (node->arity == 0) continue;
    double y = graph->primal[node->args[0]];
    if (KNOWN[node->op].arity == 1) y = value_of(node->op, y, 0);
    for (size_t j = 1; j < node->arity; j++)
      y = value_of(node->op, y, graph->primal[node->args[j]]);
    graph->primal[i] = y;
  }
}

static void give(Graph *graph, size_t i, double amount) {
  if (graph->nodes[i].op == CONST) return; /* a const gets no gradient */
  graph->adjoint[i] += amount; /* +=, because a node may be used several times, even by one op */
  graph->has[i] = true;
}

static void backward(Graph *graph) {
  for (size_t k = graph->count; k-- > 0;) {
    size_t i = graph->order[k]; /* all nodes that use it are done, so its adjoint is complete */
    const Node *node = &graph->nodes[i];
    if (!graph->has[i] || node->arity == 0) continue;
    double a = graph->primal[node->args[0]];
    double b = node->arity > 1 ? graph->primal[node->args[1]] : 0;
    for (size_t j = 0; j < node->arity; j++)
      give(graph, node->args[j],
           graph->adjoint[i] * partial_of(node->op, j, a, b, graph->primal[i]));
  }
}

/* ---- The run ------------------------------------------------------------------------------ */

static void read_inputs(Graph *graph, json_t *inputs) {
  const char *id;
  json_t *x;
  json_object_foreach(inputs, id, x) {
    size_t i = index_of(graph, id);
    if (graph->nodes[i].op != INPUT && graph->nodes[i].op != PARAM)
      fail(FAULT, "the run sets \"%s\", which is not an input or param", id);
    graph->primal[i] = number_of(x, id);
    graph->nodes[i].is_bound = true;
  }
  for (size_t i = 0; i < graph->count; i++)
    if (graph->nodes[i].arity == 0 && !graph->nodes[i].is_bound)
      fail(FAULT, "leaf \"%s\" has no value", graph->nodes[i].id);
}

static void read_outputs(Graph *graph, const json_t *outputs) {
  if (json_array_size(outputs) == 0) fail(FAULT, "there are no outputs");
  size_t i;
  json_t *output;
  json_array_foreach(outputs, i, output) {
    graph->nodes[index_of(graph, id_of(output))].is_output = true;
  }
}

/* Without a seed, the only output starts with 1. */
static void read_seeds(Graph *graph, json_t *seeds, const json_t *outputs) {
  if (json_object_size(seeds) == 0) {
    if (json_array_size(outputs) > 1) fail(FAULT, "several outputs need a seed");
    give(graph, index_of(graph, id_of(json_array_get(outputs, 0))), 1);
  }
  const char *id;
  json_t *seed;
  json_object_foreach(seeds, id, seed) {
    size_t i = index_of(graph, id);
    if (!graph->nodes[i].is_output) fail(FAULT, "the seed \"%s\" is not an output", id);
    if (!json_is_real(seed)) fail(FAULT, "the seed of \"%s\" is not a finite number", id);
    give(graph, i, json_real_value(seed));
  }
}

static void write_table(const Graph *graph, json_t *run, const char *field, const double *numbers,
                        const bool *has) {
  json_t *table = json_object();
  for (size_t k = 0; k < graph->count; k++) {
    size_t i = graph->order[k];
    if (has && !has[i]) continue;
    if (json_object_set_new(table, graph->nodes[i].id, spelled(numbers[i])))
      fail(FAULT, "there is not enough memory");
  }
  if (json_object_set_new(run, field, table)) fail(FAULT, "the run is not an object");
}

/* Complete the only run of a document. */
static void complete(json_t *document) {
  const json_t *version = json_object_get(document, "mgraph");
  if (!version) fail(FAULT, "this is not a graph file: it has no field \"mgraph\"");
  if (!json_is_string(version)) fail(FAULT, "the format is not a string");
  if (strcmp(json_string_value(version), FORMATS[0]) != 0 &&
      strcmp(json_string_value(version), FORMATS[1]) != 0)
    fail(UNSUPPORTED, "format \"%s\"", json_string_value(version));
  json_t *runs = json_object_get(document, "runs");
  if (json_array_size(runs) != 1) fail(FAULT, "there must be exactly one run");
  json_t *run = json_array_get(runs, 0);
  json_t *outputs = json_object_get(document, "outputs");

  Graph graph = read_graph(json_object_get(document, "nodes"));
  read_outputs(&graph, outputs);
  find_order(&graph);
  read_inputs(&graph, json_object_get(run, "inputs"));
  forward(&graph);
  read_seeds(&graph, json_object_get(run, "seed"), outputs);
  backward(&graph);
  write_table(&graph, run, "data", graph.primal, NULL);
  write_table(&graph, run, "grad", graph.adjoint, graph.has);
  release(&graph);
}

/* ---- Standard input and output ------------------------------------------------------------ */

static bool has_more(FILE *file) {
  int next;
  do next = getc(file);
  while (next == ' ' || next == '\t' || next == '\r' || next == '\n');
  return next != EOF && ungetc(next, file) != EOF;
}

int main(void) {
  /* The first flag allows more input after a document; with the second, all numbers are doubles,
   * even the integer -0. */
  const size_t flags = JSON_DISABLE_EOF_CHECK | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
  while (has_more(stdin)) {
    json_error_t error;
    json_t *document = json_loadf(stdin, flags, &error);
    if (!document) fail(FAULT, "line %d, column %d: %s", error.line, error.column, error.text);
    complete(document);
    /* With 17 digits, every double reads back as the same double. */
    int failed = json_dumpf(document, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (failed || putchar('\n') == EOF || fflush(stdout) == EOF)
      fail(FAULT, "the answer can't be written");
    json_decref(document);
  }
  return 0;
}
