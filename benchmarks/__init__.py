"""How fast mgraph is, compared with peers and limits that are measured at the same time.

In the checkout, `python -m benchmarks` prints every table as Markdown;
`python -m benchmarks startup values big chain` prints only these. `--quick` takes small sizes, to
see whether it runs, and `--docs` writes docs/benchmarks.md, its pictures and the README's table.
"""
